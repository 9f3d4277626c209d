"""Which models can be called by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from foretext.checkpoints.installed_models import OPENAI_GPT, SMOLLM2, SMOLLM2_INSTALL, installed_models
from foretext.checkpoints.packaged_model import packaged_file
from foretext.checkpoints.saved_model import describe
from foretext.recipes.settings.models import ModelsSettings


@dataclass(frozen=True)
class Models:
    """Models by name with what `model.json` says of each; and those to be had, with how that is done."""

    found: dict[str, dict[str, Any]]
    to_be_had: dict[str, str]

    def lines(self) -> list[str]:
        here = [
            f"{name}: {about['layers']} layers x {about['width']}, context {about['context']}, "
            f"vocabulary {about['vocabulary']:,}; {about['folder']}"
            for name, about in self.found.items()
        ]
        none = ["no models are installed; a finished run's folder is a model as well"]
        return [*(here or none), *(f"{name}: {how}" for name, how in self.to_be_had.items())]

    def to_json(self) -> dict[str, Any]:
        return {**self.found, **{name: {"to be had": how} for name, how in self.to_be_had.items()}}


def models(settings: ModelsSettings) -> Models:
    """The installed models and those to be had; no weights are loaded, and nothing is fetched.

    Raises:
        ModelError: an installed model is damaged.
    """
    found = {}
    for name, folder in sorted(installed_models().items()):
        about = describe(folder)
        found[name] = {**about.model.model_dump(), "folder": str(folder), "history": about.history.to_json()}
    return Models(found, {name: how for name, how in _to_be_had().items() if name not in found})


def _to_be_had() -> dict[str, str]:
    package = packaged_file()
    smollm2 = "SmolLM2-135M-Instruct (30 layers x 576, Apache 2.0), "
    here = f"in its package, {package}; imported when it is first named"
    return {
        OPENAI_GPT: "the paper's own model (12 layers x 768), fetched from the Hugging Face Hub when it is first named",
        SMOLLM2: smollm2 + (here if package else f"93 MB, by {SMOLLM2_INSTALL}"),
    }
