"""The watch on a run: an update far outside the band is left out whole, and trouble that stays sounds an alarm.

Whether an update is left out is decided where it is computed, as a tensor that torch's fused kernel takes: weights,
moments, decay and count stay as they are. The host looks every ten updates (`EVERY` in alarm.py): it reads what was
decided, makes the next limits, and says what it saw. So an accelerator never waits within an update.

In a sound run nothing is left out, and all numbers are those of a run that nobody watches.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from foretext.training.alarm import LEFT_OUT_IN_A_ROW, Alarm
from foretext.training.band import LARGEST, REMEMBERED, limits
from foretext.training.watch_memory import LEFT_OUT, OUTSIDE, Memory, Mode


@dataclass(frozen=True)
class Outlier:
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
    """What a look found: updates outside the band, left out or done, and why there is an alarm, if there is one."""

    left_out: list[Outlier]
    outside: list[Outlier]
    alarm: str


class Watch:
    """Judges each update of a run, and looks now and then; `memory` is what it knows."""

    def __init__(self, mode: Mode, memory: Memory, device: torch.device) -> None:
        self.mode, self.memory, self.device = mode, memory, device
        memory.take_up(mode)
        self._rows: list[Tensor] = [torch.tensor(row, device=device) for row in memory.recent]
        # Of the updates since the last look those that are known to be left out; an accelerator is not asked.
        self._known = memory.lately(LEFT_OUT) if device.type == "cpu" else 0
        self._set_limits()

    def judge(self, loss: Tensor, norm: Tensor) -> Tensor | None:
        """1 where the update with this loss and norm is to be left out, else 0; None where that needs no answer.

        On an accelerator the answer is not read here. A CPU has it at once, and None means that the update counts.
        """
        if self.mode == "off":
            return None
        values = torch.stack((loss.detach().float(), norm.detach().float()))
        outside = (values <= self._limits).all().logical_not().to(values.dtype)  # what is not a number is never <=
        acts = self.mode == "act"
        self._rows.append(torch.cat((values, (outside if acts else outside * OUTSIDE).unsqueeze(0))))
        if not acts:
            return None
        if self.device.type == "cpu":
            if not bool(outside):
                return None
            self._known += 1
        return outside

    def done(self, update: int) -> int:
        """How many of the first `update` updates were not left out, as far as is known without waiting."""
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
            return Seen([], [], "")
        first = update - len(rows) + 1
        found = [
            (became, Outlier(first + k, loss, norm, *self._pair))
            for k, (loss, norm, became) in enumerate(rows)
            if became
        ]
        left_out, outside = ([each for became, each in found if became == what] for what in (LEFT_OUT, OUTSIDE))
        in_a_row = self._left_out_in_a_row([bool(became) for _, _, became in rows])
        memory.left_out, memory.outside = memory.left_out + len(left_out), memory.outside + len(outside)
        memory.kept = [*memory.kept, *((loss, norm) for loss, norm, became in rows if not became)][-REMEMBERED:]
        why = memory.alarm.observe(update, [(loss, norm) for loss, norm, _ in rows])
        if in_a_row >= LEFT_OUT_IN_A_ROW:
            why = f"{in_a_row} updates in a row are far outside the band"
            memory.alarm.since = min(memory.alarm.since or update, found[0][1].update - LEFT_OUT_IN_A_ROW)
        memory.recent, self._rows, self._known = [], [], 0
        memory.alarms += bool(why)
        self._set_limits()
        return Seen(left_out, outside, why)

    def begin_anew(self) -> None:
        """Takes what is usual from here on; for a run that goes on after an alarm, or with another objective."""
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
