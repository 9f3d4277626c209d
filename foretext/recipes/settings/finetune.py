"""Settings of `foretext finetune`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from foretext.paths import NameOrPath
from foretext.settings import Settings
from foretext.tasks.labelled import LabelledDataSettings
from foretext.training.settings import LoopSettings, OptimizerSettings, PointSettings

PAPER_LEARNING_RATE = 6.25e-5  # section 4.1, at the paper's width
PAPER_WIDTH = 768
PAPER_DROPOUT = 0.1  # section 4.1
LANGUAGE_MODEL_WEIGHT = 0.5  # λ, section 4.1


class FinetuningSettings(Settings):
    """How to fine-tune, whatever model on whatever examples; the defaults are the paper's."""

    epochs: float = Field(3.0, gt=0)
    """Passes over the training examples."""
    batch: int = Field(32, ge=1)
    """Examples in one update; the last partial batch of an epoch is left out."""
    learning_rate: float | None = Field(None, gt=0)
    """Peak of the learning rate. Not given: the paper's 6.25e-5 at its width of 768, more for narrower models, in
    inverse proportion to the square of the width."""
    warmup: float = Field(0.002, ge=0, lt=1)
    """Share of the updates over which the learning rate rises, before it falls in a straight line."""
    language_model_weight: float = Field(LANGUAGE_MODEL_WEIGHT, ge=0)
    """The weight λ of the auxiliary language-model loss; 0 leaves it out."""
    dropout: float | None = Field(None, ge=0, lt=1)
    """Dropout on embeddings, attention weights and residual sums. Not given: the paper's 0.1, but 0 for an imported
    model that had none."""
    classifier_dropout: float = Field(0.1, ge=0, lt=1)
    """Dropout on the state that the task head reads."""
    scores: Literal["grades", "value"] | None = None
    """How scores are learned: grades, a soft choice among whole grades, or value, by least squares. Not given: grades
    for similarity, value for regression."""
    keep: Literal["best", "last"] = "best"
    """Which epoch's weights to keep, by the validation score."""
    points: PointSettings = PointSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    loop: LoopSettings = LoopSettings()


class FinetuneSettings(FinetuningSettings):
    """Fine-tuning of a model on labelled examples."""

    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Data": ("text", "label", "choices", "valid"),
        "Task": ("kind", "task"),
        "Training": ("epochs", "batch", "learning_rate", "transfer_layers", "seed", "device"),
        "Output": ("out", "resume", "extend"),
    }
    INSTEAD: ClassVar[Mapping[str, tuple[str, ...]]] = {"minutes": ("epochs",)}

    model: NameOrPath
    """Name of an installed model, or the folder of a pre-training run; RUN@500, RUN@best or RUN@last is a
    checkpoint of it."""
    out: Path
    """Folder of the run; the best model is saved there."""
    labelled: LabelledDataSettings = LabelledDataSettings()
    resume: bool = False
    """Go on with the run in --out from its newest checkpoint."""
    extend: bool = False
    """Go on with the run in --out, finished or not, to more epochs than it was begun with; the learning rate follows
    the schedule of the new length from there on."""
    transfer_layers: int | None = Field(None, ge=-1)
    """How much of the model to start from: -1 nothing (from scratch), 0 the embeddings, k the embeddings and k blocks.
    Not given: all of it."""
    seed: int = Field(0, ge=0)
    """Decides new weights, the order of the examples and dropout."""
