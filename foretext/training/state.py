"""Where a run stands, and what it has seen since its last line of the log."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from foretext.checkpoints.history import to_json
from foretext.training.plan import Plan
from foretext.training.watch_memory import Memory

EARLIER_NAMES = {"places": "grid_cells"}  # in checkpoints of earlier versions


@dataclass
class State:
    """Where a run stands; written with each checkpoint."""

    update: int = 0  # the update to do next
    planned: int = 0  # updates of the whole run; 0 in checkpoints of earlier versions
    tokens: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_update: int | None = None
    validations_without_better: int = 0
    validation_owed: bool = False  # the validation that is due after the last update has not come to its end
    grid_cells: int = 0  # the most that a part of a batch has, as `--micro-batch auto` found; 0 means all
    watch: Memory = field(default_factory=Memory)

    def better(self, value: float, plan: Plan) -> bool:
        """Notes a validation; whether it is the best so far, which a score that is not finite never is."""
        beaten = self.best is None or (value > self.best if plan.higher_is_better else value < self.best)
        better = math.isfinite(value) and beaten
        if better:
            self.best, self.best_update, self.validations_without_better = value, self.update, 0
        else:
            self.validations_without_better += 1
        return better

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Goes back to where a checkpoint stands, of this version or an earlier one."""
        for name, value in kept.items():
            name = EARLIER_NAMES.get(name, name)
            if name in vars(self):
                setattr(self, name, Memory.from_json(value) if name == "watch" else value)

    def to_json(self) -> dict[str, Any]:
        """The same as a checkpoint keeps it, and what a model at that point remembers of the watch."""
        return {**asdict(self), "watched": to_json(self.watch.record())}


@dataclass
class Window:
    """Sums of what the updates since the last log line gave; tensors are not read before a line is due."""

    tokens: int = 0  # of the run, when the window began
    seconds: float = 0.0
    updates: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)
    before: dict[str, float | Tensor] = field(default_factory=dict)  # updates that counted before a loss first came
    left_out: float | Tensor = 0.0  # of the updates
    norm: Tensor | None = None
    largest: Tensor | None = None
    rate: float = 0.0

    def add(self, losses: dict[str, Tensor], left_out: Tensor | None = None) -> None:
        """Counts the losses of a part of a batch, unless its update is left out: then `left_out` is 1."""
        for name, value in losses.items():
            if name not in self.sums and self.updates:
                self.before[name] = self.updates - self.left_out
            if left_out is not None:
                value = torch.where(left_out.bool(), 0.0, value)
            self.sums[name] = self.sums[name] + value if name in self.sums else value

    def close_update(self, norm: Tensor, rate: float, left_out: Tensor | None = None) -> None:
        """Counts an update, of which the gradient's norm and the rate are those that a line shows."""
        self.updates += 1
        self.left_out = self.left_out if left_out is None else self.left_out + left_out
        self.largest = norm if self.largest is None else torch.maximum(self.largest, norm)
        self.norm, self.rate = norm, rate

    def line(self, state: State) -> dict[str, Any]:
        """What metrics.jsonl says of the window: means of the losses, and the speed.

        No losses where all updates were left out; None for a norm that is not finite, which JSON cannot hold.
        """
        seconds = max(state.seconds - self.seconds, 1e-9)
        counted = self.updates - int(self.left_out)
        return {
            "update": state.update,
            **self._means(counted),
            "learning_rate": self.rate,
            "gradient_norm": _finite(self.norm),
            "largest_gradient_norm": _finite(self.largest),
            "tokens": state.tokens,
            "tokens_per_second": (state.tokens - self.tokens) / seconds,
            "seconds": state.seconds,
        }

    def _means(self, counted: int) -> dict[str, float]:
        """Of each loss over the updates that had it, of those that were not left out."""
        had = {name: counted - int(self.before.get(name, 0)) for name in self.sums}
        return {name: float(value) / had[name] for name, value in self.sums.items() if had[name]}

    def begin(self, state: State) -> None:
        """Empties the window, which begins where the run stands."""
        vars(self).update(vars(Window(tokens=state.tokens, seconds=state.seconds)))

    def kept(self) -> dict[str, Any]:
        """The window as JSON has it, for a checkpoint between two log lines; `restore` gives it back to the bit."""
        return {name: _plain(value) for name, value in vars(self).items()}

    def restore(self, kept: Mapping[str, Any] | None, state: State, device: torch.device) -> None:
        """Goes back to the window of a checkpoint; one of an earlier version kept none, so a new one begins."""
        self.begin(state)
        for name, value in (kept or {}).items():
            if name in vars(self):
                setattr(self, name, _restored(value, device))


def _plain(value: Any) -> Any:
    """Tensors of one number as that number, in words where JSON has none, and its type; all else as it is."""
    if isinstance(value, Tensor):
        number = value.item()
        return [number if math.isfinite(number) else str(number), str(value.dtype).removeprefix("torch.")]
    return {name: _plain(each) for name, each in value.items()} if isinstance(value, dict) else value


def _restored(value: Any, device: torch.device) -> Any:
    if isinstance(value, list):
        number, dtype = value
        return torch.tensor(float(number), dtype=getattr(torch, dtype), device=device)
    return {name: _restored(each, device) for name, each in value.items()} if isinstance(value, dict) else value


def _finite(norm: Tensor | None) -> float | None:
    value = 0.0 if norm is None else float(norm)
    return value if math.isfinite(value) else None
