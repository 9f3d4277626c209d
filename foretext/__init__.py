"""Foretext: generative pre-training on raw text, then fine-tuning on a task with few labels (Radford et al. 2018).

The names below are the front door; each is loaded when it is first used, so that `import foretext` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Where each public name lives, grouped by room.
_HOMES = {
    "foretext.errors": ("ForetextError", "UsageError"),
    "foretext.tokenizer": ("Tokenizer",),
    "foretext.corpus": ("Corpus",),
    "foretext.tasks.examples": ("Example",),
    "foretext.tasks.schema": ("TaskSchema",),
    "foretext.tasks.catalogue": ("TASKS",),
    "foretext.model.settings": ("ModelSettings", "ModelShape"),
    "foretext.model.gpt": ("GPT",),
    "foretext.checkpoints.saved_model": ("SavedModel", "save_model"),
    "foretext.checkpoints.hub": ("from_pretrained", "push_to_hub", "save_pretrained"),
    "foretext.training.settings": ("LoopSettings", "OptimizerSettings"),
    "foretext.serving.predictor": ("Prediction", "Predictor"),
    "foretext.tasks.labelled": ("FileSettings", "LabelledDataSettings"),
    "foretext.front.model": ("Model", "load", "load_model"),
    "foretext.front.calls": (
        *("check", "prepare", "pretrain", "finetune", "evaluate", "predict", "embed", "generate", "perplexity"),
    ),
    "foretext.recipes.settings.check": ("CheckSettings",),
    "foretext.recipes.settings.prepare": ("PrepareSettings",),
    "foretext.recipes.settings.pretrain": ("PretrainSettings",),
    "foretext.recipes.settings.finetune": ("FinetuneSettings",),
    "foretext.recipes.settings.evaluate": ("EvaluateSettings",),
    "foretext.recipes.settings.predict": ("PredictSettings",),
    "foretext.recipes.settings.embed": ("EmbedSettings",),
    "foretext.recipes.settings.generate": ("GenerateSettings",),
    "foretext.recipes.settings.perplexity": ("PerplexitySettings",),
    "foretext.recipes.import_model": ("ImportModelSettings", "import_model"),
    "foretext.recipes.export_model": ("ExportModelSettings", "export_model"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:
    from foretext.checkpoints.hub import from_pretrained, push_to_hub, save_pretrained
    from foretext.checkpoints.saved_model import SavedModel, save_model
    from foretext.corpus import Corpus
    from foretext.errors import ForetextError, UsageError
    from foretext.front.calls import check, embed, evaluate, finetune, generate, perplexity, predict, prepare, pretrain
    from foretext.front.model import Model, load, load_model
    from foretext.model.gpt import GPT
    from foretext.model.settings import ModelSettings, ModelShape
    from foretext.recipes.export_model import export_model
    from foretext.recipes.import_model import import_model
    from foretext.recipes.settings.check import CheckSettings
    from foretext.recipes.settings.embed import EmbedSettings
    from foretext.recipes.settings.evaluate import EvaluateSettings
    from foretext.recipes.settings.export_model import ExportModelSettings
    from foretext.recipes.settings.finetune import FinetuneSettings
    from foretext.recipes.settings.generate import GenerateSettings
    from foretext.recipes.settings.import_model import ImportModelSettings
    from foretext.recipes.settings.perplexity import PerplexitySettings
    from foretext.recipes.settings.predict import PredictSettings
    from foretext.recipes.settings.prepare import PrepareSettings
    from foretext.recipes.settings.pretrain import PretrainSettings
    from foretext.serving.predictor import Prediction, Predictor
    from foretext.tasks.catalogue import TASKS
    from foretext.tasks.examples import Example
    from foretext.tasks.labelled import FileSettings, LabelledDataSettings
    from foretext.tasks.schema import TaskSchema
    from foretext.tokenizer import Tokenizer
    from foretext.training.settings import LoopSettings, OptimizerSettings


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'foretext' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
