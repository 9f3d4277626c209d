"""Settings of `foretext pretrain`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from foretext.errors import SettingsError
from foretext.model import settings as model_settings
from foretext.model.settings import ModelShape
from foretext.paths import NameOrPath
from foretext.settings import Seed, Settings, flag, refuse_without, was_given, without_needed
from foretext.training.settings import MUON, LoopSettings, OptimizerSettings

# One word for a set of options, each of which may be given alone: what was learned since the paper, at small sizes.
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "paper": {},
    "modern": {
        "norm": "rms",
        "norm_at": "before",
        "positions": "rotary",
        "query_key_norm": "rms",
        "shifted_key_heads": 2,
        "activation": "relu2",
        "projections_start": "zero",
        "embedding_dropout": 0.0,
        "attention_dropout": 0.0,
        "residual_dropout": 0.0,
        "optimizer": "muon",
        "learning_rate": 4e-3,
        "muon_rate": 0.02,
        "schedule": "flat",
        "fall": 0.3,
        "repeat_share": 0.1,
    },
}
# What means nothing without the value of another setting: a recipe leaves it out where that is given otherwise.
NEEDS = {
    "fall": ("schedule", "flat"),
    "rotary_base": ("positions", "rotary"),
    "learning_rate": ("optimizer", "muon"),  # which moves fewer weights by it
    **dict.fromkeys(MUON, ("optimizer", "muon")),
}

MASKS = ("mask_rate", "mask_rate_end", "masked_from")  # what means nothing without masked windows


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
        "Model": ("recipe", "layers", "width", "heads", "context"),
        "Output": ("out", "resume", "extend"),
    }
    INSTEAD: ClassVar[Mapping[str, tuple[str, ...]]] = {"minutes": ("updates", "epochs")}

    corpus: NameOrPath
    """Folder that `foretext prepare` made, or the URL of one in an object store, as s3://bucket/corpus: any that
    fsspec has a package for, which is to be installed (s3fs, gcsfs, adlfs, …)."""
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
    recipe: Literal["paper", "modern"] = "paper"
    """paper: the method as the paper has it. modern: the same with what was learned since, a set of options, each of
    which may be given otherwise, or alone; --print-settings shows them, and each is a departure that the run names."""
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
    repeat_share: float = Field(0.0, ge=0, le=1)
    """Share of the windows in which a span of tokens is made to stand twice, so that a model learns sooner to look
    back for what followed: small ones may not learn it from text alone. It takes a context of 16 tokens at least.
    Validation reads the text as it is."""
    masked_share: float = Field(0.0, ge=0, le=1)
    """Share of the windows that are read both ways, each token seeing its whole window: some of their tokens are hidden
    behind a mask, and predicted from the place before (Charpentier and Samuel 2024). For fine-tuning with --attend
    both. Validation stays causal."""
    mask_rate: float = Field(0.15, gt=0, lt=1)
    """Share of the tokens of such a window that is hidden."""
    mask_rate_end: float | None = Field(None, gt=0, lt=1)
    """What that share comes to, evenly, at the end of the run. Not given: it stays."""
    masked_from: float = Field(0.0, ge=0, lt=1)
    """Share of the updates after which such windows begin: before, all are read as in the paper."""
    validation_tokens: int = Field(200_000, ge=1)
    """Most tokens of the validation set that one validation reads."""
    probe: tuple[NameOrPath, ...] = ()
    """Also answer these tasks without training, by the paper's zero-shot heuristics, at each validation: names of
    published ones (CoLA, SST-2, DPR, …), TOML files with the settings of a labelled file, or a folder of tasks."""
    probe_rows: int = Field(500, ge=0)
    """Most examples of a task that one probe reads; 0 means all."""
    seed: Seed = 0
    """Decides weights, windows and dropout."""
    allow_unknown: bool = False
    """Go on though more than half of the text is of characters that the vocabulary has no piece for."""
    keep: Literal["last", "best"] | None = None
    """Which weights to keep: the last, or the best by the loss on validation. Not given: the last, and the best where
    --patience ended the run."""
    model: ModelShape = ModelShape()
    optimizer: OptimizerSettings = OptimizerSettings()
    loop: LoopSettings = LoopSettings()

    @classmethod
    def implied(cls, given: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
        """The options that the recipe stands for."""
        name = given.get("recipe", "paper")
        return without_needed(RECIPES.get(name, {}), given, NEEDS), f"recipe {name}"

    @model_validator(mode="after")
    def _recipe_is_spelt_out(self) -> PretrainSettings:
        open_ = [name for name in RECIPES[self.recipe] if name not in NEEDS and not was_given(self, name)]
        if open_:
            raise SettingsError(
                f"recipe {self.recipe} stands for more settings than this call has: PretrainSettings.named({{...}}) "
                f"and .preset(...) fill in {', '.join(open_)}"
            )
        return self

    @model_validator(mode="after")
    def _fall_is_of_a_flat_rate(self) -> PretrainSettings:
        refuse_without(self, ("fall",), "schedule", "flat")
        return self

    @model_validator(mode="after")
    def _masked_windows_can_be(self) -> PretrainSettings:
        if not self.masked_share:
            given = [name for name in MASKS if getattr(self, name) != type(self).model_fields[name].default]
            if given:
                raise SettingsError(f"{flag(given[0])} is for masked windows; give --masked-share too")
            return self
        if self.model.backbone != "transformer":
            raise SettingsError("--masked-share is for Transformers; an LSTM reads each window from its start")
        if not self.masked_windows:
            raise SettingsError(
                f"--masked-share {self.masked_share:g} of a batch of {self.batch} is less than half a window; give "
                f"{1 / self.batch:.3g} or more, or a larger --batch"
            )
        return self

    @property
    def masked_windows(self) -> int:
        """How many windows of an update are read both ways, once there are such."""
        return round(self.masked_share * self.batch)
