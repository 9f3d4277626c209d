"""Settings of `foretext perplexity`."""

from __future__ import annotations

from pydantic import Field

from foretext.paths import NameOrPath
from foretext.settings import Settings


class PerplexitySettings(Settings):
    """Which model, on which text."""

    model: NameOrPath
    """Name of an installed model, or the folder of a run; RUN@500, RUN@best or RUN@last is a checkpoint of it."""
    inputs: tuple[NameOrPath, ...] = Field(min_length=1)
    """Files (.txt, .jsonl, also .gz, .bz2, .xz or .zst; .parquet), folders of them, or - for standard input."""
    stride: int | None = Field(None, ge=1)
    """By how many tokens the window of what is read at once moves on through a long document. A small one gives each
    token more of the text before it, and takes longer. Not given: half the model's context."""
    update: int | None = Field(None, ge=0)
    """The model as it stood after so many updates of pre-training, where the run kept that checkpoint."""
    field: str = "text"
    """Field of JSON lines, or column of Parquet, that holds the text."""
    strict: bool = False
    """Make the first bad byte or bad record an error instead of counting it."""
    allow_unknown: bool = False
    """Go on though more than half of the text is of characters that the vocabulary has no piece for."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
