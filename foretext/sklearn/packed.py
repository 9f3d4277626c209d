"""A model as bytes of the files that it is saved in, so that a pickle of an estimator holds all that it needs.

Weights are bytes of safetensors, the rest is JSON; what is unpickled is checked as a model folder is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foretext.checkpoints.saved_model import FILES, SavedModel, load_model, save_model
from foretext.errors import ModelError
from foretext.front.model import Model


@dataclass(frozen=True)
class PackedModel:
    """The files of a model, and where and how it answers."""

    files: dict[str, bytes]
    device: str
    precision: str

    @classmethod
    def of(cls, model: Model) -> PackedModel:
        """The bytes of `model`; where it lies on disk is not among them."""
        with tempfile.TemporaryDirectory(prefix="foretext-") as folder:
            save_model(folder, model.saved)
            files = {name: (Path(folder) / name).read_bytes() for name in FILES}
        return cls(files, model.device, model.precision)

    def model(self) -> Model:
        """The model again, in memory alone.

        Raises:
            ModelError: the bytes are not those that were packed.
        """
        if set(self.files) != set(FILES):
            raise ModelError(
                f"a packed model holds {', '.join(FILES)}; this one has {', '.join(self.files) or 'nothing'}"
            )
        with tempfile.TemporaryDirectory(prefix="foretext-") as folder:
            for name in FILES:
                (Path(folder) / name).write_bytes(self.files[name])
            saved = load_model(folder)
        return Model(replace(saved, folder=None), self.device, self.precision)


def packed(state: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of an estimator with each model in memory as bytes; names and paths of models stay as they are."""
    return {name: _packed(value) for name, value in state.items()}


def unpacked(state: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of an estimator again."""
    return {name: value.model() if isinstance(value, PackedModel) else value for name, value in state.items()}


def _packed(value: Any) -> Any:
    if isinstance(value, SavedModel):
        value = Model(value)
    return PackedModel.of(value) if isinstance(value, Model) else value
