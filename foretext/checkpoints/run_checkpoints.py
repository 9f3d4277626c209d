"""The checkpoints of a run: complete training states on disk, from which it goes on to the bit.

RUN/checkpoints/update-00000500/{model.safetensors, optimizer.safetensors, state.json}
RUN/checkpoints/latest       the name of the newest complete checkpoint
"""

from __future__ import annotations

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

Parts = Mapping[str, Mapping[str, torch.Tensor]]  # the tensors of a checkpoint, by name, in parts that have a file each


class HoldsState(Protocol):
    """An optimizer, of which a checkpoint needs its state alone."""

    @property
    def state(self) -> Any:
        """Tensors by name for each parameter."""


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
        self._prune(keep, {*protect, state.get("best_update")})

    def latest(self) -> Checkpoint | None:
        """The newest complete checkpoint, or None. A damaged newer one is passed over."""
        return next(self.complete(), None)

    def complete(self) -> Iterator[Checkpoint]:
        """The complete checkpoints, newest first; damaged ones are passed over."""
        for folder in sorted(self._folders(), reverse=True):
            try:
                state = read_json(folder / "state.json")
                for name, checksum in state["sha256"].items():
                    load_tensors(folder / f"{name}.safetensors", checksum=checksum)
            except (ModelError, KeyError):
                continue
            yield Checkpoint(folder, state)

    def restore(self, checkpoint: Checkpoint, model: torch.nn.Module, optimizer: HoldsState | None = None) -> None:
        """Puts a checkpoint's tensors into `model` and, if given, `optimizer`."""
        file = checkpoint.folder / "model.safetensors"
        fill(model, load_tensors(file), file)
        if optimizer is not None:
            tensors = load_tensors(checkpoint.folder / "optimizer.safetensors")
            _fill_optimizer(model, optimizer, tensors)

    def part(self, checkpoint: Checkpoint, name: str) -> dict[str, torch.Tensor]:
        """The tensors of a further part of a checkpoint; none where it was saved without."""
        checksum = checkpoint.state.get("sha256", {}).get(name)
        file = checkpoint.folder / f"{name}.safetensors"
        return {} if checksum is None else load_tensors(file, checksum=checksum)

    def restore_best(self, update: int, model: torch.nn.Module) -> None:
        """Puts the weights of the checkpoint before `update` into `model`."""
        self.restore(Checkpoint(self._folder(update), {"update": update}), model)

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

    def _folder(self, update: int) -> Path:
        return self.path / f"update-{update:08d}"

    def _folders(self) -> list[Path]:
        return [folder for folder in self.path.glob("update-*") if folder.is_dir()]

    def _prune(self, keep: int, protected: Collection[int | None]) -> None:
        newest = sorted(self._folders())[-keep:]
        staying = {*newest, *(self._folder(update) for update in protected if update is not None)}
        for folder in self._folders():
            if folder not in staying:
                shutil.rmtree(folder)


def training_parts(model: torch.nn.Module, optimizer: HoldsState) -> dict[str, Mapping[str, torch.Tensor]]:
    """What a checkpoint of a training has: the tensors of the model, and those of the optimizer's state."""
    moments = {
        f"{name}/{kind}": value
        for name, parameter in model.named_parameters()
        for kind, value in optimizer.state.get(parameter, {}).items()
    }
    return {"model": dict(model.named_parameters()), "optimizer": moments}


def _fill_optimizer(model: torch.nn.Module, optimizer: HoldsState, tensors: Mapping[str, torch.Tensor]) -> None:
    parameters = dict(model.named_parameters())
    for key, value in tensors.items():
        name, kind = key.rsplit("/", 1)
        parameter = parameters[name]
        device = torch.device("cpu") if kind == "step" and parameter.device.type == "cpu" else parameter.device
        optimizer.state[parameter][kind] = value.to(device)
