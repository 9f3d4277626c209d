"""Signals from outside: a way to hear them for a while, and what they mean.

SIGINT, SIGTERM and SIGHUP ask the work to end; SIGUSR1 and SIGUSR2 are the warnings that a cluster sends before it ends
a job. Who hears them decides what to do.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from foretext.errors import Stopped


def _there(*names: str) -> tuple[int, ...]:
    """The numbers of those of the signals that this system has."""
    return tuple(int(getattr(signal, name)) for name in names if hasattr(signal, name))


ENDING = _there("SIGINT", "SIGTERM", "SIGHUP")
WARNING = _there("SIGUSR1", "SIGUSR2")
HANGING_UP = _there("SIGHUP")  # which nohup has ignored

Handler = Callable[[int, Any], None]


@contextmanager
def heard(numbers: Iterable[int], handler: Handler, *, unless_ignored: Iterable[int] = HANGING_UP) -> Iterator[None]:
    """Has `handler` hear these signals until the block ends, then whoever heard them before.

    Those of `unless_ignored` stay ignored where they are. Outside of the main thread signals stay with whoever owns
    them.
    """
    before = {}
    try:
        for number in numbers:
            if number not in unless_ignored or signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, handler)
    except ValueError:  # not the main thread
        pass
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, signal.SIG_DFL if action is None else action)


@contextmanager
def held_back() -> Iterator[None]:
    """Has signals that ask the work to end wait until the block is over, which must not be left half done."""
    came: list[int] = []
    try:
        with heard(ENDING, lambda number, frame: came.append(number), unless_ignored=ENDING):
            yield
    finally:
        for number in came[:1]:
            signal.raise_signal(number)


def end_at_once(number: int, frame: Any) -> None:
    """Ends the work where it stands, by an exception, so that half-written files go.

    Raises:
        Stopped: always.
    """
    raise Stopped(f"stopped by {name_of(number)}", exit_code=128 + number)


def ignore(number: int, frame: Any) -> None:
    """Goes on: unlike a signal that is ignored, this is not inherited by programs that are started."""


def name_of(number: int) -> str:
    """SIGTERM for 15."""
    return signal.Signals(number).name
