"""What is asked of a run while it trains: to stop or to write a checkpoint, by a signal or because its time is over.

It is noted when it comes and heeded where the run is whole: after an update, or between two batches of a validation,
which is given up and made up for when the run goes on. Of several processes each hears what any of them was asked.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from torch import nn

from foretext.errors import Stopped
from foretext.signals import ENDING, WARNING, end_at_once, heard, name_of

SECONDS_PER_HOUR = 3600
OUT_OF_TIME = 130  # the exit code where --max-hours ended a run: that of an interrupt, as by the hand of its user
FADING = 0.9  # of an update that was slow, as the first often is, what the next one is still held to take

log = logging.getLogger(__name__)


class GivenUp(BaseException):
    """Work that can be done again was left where it stood, since the run is to stop."""


@dataclass
class Requests:
    """Notes what is asked for; `clock` and `until` say in seconds when the time of the run is over."""

    until: float = math.inf
    limit: str = ""  # what set it, as a person reads it
    clock: Callable[[], float] = time.monotonic
    pace: float = 0.0  # seconds that the next update may take
    signal: int = 0  # that asked the run to stop
    warning: int = 0  # signal that asked for a checkpoint
    agree: Callable[[Sequence[int]], list[int]] = list  # the most that any process of the run gives of each number
    heard: int = 0  # signal that asked any of them to stop

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Notes signals until the block ends; a second one that asks to stop ends the work at once."""
        with heard(ENDING, self._note_end), heard(WARNING, self._note_warning):
            yield

    def _note_end(self, number: int, frame: Any) -> None:
        if self.signal:
            end_at_once(number, frame)
        self.signal = number
        with suppress(RuntimeError):  # of a stream that was just being written to
            log.info("%s: stopping when the update at hand is done; once more stops at once", name_of(number))

    def _note_warning(self, number: int, frame: Any) -> None:
        self.warning = number

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Learns from the block, an update, how long the next one may take."""
        began = self.clock()
        yield
        self.pace = max(self.clock() - began, FADING * self.pace)

    def asks_to_stop(self, room: float = 0.0) -> bool:
        """Whether the run is to stop now; `room` are the seconds that what is to come still takes.

        All processes of the run ask this together, and get the same answer.
        """
        self.heard, over = self.agree([self.signal, int(self.clock() + room > self.until)])
        return bool(self.heard or over)

    def take_warning(self) -> str:
        """The name of the signal that asked for a checkpoint since this was asked last, or nothing.

        All processes of the run ask this together, and get the same answer.
        """
        (number,), self.warning = self.agree([self.warning]), 0
        return name_of(number) if number else ""

    @contextmanager
    def giving_up(self, model: nn.Module, room: float = 0.0) -> Iterator[None]:
        """Lets go of the work in the block before the next batch that `model` reads once the run is to stop.

        Raises:
            GivenUp: the run is to stop.
        """

        def look(*_: Any) -> None:
            if self.asks_to_stop(room):
                raise GivenUp

        hook = model.register_forward_pre_hook(look)
        try:
            yield
        finally:
            hook.remove()

    def stopped(self, where: str) -> Stopped:
        """What ends the run; `where` says how far it came and how to go on."""
        if number := self.heard or self.signal:
            return Stopped(f"stopped by {name_of(number)} {where}", exit_code=128 + number)
        return Stopped(f"stopped by {self.limit} {where}", exit_code=OUT_OF_TIME)


def requests_until(hours: float, started: float, agree: Callable[[Sequence[int]], list[int]] = list) -> Requests:
    """Requests to a run that has so many hours from `started` on (0: no limit), whose processes `agree`."""
    if not hours:
        return Requests(agree=agree)
    return Requests(until=started + hours * SECONDS_PER_HOUR, limit=f"--max-hours {hours:g}", agree=agree)
