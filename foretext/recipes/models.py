"""Which models can be called by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from foretext.checkpoints.installed_models import installed_models
from foretext.checkpoints.saved_model import describe
from foretext.recipes.settings.models import ModelsSettings


@dataclass(frozen=True)
class Models:
    """Installed models by name, with what `model.json` says of each."""

    found: dict[str, dict[str, Any]]

    def lines(self) -> list[str]:
        if not self.found:
            return ["no models are installed; a finished run's folder is a model as well"]
        return [
            f"{name}: {about['layers']} layers x {about['width']}, context {about['context']}, "
            f"vocabulary {about['vocabulary']:,}; {about['folder']}"
            for name, about in self.found.items()
        ]

    def to_json(self) -> dict[str, Any]:
        return self.found


def models(settings: ModelsSettings) -> Models:
    """The installed models; no weights are loaded.

    Raises:
        ModelError: an installed model is damaged.
    """
    found = {}
    for name, folder in sorted(installed_models().items()):
        about = describe(folder)
        found[name] = {**about.model.model_dump(), "folder": str(folder), "history": about.history.to_json()}
    return Models(found)
