"""The watch at work on a run: what it judges, what is said of it, and how the run goes back.

`watch.py` decides, `going_back.py` arranges the files; a trainer asks here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from foretext.checkpoints.history import WentBack
from foretext.checkpoints.run_folder import RunFolder
from foretext.errors import UnsoundRun
from foretext.training.alarm import EVERY
from foretext.training.going_back import WayBack
from foretext.training.state import State
from foretext.training.watch import Outlier, Watch
from foretext.training.watch_memory import Memory, Mode

Origins = Callable[[int, int], list[str]]  # (update, order) to where the text of the update stands, one a window

SHOWN = 3  # origins of an update in the log; metrics.jsonl has more
KEPT = 64  # origins of an update in metrics.jsonl: all windows of the paper's batch
ADVICE = "a lower --learning-rate or a longer --warmup helps most often"

log = logging.getLogger(__name__)


@dataclass
class Guard:
    """The watch on one run, in one of its processes; before `begin` nothing is judged."""

    mode: Mode = "off"
    folder: RunFolder | None = None
    origins: Origins | None = None
    writes: bool = True  # whether this process says and writes what is said and written
    way_back: WayBack | None = None
    watch: Watch = field(default_factory=lambda: Watch("off", Memory(), torch.device("cpu")))

    def begin(
        self,
        mode: Mode,
        model: nn.Module,
        state: State,
        folder: RunFolder | None,
        origins: Origins | None,
        *,
        writes: bool,
    ) -> None:
        """Knows its run from now on, and the weights that it begins with, should it go back before any checkpoint."""
        self.mode, self.folder, self.origins, self.writes = mode, folder, origins, writes
        if mode == "act":
            self.way_back = WayBack.from_here(model, self.folder) if not state.update else WayBack(model, self.folder)

    def take_up(self, state: State, device: torch.device) -> None:
        """Watches on from where `state` stands, which a checkpoint or the beginning of the run gave.

        Raises:
            UnsoundRun: the watch had stopped the run.
        """
        self.watch = Watch(self.mode, state.watch, device)
        if state.watch.stopped and self.mode == "act":
            raise UnsoundRun(f"{state.watch.stopped}; {ADVICE}")

    def judge(self, loss: Tensor, norm: Tensor) -> Tensor | None:
        """1 where the update is to be left out, 0 where it is not; None where it counts in any case."""
        return self.watch.judge(loss, norm)

    def done(self, update: int) -> int:
        """How many of the first `update` updates were not left out, as far as is known without waiting."""
        return self.watch.done(update)

    def begin_anew(self) -> None:
        """Takes what is usual from here on, since another loss is."""
        self.watch.begin_anew()

    def look(self, state: State, *, last: bool) -> str:
        """Why the run has to go back, "" if it has not; `last` is a look where a run may end. What is seen is said."""
        if self.mode == "off" or (state.update % EVERY and not last):
            return ""
        seen = self.watch.look(state.update)
        if self.writes:
            self._tell(seen.left_out, state, "left_out", "is left out")
            self._tell(seen.outside, state, "outside", "is far outside its band")
        if not seen.alarm or self.mode == "act":
            return seen.alarm
        if self.writes:
            log.warning("watch: at update %s: %s", f"{state.update:,}", seen.alarm)
            self._log(state, {"alarm": seen.alarm})
        self.watch.begin_anew()
        return ""

    def way_from(self, state: State, why: str) -> WentBack:
        """Where the run goes back to; `take` goes there.

        Raises:
            UnsoundRun: nothing is there from before the trouble.
        """
        assert self.way_back is not None
        went = self.way_back.find(state, why)
        if went is None:
            raise UnsoundRun(
                f"stopped at update {state.update:,}: {why}, and there is no checkpoint from before; {ADVICE}"
            )
        return went

    def take(self, state: State, went: WentBack) -> bool:
        """Has the newest checkpoint be the one gone back to; if true, weights and `state` are those of the start."""
        assert self.way_back is not None
        return self.way_back.take(state, went, writes=self.writes)

    def needed(self, state: State) -> set[int]:
        """The checkpoints that are needed to go back, should trouble show."""
        return self.way_back.needed(state) if self.way_back else set()

    def _tell(self, outliers: list[Outlier], state: State, event: str, became: str) -> None:
        """Says which updates were outside, what became of them, and where their text stands."""
        entries = []
        for found in outliers:
            origins = self.origins(found.update - 1, state.watch.order) if self.origins else []
            log.warning("watch: update %s %s: %s%s", f"{found.update:,}", became, found.why(), _some(origins))
            entries.append({**found.to_json(), "windows": len(origins), "from": origins[:KEPT]})
        if entries:
            self._log(state, {event: entries})

    def _log(self, state: State, event: dict[str, Any]) -> None:
        if self.folder:
            self.folder.metrics.log({"update": state.update, "watch": event})


def _some(origins: list[str]) -> str:
    """The first of the origins, in words."""
    if not origins:
        return ""
    further = f" and {len(origins) - SHOWN:,} more" if len(origins) > SHOWN else ""
    return f"; it read {'; '.join(origins[:SHOWN])}{further}"
