"""Settings of `foretext reproduce`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from foretext.paths import NameOrPath
from foretext.recipes.settings.finetune import FinetuningSettings
from foretext.settings import Settings
from foretext.tasks.cutting import Cutting


class ReproduceSettings(Settings):
    """What to reproduce, with which model; how to fine-tune is the paper's unless said otherwise."""

    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Task": ("table", "figure", "plan", "data"),
        "Training": ("model", "lstm", "seeds", "epochs", "batch", "learning_rate", "train_rows", "device"),
        "Output": ("out", "keep_runs"),
    }

    task: str | None = None
    """A published task, or GLUE for its nine tasks and their average."""
    table: Literal[1, 2, 3, 4, 5] | None = None
    """A whole table instead of a task: 1 which data are at hand, 2 inference, 3 question answering and common sense, 4
    classification and similarity, 5 ablations (foretext study ablations)."""
    figure: Literal[1, 2] | None = None
    """A figure instead of a task: 1 how an example of each kind becomes what the model reads, drawn with its ids; 2
    layers transferred and zero-shot scores (foretext study layers, zero-shot)."""
    model: NameOrPath = "openai-gpt"
    """Name of a model, or the folder of a pre-training run; RUN@500, RUN@best or RUN@last is a checkpoint of it."""
    lstm: NameOrPath | None = None
    """Table 5, figure 2: a model pre-trained with an LSTM as its backbone. Not given: that variant is left out."""
    seeds: int = Field(5, ge=1)
    """How often each task is fine-tuned, under the seeds 0, 1, …; the paper's figures are of one run each."""
    out: Path = Path("reproduction")
    """Folder for the results; run again, what is there is not done again."""
    data: Path | None = None
    """Folder to look in, for NAME/ and tasks/NAME/. Not given: that of FORETEXT_DATA."""
    train_rows: int = Field(0, ge=0)
    """Train on so many examples, the same for every seed; 0 means all."""
    score_rows: int = Field(0, ge=0)
    """Score on so many examples of each set; 0 means all."""
    cutting: Cutting | None = None
    """How an example that is too long is cut: equal, fill, beginning or end, as finetune has it. Not given: beginning
    for a document, a question and answers (RACE), else equal, as the paper."""
    transfer_layers: int | None = Field(None, ge=-1)
    """How much of the model to start from: -1 nothing, 0 the embeddings, k the embeddings and k blocks. Not given: all
    of it."""
    keep_runs: bool = False
    """Keep the fine-tuned models, for `foretext submit` and `predict`; without it only their scores are kept."""
    plan: bool = False
    """Only say what is at hand, what is missing, what is done and what the rest would take on this machine, measured
    over a few updates; with neither task, table nor figure, of tables 2 to 5 and figure 2 together."""
    finetuning: FinetuningSettings = FinetuningSettings()
