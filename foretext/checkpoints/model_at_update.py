"""A language model at some update of its pre-training: at the last, or at one whose checkpoint its run kept."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from foretext.checkpoints.find import find_model
from foretext.checkpoints.run_checkpoints import Checkpoint
from foretext.checkpoints.run_folder import RunFolder
from foretext.checkpoints.saved_model import SavedModel, describe, load_model
from foretext.errors import SettingsError


def load_at_update(name: str, update: int | None) -> SavedModel:
    """The model called `name`; with `update`, as it stood after that many updates of pre-training.

    Raises:
        ModelError: there is no such model, or it is damaged.
        SettingsError: no checkpoint of that update was kept, or the model was fine-tuned.
    """
    folder = find_model(name)
    if update is None:
        return load_model(folder)
    if describe(folder).head:
        raise SettingsError(f"{name} was fine-tuned; --update is for runs of `foretext pretrain`")
    kept = {checkpoint.update: checkpoint for checkpoint in RunFolder(folder).checkpoints.complete()}
    if update not in kept:
        known = ", ".join(str(other) for other in sorted(kept)) or "none at all"
        raise SettingsError(f"{name} has no checkpoint of update {update}; kept are {known}")
    return load_checkpoint(folder, kept[update])


def load_checkpoint(folder: Path, checkpoint: Checkpoint) -> SavedModel:
    """The language model in `folder` with the weights of one of its checkpoints."""
    saved = load_model(folder)
    named = nn.ModuleDict({"model": saved.gpt})  # as in the objective
    RunFolder(folder).checkpoints.restore(checkpoint, named)
    return saved
