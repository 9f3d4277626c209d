"""When the work began that a time limit counts from: for a command its start, in Python the moment a run is made."""

from __future__ import annotations

import time

_command: float | None = None


def command_starts() -> None:
    """Notes that this process is there for one command, whose time counts from now."""
    global _command
    _command = time.monotonic()


def started() -> float:
    """When the work at hand began, by `time.monotonic`: the command of this process, or now where there is none."""
    return time.monotonic() if _command is None else _command
