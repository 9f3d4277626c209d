"""The watch on a run: an update far outside the band is left out whole, and trouble that stays sounds an alarm.

Whether an update is left out is decided where it is computed, as a tensor that torch's fused kernel takes: weights,
moments, decay and count stay as they are. The host looks every ten updates (`EVERY` in alarm.py): it reads what was
decided, makes the next limits, and says what it saw. So an accelerator never waits within an update.

In a sound run nothing is left out, and all numbers are those of a run that nobody watches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

import torch
from torch import Tensor

from foretext.checkpoints.history import WatchRecord, WentBack
from foretext.training.alarm import LEFT_OUT_IN_A_ROW, Alarm
from foretext.training.band import LARGEST, REMEMBERED, Pair, limits

Mode = Literal["off", "warn", "act"]

LOWER = 0.5  # share of the rate from the second time on that a run goes back
ALARMS = 3  # the third stops the run


@dataclass
class Memory:
    """What decisions depend on; kept with each checkpoint, so that a resumed run decides the same."""

    mode: Mode = "off"  # of the process that wrote it
    kept: list[Pair] = field(default_factory=list)  # loss and norm of the last updates that were not left out
    recent: list[list[float]] = field(default_factory=list)  # loss, norm, left out: since the last look
    alarm: Alarm = field(default_factory=Alarm)
    left_out: int = 0  # updates up to the last look, of those that the weights follow from
    left_out_in_a_row: int = 0
    alarms: int = 0
    went_back: list[WentBack] = field(default_factory=list)
    stopped: str = ""  # why, if the watch has stopped the run

    @property
    def order(self) -> int:
        """Which order of the data is drawn: another one each time that the run goes back."""
        return len(self.went_back)

    @property
    def rate(self) -> float:
        """The share of the planned learning rate to use."""
        return LOWER if len(self.went_back) > 1 else 1.0

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Memory:
        """The memory that a checkpoint kept."""
        alarm = values["alarm"]
        return cls(
            **{
                **values,
                "kept": [(loss, norm) for loss, norm in values["kept"]],
                "alarm": Alarm(**{**alarm, "usual": [(loss, norm) for loss, norm in alarm["usual"]]}),
                "went_back": [WentBack(**went) for went in values["went_back"]],
            }
        )

    def record(self) -> WatchRecord:
        """What the model remembers of it."""
        if self.mode == "off":
            return WatchRecord(mode=self.mode)
        not_mended = self.stopped or self.alarm.high > 1 or self.left_out_in_a_row or self.alarms > len(self.went_back)
        return WatchRecord(
            mode=self.mode,
            sound=not not_mended,
            left_out=self.left_out + sum(bool(out) for _, _, out in self.recent),
            alarms=self.alarms,
            went_back=tuple(self.went_back),
            stopped=self.stopped or None,
        )


@dataclass(frozen=True)
class LeftOut:
    """An update that lay outside the band: its loss and norm, and the most that each was allowed."""

    update: int  # counted from 1, as in metrics.jsonl
    loss: float
    norm: float
    loss_limit: float
    norm_limit: float

    def why(self) -> str:
        """What was wrong with it, in words."""
        if max(self.loss, self.norm) >= LARGEST:
            return "its loss or its gradient is not finite"
        text = f"loss {self.loss:.3f}, gradient norm {self.norm:.3g}"
        return f"{text}, where at most {self.loss_limit:.3f} and {self.norm_limit:.3g} are within the band"

    def to_json(self) -> dict[str, Any]:
        """The same as metrics.jsonl has it: None for what is not finite, or has no limit yet."""
        return {name: value if value < LARGEST else None for name, value in vars(self).items()}


@dataclass(frozen=True)
class Seen:
    """What a look found: updates that were left out, and why there is an alarm, if there is one."""

    left_out: list[LeftOut]
    alarm: str


class Watch:
    """Judges each update of a run, and looks now and then; `memory` is what it knows."""

    def __init__(self, mode: Mode, memory: Memory, device: torch.device) -> None:
        self.mode, self.memory, self.device = mode, memory, device
        if memory.mode == "warn" and mode == "act":
            memory.left_out = 0  # they were said to lie outside, and were done
        memory.mode = mode
        self._rows: list[Tensor] = [torch.tensor(row, device=device) for row in memory.recent]
        # Of the updates since the last look those that are known to be left out; an accelerator is not asked.
        self._known = sum(bool(out) for _, _, out in memory.recent) if device.type == "cpu" else 0
        self._set_limits()

    def judge(self, loss: Tensor, norm: Tensor) -> Tensor | None:
        """1 where the update with this loss and norm is to be left out, else 0; None where that needs no answer.

        On an accelerator the answer is not read here. A CPU has it at once, and None means that the update counts.
        """
        if self.mode == "off":
            return None
        values = torch.stack((loss.detach().float(), norm.detach().float()))
        left_out = (values <= self._limits).all().logical_not().to(values.dtype)  # what is not a number is never <=
        self._rows.append(torch.cat((values, left_out.unsqueeze(0))))
        if self.device.type == "cpu":
            out = bool(left_out)
            self._known += out
            return left_out if out and self.mode == "act" else None
        return left_out if self.mode == "act" else None

    def done(self, update: int) -> int:
        """How many of the first `update` updates were not left out, as far as is known without waiting."""
        if self.mode != "act":
            return update
        return update - self.memory.left_out - self._known

    def note(self) -> None:
        """Puts what the device has decided since the last look into `memory`, which JSON can hold."""
        rows = torch.stack(self._rows).nan_to_num(nan=LARGEST, posinf=LARGEST) if self._rows else torch.empty(0)
        self.memory.recent = rows.tolist()

    def look(self, update: int) -> Seen:
        """What the updates since the last look were like, after `update` of them; the next limits follow from it."""
        self.note()
        memory, rows = self.memory, self.memory.recent
        if not rows:
            return Seen([], "")
        first = update - len(rows) + 1
        found = [LeftOut(first + k, loss, norm, *self._pair) for k, (loss, norm, out) in enumerate(rows) if out]
        in_a_row = self._left_out_in_a_row([bool(out) for _, _, out in rows])
        memory.left_out += len(found)
        memory.kept = [*memory.kept, *((loss, norm) for loss, norm, out in rows if not out)][-REMEMBERED:]
        why = memory.alarm.observe(update, [(loss, norm) for loss, norm, _ in rows])
        if in_a_row >= LEFT_OUT_IN_A_ROW:
            why = f"{in_a_row} updates in a row are far outside the band"
            memory.alarm.since = min(memory.alarm.since or update, found[0].update - LEFT_OUT_IN_A_ROW)
        memory.recent, self._rows, self._known = [], [], 0
        memory.alarms += bool(why)
        self._set_limits()
        return Seen(found, why)

    def begin_anew(self) -> None:
        """Takes what is usual from here on; for a run that goes on after an alarm."""
        self.memory.kept, self.memory.alarm = [], Alarm()
        self._set_limits()

    def _left_out_in_a_row(self, flags: list[bool]) -> int:
        """The longest row of updates left out, those before the last look counted in."""
        runs = [(flag, len(list(group))) for flag, group in groupby(flags)]
        if runs and runs[0][0]:
            runs[0] = True, runs[0][1] + self.memory.left_out_in_a_row
        self.memory.left_out_in_a_row = runs[-1][1] if runs and runs[-1][0] else 0
        return max((length for flag, length in runs if flag), default=0)

    def _set_limits(self) -> None:
        self._pair = limits(self.memory.kept)
        self._limits = torch.tensor(self._pair, device=self.device)
