"""Standard input, output and error as a process finds them: closed, missing, or unable to write some letters."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress

MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}  # in the order of their descriptors


def ready_streams() -> list[str]:
    """Makes all three usable; the names of those that are closed, in whose place nothing is read or written.

    A closed one gets its descriptor back, or the next file to be opened would, and be written to by mistake. A letter
    that the encoding of a stream lacks is written as its number, `\\u03bb`, so no result is lost for want of a letter.
    """
    closed = [name for name in MODES if getattr(sys, name) is None]
    for name in closed:
        nothing = open(os.devnull, MODES[name], encoding="utf-8")  # noqa: SIM115 - stays open as long as the process
        os.set_inheritable(nothing.fileno(), True)
        setattr(sys, name, nothing)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return closed


def say(line: str) -> None:
    """Prints a line on stderr. Where nobody reads it any more, the work goes on all the same."""
    if sys.stderr is None:  # print would take stdout
        return
    with suppress(OSError, ValueError):  # the terminal is gone, the file is closed
        print(line, file=sys.stderr)


def is_terminal() -> bool:
    """Whether stderr is a terminal."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # closed
        return False


def writes_any_letter() -> bool:
    """Whether the encoding of stdout has every letter."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("_", "-").startswith("utf")
