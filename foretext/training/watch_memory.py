"""What a watch remembers of its run: all that its decisions depend on, and what the model's record tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from foretext.checkpoints.history import WatchRecord, WentBack
from foretext.training.alarm import Alarm
from foretext.training.band import Pair

Mode = Literal["off", "warn", "act"]

LOWER = 0.5  # share of the rate from the second time on that a run goes back
ALARMS = 3  # the third stops the run
LEFT_OUT, OUTSIDE = 1.0, 0.5  # what became of an update outside its band: `OUTSIDE` was only seen there, and done


@dataclass
class Memory:
    """What decisions depend on; kept with each checkpoint, so that a resumed run decides the same."""

    mode: Mode = "off"  # of the process that wrote it
    kept: list[Pair] = field(default_factory=list)  # loss and norm of the last updates that were not left out
    recent: list[list[float]] = field(default_factory=list)  # loss, norm, what became of it: since the last look
    alarm: Alarm = field(default_factory=Alarm)
    left_out: int = 0  # updates up to the last look, of those that the weights follow from
    outside: int = 0  # the same of those that were done
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

    def take_up(self, mode: Mode) -> None:
        """Goes on in `mode`, which is another one where a run is resumed with another `--watch`."""
        if mode == "off":  # nobody is going to look
            self.left_out, self.outside = self.left_out + self.lately(LEFT_OUT), self.outside + self.lately(OUTSIDE)
            self.recent, self.left_out_in_a_row = [], 0
        if self.mode == "off":  # what was usual when somebody looked last may be so no more
            self.kept, self.alarm = [], Alarm()
        if mode != "act":
            self.stopped = ""
        self.mode = mode

    def lately(self, what: float) -> int:
        """How many of the updates since the last look were left out, or were outside and done."""
        return sum(became == what for _, _, became in self.recent)

    def record(self) -> WatchRecord:
        """What the model remembers of it."""
        if self.mode == "off" and not (self.left_out or self.outside or self.alarms):
            return WatchRecord(mode=self.mode)
        not_mended = (
            self.stopped or self.alarm.high > 1 or self.left_out_in_a_row > 1 or self.alarms > len(self.went_back)
        )
        return WatchRecord(
            mode=self.mode,
            sound=None if self.mode == "off" else not not_mended,
            left_out=self.left_out + self.lately(LEFT_OUT),
            outside=self.outside + self.lately(OUTSIDE) or None,
            alarms=self.alarms,
            went_back=tuple(self.went_back),
            stopped=self.stopped or None,
        )
