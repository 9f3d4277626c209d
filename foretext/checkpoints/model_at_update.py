"""A model by the name that a person gives, or at some update of its run: `RUN@500`, `RUN@best`, `RUN@last`.

RUN/checkpoints/{model.json, tokenizer.json} say what its checkpoints are checkpoints of, finished or not.
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from foretext.checkpoints.find import find_model, split_name
from foretext.checkpoints.history import at_update
from foretext.checkpoints.run_checkpoints import Checkpoint
from foretext.checkpoints.run_folder import RunFolder
from foretext.checkpoints.saved_model import SavedModel, describe, load_model
from foretext.errors import SettingsError
from foretext.model.gpt import GPT
from foretext.tokenizer import Tokenizer


def load_named(name: str | Path) -> SavedModel:
    """The model called `name`: an installed one, a folder, or a checkpoint of a run, finished or not.

    Raises:
        UnknownName: there is no such model.
        ModelError: a file of it is missing, truncated or altered.
        SettingsError: the run kept no such checkpoint.
    """
    run, at = split_name(str(name))
    return load_checkpoint(folder := find_model(run), _kept(folder, run, at)) if at else load_model(find_model(name))


def load_at_update(name: str, update: int | None) -> SavedModel:
    """The model called `name`; with `update`, as it stood after that many updates of pre-training.

    Raises:
        ModelError: there is no such model, or it is damaged.
        SettingsError: no checkpoint of that update was kept, or the model was fine-tuned.
    """
    if update is None:
        return load_named(name)
    run, at = split_name(name)
    if at:
        raise SettingsError(f"{name} names an update already; leave out --update, or @{at}")
    if describe(_described(find_model(run))).head is not None:
        raise SettingsError(f"{name} was fine-tuned; --update is for runs of `foretext pretrain`")
    return load_named(f"{run}@{update}")


def load_checkpoint(folder: Path, checkpoint: Checkpoint) -> SavedModel:
    """The model of the run in `folder` with the weights of one of its checkpoints."""
    run, place = RunFolder(folder), _described(folder)
    about = describe(place)
    gpt = GPT(about.model, about.head, seed=None)  # filled below
    run.checkpoints.restore(checkpoint, nn.ModuleDict({"model": gpt}))  # as in the objective
    return SavedModel(
        gpt=gpt.eval(),
        tokenizer=Tokenizer.load(place),
        task=about.task,
        history=at_update(about.history, checkpoint.update, checkpoint.state.get("watched", {})),
        folder=folder,
        fingerprint=checkpoint.state["sha256"]["model"],
        recommended=about.recommended,
    )


def _described(folder: Path) -> Path:
    """The folder that says what the checkpoints of a run are checkpoints of; in runs of earlier versions, its own."""
    beside = RunFolder(folder).checkpoints.path
    return beside if (beside / "model.json").exists() else folder


def _kept(folder: Path, run: str, at: str) -> Checkpoint:
    """The checkpoint of the run that `at` names: a number of updates, best or last.

    Raises:
        SettingsError: it was not kept.
        ModelError: it is damaged.
    """
    checkpoints = RunFolder(folder).checkpoints
    updates = checkpoints.updates()
    if at in ("best", "last"):
        newest = checkpoints.latest()
        if newest is None:
            raise SettingsError(f"{run} has no checkpoint yet")
        update = newest.state.get("best_update") if at == "best" else newest.update
        if update is None:
            raise SettingsError(f"{run} was not validated yet, so that no checkpoint is the best; {run}@last is there")
    else:
        update = int(at)
    if update not in updates:
        raise SettingsError(f"{run} has no checkpoint of update {update}; kept are {_listed(updates)}")
    return checkpoints.at(update)


def _listed(updates: list[int]) -> str:
    return ", ".join(map(str, updates)) or "none at all"
