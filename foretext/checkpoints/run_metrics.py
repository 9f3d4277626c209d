"""The metrics of a run: RUN/metrics.jsonl, a line every few updates and one for each validation."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from foretext.errors import DataError
from foretext.files import disk_errors, write_text

log = logging.getLogger(__name__)


class Follower(Protocol):
    """Who is told of every line, and of those that do not count any more. It raises nothing."""

    def begin(self, lines: Sequence[Mapping[str, Any]], seen: int) -> None:
        """The run goes on behind `lines`, all there are of a new one; it had come to update `seen` before."""

    def log(self, line: Mapping[str, Any]) -> None:
        """There is one line more."""

    def begin_again(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """The run went back, to where there are these lines."""


@dataclass(frozen=True)
class RunMetrics:
    """The lines of one run, in the file `path`; `follower` is told of them."""

    path: Path
    follower: Follower | None = None

    def log(self, line: Mapping[str, Any]) -> None:
        """Appends one line; a value of it that is not finite, which JSON cannot hold, becomes None."""
        line = {name: None if _is_not_finite(value) else value for name, value in line.items()}
        with disk_errors(self.path.parent), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
        if self.follower:
            self.follower.log(line)

    def sync(self) -> None:
        """Makes the lines so far outlive a power cut."""
        if self.path.exists():
            with disk_errors(self.path), self.path.open("rb") as file:
                os.fsync(file.fileno())

    def lines(self) -> list[dict[str, Any]]:
        """The lines so far. A last one that is cut off, as a power cut leaves it, is left out, and that is said.

        Raises:
            DataError: the file cannot be read, or another line is damaged.
        """
        texts = self._texts()
        found = [_line(text) for text in texts]
        if found and found[-1] is None:
            log.warning("%s: line %d was cut off while it was written; it is left out", self.path, len(texts))
            found.pop()
        if None in found:
            raise DataError(
                f"{self.path}, line {found.index(None) + 1} is damaged: {_start(texts[found.index(None)])}; remove "
                "that line (what it said is lost, the weights are not) or put the file back, and run this again"
            )
        return [line for line in found if line is not None]

    def forget_after(self, update: int) -> None:
        """Drops the lines of updates that a resumed run will do again: all of them with 0."""
        lines = self.lines()
        kept = [line for line in lines if line["update"] <= update]
        if self.path.exists():
            write_text(self.path, _text(kept))
        if self.follower:
            self.follower.begin(kept, seen=max((line["update"] for line in lines), default=0))

    def undo_after(self, update: int, undone: Path, event: Mapping[str, Any]) -> None:
        """Moves the lines of later updates to the file `undone`, and logs the `event` that was the reason.

        Events of the same kind stay, as lines of `update`; the same event is there once, however often this is called.
        """
        if not self.path.exists():
            return
        lines = [line for line in self.lines() if not _same_event(line, event)]
        later = [line for line in lines if line["update"] > update]
        write_text(undone, _text(line for line in later if not _went_back(line)))
        stay = [line for line in lines if line["update"] <= update]
        earlier_events = [{**line, "update": update} for line in later if _went_back(line)]
        now = [*stay, *earlier_events, event]
        write_text(self.path, _text(now))
        if self.follower:
            self.follower.begin_again(now)

    def _texts(self) -> list[bytes]:
        """The lines as they are; zeros at the end are what a power cut leaves of what was not on the disk yet."""
        if not self.path.exists():
            return []
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror}") from error
        return content.rstrip(b"\0").removesuffix(b"\n").split(b"\n") if content.strip(b"\0\n") else []


def _text(lines: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


def _is_not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _went_back(line: Mapping[str, Any]) -> int | None:
    number: int | None = line.get("watch", {}).get("went_back")
    return number


def _same_event(line: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    return _went_back(line) is not None and _went_back(line) == _went_back(event)


def _line(text: bytes) -> dict[str, Any] | None:
    """What a line says; None if that is no line of a run."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("update"), int) else None


def _start(text: bytes) -> str:
    """The beginning of a damaged line, to know it by."""
    shown = text[:40].decode("utf-8", errors="replace")
    return repr(shown + "…" if len(text) > len(shown) else shown)
