"""Settings of `foretext finetune`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from foretext.checkpoints.find import described_here
from foretext.errors import ModelError, SettingsError
from foretext.paths import NameOrPath
from foretext.settings import Seed, Settings, leaves, without_needed
from foretext.tasks.labelled import LabelledDataSettings
from foretext.training.settings import MUON, LoopSettings, OptimizerSettings, PointSettings

PAPER_LEARNING_RATE = 6.25e-5  # section 4.1, at the paper's width
PAPER_WIDTH = 768
PAPER_DROPOUT = 0.1  # section 4.1
LANGUAGE_MODEL_WEIGHT = 0.5  # λ, section 4.1


# What a model recommends gives way where one of these is given, since that settles it, or contradicts it.
SETTLES: Mapping[str, tuple[str, ...]] = {
    "epochs": ("minutes",),
    "least_updates": ("epochs", "minutes"),
    "fresh_blocks": ("transfer_layers",),
}
NEEDS: Mapping[str, tuple[str, Any]] = {
    "attend": ("language_model_weight", 0.0),
    **dict.fromkeys(MUON, ("optimizer", "muon")),
}

log = logging.getLogger(__name__)


class FinetuningSettings(Settings):
    """How to fine-tune, whatever model on whatever examples; the defaults are the paper's."""

    epochs: float = Field(3.0, gt=0)
    """Passes over the training examples."""
    least_updates: int = Field(0, ge=0)
    """At least so many updates: few examples are passed over more often than --epochs says. 0 means no such bound."""
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
    fresh_blocks: int = Field(0, ge=0)
    """How many of the last blocks start anew, as the head does, though the model has learned them."""
    layer_decay: float = Field(1.0, gt=0, le=1)
    """The rate of a block is so many times that of the block above it, the last block and the head having the whole
    rate, the embeddings that below the first block. 1 means one rate for all."""
    keep: Literal["best", "last"] = "best"
    """Which epoch's weights to keep, by the validation score."""
    points: PointSettings = PointSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    loop: LoopSettings = LoopSettings()

    @model_validator(mode="after")
    def _what_is_seen_is_not_predicted(self) -> FinetuningSettings:
        if self.points.attend == "both" and self.language_model_weight:
            raise SettingsError(
                "with --attend both each token sees those that the language-model loss would have it predict; give "
                "--language-model-weight 0 too"
            )
        return self


class FinetuneSettings(FinetuningSettings):
    """Fine-tuning of a model on labelled examples; the model may have been fine-tuned on another task before."""

    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Data": ("text", "label", "choices", "valid"),
        "Task": ("kind", "task"),
        "Training": ("epochs", "batch", "learning_rate", "recipe", "transfer_layers", "seed", "device"),
        "Output": ("out", "resume", "extend"),
    }
    INSTEAD: ClassVar[Mapping[str, tuple[str, ...]]] = {"minutes": ("epochs", "least_updates")}

    model: NameOrPath
    """Name of an installed model, or the folder of a run, be it one of fine-tuning on another task; RUN@500, RUN@best
    or RUN@last is a checkpoint of it."""
    out: Path
    """Folder of the run; the best model is saved there."""
    labelled: LabelledDataSettings = LabelledDataSettings()
    resume: bool = False
    """Go on with the run in --out from its newest checkpoint."""
    extend: bool = False
    """Go on with the run in --out, finished or not, to more epochs than it was begun with; the learning rate follows
    the schedule of the new length from there on."""
    recipe: Literal["recommended", "paper"] = "recommended"
    """recommended: what is not given is as the model recommends, if its record does, else as in the paper. paper: as in
    the paper. --print-settings shows where each value comes from."""
    transfer_layers: int | None = Field(None, ge=-1)
    """How much of the model to start from: -1 nothing (from scratch), 0 the embeddings, k the embeddings and k blocks.
    Not given: all of it, but for --fresh-blocks."""
    seed: Seed = 0
    """Decides new weights, the order of the examples and dropout."""

    @classmethod
    def implied(cls, given: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
        """What the model recommends, where it is at hand under its name."""
        if "model" not in given or not takes_recommended(given):
            return {}, ""
        model = str(given["model"])
        return recommended(described_here(model).get("recommended", {}), model, given)

    @model_validator(mode="after")
    def _fresh_blocks_or_transferred_ones(self) -> FinetuneSettings:
        if self.fresh_blocks and self.transfer_layers is not None:
            raise SettingsError(
                f"--transfer-layers {self.transfer_layers} says which blocks start anew, and so does --fresh-blocks "
                f"{self.fresh_blocks}: give one of them"
            )
        return self


def recommended(record: Any, model: str, given: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """What of a model's `record` of recommended settings is taken over beside what is given, and whose they are.

    What this version does not know is left out, and said.

    Raises:
        ModelError: the record is not a table of settings.
    """
    if not isinstance(record, Mapping):
        raise ModelError(f"{model}: recommended in its model.json is {record!r:.60}; it must be a table of settings")
    if not takes_recommended(given):
        return {}, ""
    known = recommendable()
    strange = sorted(record.keys() - known)
    if strange:
        log.warning("%s recommends what this version does not have, which is left out: %s", model, ", ".join(strange))
    found = {
        name: value
        for name, value in record.items()
        if name in known and not any(other in given for other in (name, *SETTLES.get(name, ())))
    }
    return without_needed(found, given, NEEDS), f"recommended by {model}"


def takes_recommended(given: Mapping[str, Any]) -> bool:
    """Whether what the model recommends counts where nothing else is given."""
    return bool(given.get("recipe", "recommended") == "recommended")


def recommendable() -> set[str]:
    """The settings that a model may recommend: how to fine-tune, but not where, how fast and how long to keep what."""
    return {name for name, leaf in leaves(FinetuningSettings).items() if leaf.path[0] != "loop"}
