"""Settings of `foretext embed`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from foretext.batch import Attend
from foretext.paths import NameOrPath
from foretext.settings import Settings
from foretext.tasks.labelled import FileSettings

Pool = Literal["last", "mean"]


class EmbedSettings(Settings):
    """Which model turns what into vectors, and where they go."""

    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Data": ("text", "choices", "format"),
        "Output": ("out", "pool"),
        "Computing": ("device",),
    }

    model: NameOrPath
    """Name of an installed model, or the folder of a run, fine-tuned or not; RUN@500, RUN@best or RUN@last is a
    checkpoint of it."""
    data: NameOrPath
    """File with the texts (CSV, TSV, JSON or Parquet), or - for standard input."""
    out: NameOrPath
    """File to write: .npy for the vectors alone, float32 (rows, width); .parquet for the columns of the input and a
    column vector."""
    pool: Pool = "last"
    """last: the state of the last token, in a fine-tuned model the extract token. mean: the mean of all states."""
    attend: Attend | None = None
    """What each token of a language model sees. causal: itself and what comes before it. both: its whole text, for
    models that were pre-trained with --masked-share. Not given: causal, and in a fine-tuned model as it was tuned."""
    text: tuple[str, ...] = ()
    """Columns of the texts. Not given: those of training; for a language model guessed."""
    choices: tuple[str, ...] = ()
    """Columns of the answers, if they are called otherwise than in training."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    tokens_per_batch: int = Field(0, ge=0)
    """How many tokens go through the model at once; 0: 1,024 on a CPU, else 8,192."""
    file: FileSettings = FileSettings()
