"""The checkpoints of a run: complete training states on disk, from which it goes on to the bit.

RUN/checkpoints/update-00000500/{model.safetensors, optimizer.safetensors, state.json}
RUN/checkpoints/latest       the name of the newest complete checkpoint
RUN/checkpoints/{model.json, tokenizer.json}     what they are checkpoints of
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from foretext.checkpoints.tensor_file import NotFinite
from foretext.checkpoints.tensors import fill, load_tensors, read_json, save_tensors
from foretext.errors import ModelError
from foretext.files import atomic_folder, write_json, write_text
from foretext.leftovers import remove_leftovers

NAME = re.compile(r"update-[0-9]{8,}")

log = logging.getLogger(__name__)

Parts = Mapping[str, Mapping[str, torch.Tensor]]  # the tensors of a checkpoint, by name, in parts that have a file each


class HoldsState(Protocol):
    """An optimizer, of which a checkpoint needs its state alone."""

    @property
    def state(self) -> Any:
        """Tensors by name for each parameter."""

    def kept(self, parameter: torch.nn.Parameter) -> tuple[str, ...]:
        """The names of the tensors that `state` has for a parameter."""


@dataclass(frozen=True)
class Checkpoint:
    """A complete training state on disk."""

    folder: Path
    state: dict[str, Any]  # the update it stands before, the best score so far, …

    @property
    def update(self) -> int:
        """The update it stands before, which is how many it has seen."""
        return int(self.state["update"])


@dataclass(frozen=True)
class RunCheckpoints:
    """The checkpoints of one run, in the folder `path`."""

    path: Path

    def save(self, parts: Parts, state: dict[str, Any], *, keep: int, protect: Collection[int] = ()) -> None:
        """A checkpoint of `parts` and `state`, then the `latest` pointer; only then older ones go, all but `keep`.

        Each part is a file of tensors by name. The checkpoints of `state["best_update"]` and of the updates in
        `protect` are kept besides. Every file is on the disk, and was read back, before the checkpoint has its name.

        Raises:
            NotFinite: a number that was to be written is not finite.
            DiskFull: there is no space left; the checkpoints before are as they were.
        """
        folder = self._folder(state["update"])
        try:
            with atomic_folder(folder) as made:
                checksums = {name: save_tensors(made / f"{name}.safetensors", part) for name, part in parts.items()}
                write_json(made / "state.json", {**state, "sha256": checksums})
        except (NotFinite, ValueError) as error:  # JSON has no NaN
            raise NotFinite(
                f"no checkpoint is written after update {state['update']}: {error}; those before it stay. A lower "
                "--learning-rate or a longer --warmup helps most often"
            ) from error
        write_text(self.path / "latest", folder.name + "\n")
        self.prune(keep, {*protect, state.get("best_update")})

    def latest(self) -> Checkpoint | None:
        """The newest complete checkpoint; None if there is none at all. A damaged newer one is passed over, and said.

        Raises:
            ModelError: there are checkpoints, and every one is damaged.
        """
        found = next(self.complete(), None)
        if found is None and (names := self.names()):
            raise ModelError(
                f"each of the {len(names)} checkpoints in {self.path} is damaged, so that the run cannot go on: put "
                "one back from a copy, or begin again in another --out"
            )
        return found

    def complete(self) -> Iterator[Checkpoint]:
        """The complete checkpoints, newest first; damaged ones are passed over, and it is said why."""
        for folder in reversed(self._folders()):
            try:
                yield self._whole(folder)
            except ModelError as error:
                log.warning("checkpoint %s is passed over: %s", folder.name, error)

    def at(self, update: int) -> Checkpoint:
        """The checkpoint after so many updates.

        Raises:
            ModelError: it is missing or damaged.
        """
        return self._whole(self._folder(update))

    def names(self) -> list[str]:
        """The names of all checkpoints, oldest first."""
        return [folder.name for folder in self._folders()]

    def restore(self, checkpoint: Checkpoint, model: torch.nn.Module, optimizer: HoldsState | None = None) -> None:
        """Puts a checkpoint's tensors into `model` and, if given, `optimizer`."""
        file = checkpoint.folder / "model.safetensors"
        fill(model, load_tensors(file), file)
        if optimizer is not None:
            file = checkpoint.folder / "optimizer.safetensors"
            _fill_optimizer(model, optimizer, load_tensors(file), file)

    def part(self, checkpoint: Checkpoint, name: str) -> dict[str, torch.Tensor]:
        """The tensors of a further part of a checkpoint; none where it was saved without."""
        checksum = checkpoint.state.get("sha256", {}).get(name)
        file = checkpoint.folder / f"{name}.safetensors"
        return {} if checksum is None else load_tensors(file, checksum=checksum)

    def restore_best(self, update: int, model: torch.nn.Module) -> None:
        """Puts the weights of the checkpoint before `update` into `model`.

        Raises:
            ModelError: it is missing or damaged.
        """
        self.restore(self.at(update), model)

    def remove_leftovers(self) -> None:
        """Removes the checkpoints that were being written when their process was killed; only for who holds the run."""
        remove_leftovers(self.path, ("latest", "update-*", "model.json", "tokenizer.json"))

    def _whole(self, folder: Path) -> Checkpoint:
        """The checkpoint in `folder`, every file of which is as it was saved.

        Raises:
            ModelError: it is not.
        """
        state = read_json(folder / "state.json")
        checksums = state.get("sha256")
        if not isinstance(state.get("update"), int) or not isinstance(checksums, dict):
            raise ModelError(f"{folder / 'state.json'} does not say what the checkpoint holds")
        if folder != self._folder(state["update"]):
            raise ModelError(f"{folder / 'state.json'} is of update {state['update']}; the folder was renamed")
        for name, checksum in checksums.items():
            load_tensors(folder / f"{name}.safetensors", checksum=checksum)
        return Checkpoint(folder, state)

    def updates(self) -> list[int]:
        """The updates that checkpoints stand before, whole or not, in their order."""
        return sorted(int(folder.name.removeprefix("update-")) for folder in self._folders())

    def state_of(self, update: int) -> dict[str, Any]:
        """The state that the checkpoint before `update` keeps; nothing where there is none."""
        try:
            return read_json(self._folder(update) / "state.json")
        except ModelError:
            return {}

    def remove_after(self, update: int) -> None:
        """Takes away the checkpoints behind `update`, the newest first, so that no gap is left on the way."""
        for later in reversed([each for each in self.updates() if each > update]):
            shutil.rmtree(self._folder(later))

    def restate(self, update: int, changed: Mapping[str, Any]) -> None:
        """Writes what has `changed` into the state of a checkpoint, which is the newest from now on."""
        file = self._folder(update) / "state.json"
        write_json(file, {**read_json(file), **changed})
        write_text(self.path / "latest", self._folder(update).name + "\n")

    def prune(self, keep: int, protected: Collection[int | None]) -> None:
        """Takes away all but the newest `keep` and those of the updates that are `protected`."""
        newest = self._folders()[-keep:]
        staying = {*newest, *(self._folder(update) for update in protected if update is not None)}
        for folder in self._folders():
            if folder not in staying:
                shutil.rmtree(folder)

    def _folder(self, update: int) -> Path:
        return self.path / f"update-{update:08d}"

    def _folders(self) -> list[Path]:
        """The folders of all checkpoints, oldest first."""
        found = [folder for folder in self.path.glob("update-*") if NAME.fullmatch(folder.name) and folder.is_dir()]
        return sorted(found, key=lambda folder: int(folder.name.partition("-")[2]))


