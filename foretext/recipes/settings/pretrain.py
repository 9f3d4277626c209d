"""Settings of `foretext pretrain`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from foretext.model import settings as model_settings
from foretext.model.settings import ModelShape
from foretext.paths import NameOrPath
from foretext.settings import Settings, refuse_without
from foretext.training.settings import LoopSettings, OptimizerSettings


class PretrainSettings(Settings):
    """Pre-training; the defaults are the paper's."""

    # Smaller models take a higher rate and, having seen each token less than once, no dropout: departures, printed.
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "gpt1": model_settings.PRESETS["gpt1"],
        **{
            name: {
                **model_settings.PRESETS[name],
                "learning_rate": rate,
                "warmup": 200,
                "epochs": 1.0,
                "embedding_dropout": 0.0,
                "attention_dropout": 0.0,
                "residual_dropout": 0.0,
            }
            for name, rate in {"small": 1e-3, "mini": 1e-3, "tiny": 2e-3}.items()
        },
    }
    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Training": ("updates", "epochs", "batch", "learning_rate", "start", "seed", "device"),
        "Model": ("layers", "width", "heads", "context"),
        "Output": ("out", "resume", "extend"),
    }
    INSTEAD: ClassVar[Mapping[str, tuple[str, ...]]] = {"minutes": ("updates", "epochs")}

    corpus: Path
    """Folder that `foretext prepare` made."""
    out: Path
    """Folder of the run; the finished model is saved there."""
    start: NameOrPath | None = None
    """A model to go on from, by name, folder or RUN@update, instead of new weights: on your own text, say. The
    corpus must have been prepared with its tokenizer. Sizes and form are its own where none are given; with
    rotary positions the context may be another."""
    resume: bool = False
    """Go on with the run in --out from its newest checkpoint."""
    verify: bool = False
    """Read the whole corpus and compare it with its hashes before the training begins; else this is done beside it."""
    extend: bool = False
    """Go on with the run in --out, finished or not, to more updates or epochs than it was begun with; the learning
    rate follows the schedule of the new length from there on."""
    updates: int = Field(0, ge=0)
    """Length of the run; 0 means as many as --epochs asks for."""
    epochs: float = Field(100.0, gt=0)
    """Passes over the corpus, when --updates is 0."""
    batch: int = Field(64, ge=1)
    """Windows in one update."""
    learning_rate: float = Field(2.5e-4, gt=0)
    """Peak of the learning rate."""
    warmup: int = Field(2_000, ge=0)
    """Updates over which the learning rate rises, before it falls as --schedule says."""
    schedule: Literal["cosine", "flat"] = "cosine"
    """cosine: after the warm-up the learning rate falls along half a cosine. flat: it stays, and falls in a straight
    line over the last updates, as --fall says."""
    fall: float = Field(0.25, gt=0, le=1)
    """Share of the updates over which a flat learning rate falls to 0."""
    validation_tokens: int = Field(200_000, ge=1)
    """Most tokens of the validation set that one validation reads."""
    probe: tuple[NameOrPath, ...] = ()
    """Also answer these tasks without training, by the paper's zero-shot heuristics, at each validation: names of
    published ones (CoLA, SST-2, DPR, …), TOML files with the settings of a labelled file, or a folder of tasks."""
    probe_rows: int = Field(500, ge=0)
    """Most examples of a task that one probe reads; 0 means all."""
    seed: int = Field(0, ge=0)
    """Decides weights, windows and dropout."""
    allow_unknown: bool = False
    """Go on though more than half of the text is of characters that the vocabulary has no piece for."""
    keep: Literal["last", "best"] | None = None
    """Which weights to keep: the last, or the best by the loss on validation. Not given: the last, and the best where
    --patience ended the run."""
    model: ModelShape = ModelShape()
    optimizer: OptimizerSettings = OptimizerSettings()
    loop: LoopSettings = LoopSettings()

    @model_validator(mode="after")
    def _fall_is_of_a_flat_rate(self) -> PretrainSettings:
        refuse_without(self, ("fall",), "schedule", "flat")
        return self
