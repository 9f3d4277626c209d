"""A run on disk: its settings, its metrics, and checkpoints from which it goes on to the bit.

RUN/settings.toml            the resolved settings
RUN/metrics.jsonl            a line every few updates
RUN/checkpoints/update-00000500/{model.safetensors, optimizer.safetensors, state.json}
RUN/checkpoints/latest       the name of the newest complete checkpoint
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from foretext.checkpoints.tensors import fill, load_tensors, read_json, save_tensors
from foretext.errors import ModelError, SettingsError
from foretext.files import atomic_folder, disk_errors, write_json, write_text


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
class RunFolder:
    """The folder of one run; nothing of another run is overwritten."""

    path: Path

    @classmethod
    def start(cls, path: Path, identity: Mapping[str, Any], *, resume: bool) -> RunFolder:
        """The folder for a run that is told from others by `identity` (settings, data, starting weights).

        Raises:
            SettingsError: `path` holds another run, or one that can be resumed while `resume` is off.
        """
        run = cls(path)
        known = path / "run.json"
        if known.exists():
            if not resume:
                raise SettingsError(
                    f"{path} already holds a run; add --resume to go on with it, or choose another --out"
                )
            _check_same_run(read_json(known), dict(identity), path)
            return run
        if path.exists() and any(path.iterdir()):
            raise SettingsError(f"{path} is not empty and holds no run; choose another --out")
        with disk_errors(path):
            path.mkdir(parents=True, exist_ok=True)
        write_json(known, dict(identity))
        return run

    def log(self, line: Mapping[str, Any]) -> None:
        """Appends one line to metrics.jsonl."""
        with disk_errors(self.path), (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl so far."""
        file = self.path / "metrics.jsonl"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []

    def forget_metrics_after(self, update: int) -> None:
        """Drops the lines of updates that a resumed run will do again."""
        kept = [line for line in self.metrics() if line["update"] <= update]
        write_text(self.path / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in kept))

    def save(self, model: torch.nn.Module, optimizer: HoldsState, state: dict[str, Any], *, keep: int) -> None:
        """A checkpoint of everything `state["update"]` needs, then the `latest` pointer; older ones but `keep` go.

        The checkpoint of `state["best_update"]` is kept besides.
        """
        folder = self._folder(state["update"])
        with atomic_folder(folder) as made:
            checksums = {
                "model": save_tensors(made / "model.safetensors", dict(model.named_parameters())),
                "optimizer": save_tensors(made / "optimizer.safetensors", _optimizer_tensors(model, optimizer)),
            }
            write_json(made / "state.json", {**state, "sha256": checksums})
        write_text(self.path / "checkpoints" / "latest", folder.name + "\n")
        self._prune(keep, state.get("best_update"))

    def latest(self) -> Checkpoint | None:
        """The newest complete checkpoint, or None. A damaged newer one is passed over."""
        return next(self.checkpoints(), None)

    def checkpoints(self) -> Iterator[Checkpoint]:
        """The complete checkpoints, newest first; damaged ones are passed over."""
        for folder in sorted(self._checkpoints(), reverse=True):
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

    def restore_best(self, update: int, model: torch.nn.Module) -> None:
        """Puts the weights of the checkpoint before `update` into `model`."""
        self.restore(Checkpoint(self._folder(update), {"update": update}), model)

    def _folder(self, update: int) -> Path:
        return self.path / "checkpoints" / f"update-{update:08d}"

    def _checkpoints(self) -> list[Path]:
        return [folder for folder in (self.path / "checkpoints").glob("update-*") if folder.is_dir()]

    def _prune(self, keep: int, best: int | None) -> None:
        newest = sorted(self._checkpoints())[-keep:]
        for folder in self._checkpoints():
            if folder not in newest and (best is None or folder != self._folder(best)):
                shutil.rmtree(folder)


def _check_same_run(before: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    now = json.loads(json.dumps(now))
    different = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    if different:
        key = different[0]
        others = f" (also {', '.join(different[1:])})" if different[1:] else ""
        raise SettingsError(
            f"{path} holds a run that cannot be resumed with these settings: "
            f"{key} was {before.get(key)}, now {now.get(key)}{others}"
        )


def _optimizer_tensors(model: torch.nn.Module, optimizer: HoldsState) -> dict[str, torch.Tensor]:
    return {
        f"{name}/{kind}": value
        for name, parameter in model.named_parameters()
        for kind, value in optimizer.state.get(parameter, {}).items()
    }


def _fill_optimizer(model: torch.nn.Module, optimizer: HoldsState, tensors: Mapping[str, torch.Tensor]) -> None:
    parameters = dict(model.named_parameters())
    for key, value in tensors.items():
        name, kind = key.rsplit("/", 1)
        parameter = parameters[name]
        device = torch.device("cpu") if kind == "step" and parameter.device.type == "cpu" else parameter.device
        optimizer.state[parameter][kind] = value.to(device)