def training_parts(model: torch.nn.Module, optimizer: HoldsState) -> dict[str, Mapping[str, torch.Tensor]]:
    """What a checkpoint of a training has: the tensors of the model, and those of the optimizer's state."""
    moments = {
        f"{name}/{kind}": value
        for name, parameter in model.named_parameters()
        for kind, value in optimizer.state.get(parameter, {}).items()
    }
    return {"model": dict(model.named_parameters()), "optimizer": moments}


def _fill_optimizer(
    model: torch.nn.Module, optimizer: HoldsState, tensors: Mapping[str, torch.Tensor], source: Path
) -> None:
    parameters = dict(model.named_parameters())
    held = {key.rpartition("/")[0] for key in tensors} & parameters.keys()
    missing = sorted({f"{name}/{kind}" for name in held for kind in optimizer.kept(parameters[name])} - tensors.keys())
    if missing:
        raise ModelError(f"{source} does not fit the model: it lacks {missing[0]}")
    for key, value in tensors.items():
        name, _, kind = key.rpartition("/")
        parameter = parameters.get(name)
        if parameter is None or (kind != "step" and value.shape != parameter.shape):
            raise ModelError(f"{source} does not fit the model: {key} has shape {tuple(value.shape)}")
        if kind not in optimizer.kept(parameter):
            raise ModelError(f"{source} is of another optimizer: it has {key}")
        device = torch.device("cpu") if kind == "step" and parameter.device.type == "cpu" else parameter.device
        optimizer.state[parameter][kind] = value.to(device)
