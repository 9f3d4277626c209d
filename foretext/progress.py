"""Progress on stderr: how far, how fast, and the time left.

On a terminal a bar; elsewhere a plain line now and then, so that a log file stays readable. The environment variable
FORETEXT_PROGRESS (off, plain or bar) overrides the choice; within `quiet` there is none. Bars may nest.

    with progress("read the books", total=len(paths), unit="files") as bar:
        for path in paths:
            bar.advance(text=path.name)
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from foretext.errors import UnknownName
from foretext.streams import is_terminal, say

if TYPE_CHECKING:
    import rich.progress

STYLES = ("off", "plain", "bar")
PLAIN_SECONDS = 30.0  # the least time between two plain lines
BAR_SECONDS = 0.1  # the least time between two changes of a bar


class Progress(Protocol):
    """What a long piece of work tells about itself while it runs."""

    def advance(self, amount: float = 1.0, text: str | None = None) -> None:
        """`amount` more units are done; `text`, if given, replaces what stands behind the bar."""


class LogLines(logging.Handler):
    """Log messages as lines on stderr, above the bars where there are any."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one message on stderr."""
        say(self.format(record))


@contextmanager
def progress(title: str, total: float | None, *, unit: str = "") -> Iterator[Progress]:
    """Something to `advance`, shown on stderr until the block ends; `total` None when it is not known.

    Raises:
        UnknownName: FORETEXT_PROGRESS is set to something else than off, plain or bar.
    """
    style = _style()
    if style == "off":
        yield _Counter(title, total, unit, show=lambda counter: None, seconds=float("inf"))
    elif style == "plain":
        with _plain(title, total, unit) as counter:
            yield counter
    else:
        with _bar(title, total, unit) as counter:
            yield counter


_is_quiet: ContextVar[bool] = ContextVar("_is_quiet", default=False)  # each thread has its own


@contextmanager
def quiet() -> Iterator[None]:
    """Shows no progress of what this thread does in the block."""
    before = _is_quiet.set(True)
    try:
        yield
    finally:
        _is_quiet.reset(before)


class _Counter:
    """Counts what is done and calls `show` at most every `seconds`, since work may advance a million times a second."""

    def __init__(
        self, title: str, total: float | None, unit: str, *, show: Callable[[_Counter], None], seconds: float
    ) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.done, self.text = 0.0, ""
        self.started = self.shown = time.monotonic()
        self._show, self._seconds = show, seconds

    def advance(self, amount: float = 1.0, text: str | None = None) -> None:
        self.done += amount
        if text is not None:
            self.text = text
        if time.monotonic() - self.shown >= self._seconds:
            self.show()

    def show(self) -> None:
        self.shown = time.monotonic()
        self._show(self)

    @property
    def elapsed(self) -> float:
        return max(time.monotonic() - self.started, 1e-9)

    def line(self) -> str:
        """Where the work stands, in one line."""
        speed = self.done / self.elapsed
        count = _number(self.done) + (f"/{_number(self.total)}" if self.total else "")
        parts = [
            f"{count} {self.unit}".rstrip(),
            f"{_number(speed)} {self.unit}/s".replace(" /s", "/s"),
            f"{clock(self.elapsed)} passed",
        ]
        if self.total:
            parts[0] = f"{min(self.done / self.total, 1):.0%}, {parts[0]}"
            if 0 < self.done < self.total:
                parts.append(f"{clock((self.total - self.done) / speed)} left")
        return f"{self.title}: {', '.join(parts)}{'; ' + self.text if self.text else ''}"


_plain_depth = 0


@contextmanager
def _plain(title: str, total: float | None, unit: str) -> Iterator[_Counter]:
    """A line every half minute and one at the end; short pieces within a longer one stay silent."""
    global _plain_depth
    counter = _Counter(title, total, unit, show=lambda counter: say(counter.line()), seconds=PLAIN_SECONDS)
    _plain_depth += 1
    try:
        yield counter
        if _plain_depth == 1 or counter.shown > counter.started:
            counter.show()
    finally:
        _plain_depth -= 1


_display: rich.progress.Progress | None = None  # the display that nested bars join


@contextmanager
def _bar(title: str, total: float | None, unit: str) -> Iterator[_Counter]:
    """A bar that goes away at the end if it is within another, and stays if it is the outermost."""
    global _display
    outermost = _display is None
    display = _display = _display or _new_display()
    task = display.add_task(title, total=total, text="", unit=unit)
    counter = _Counter(
        title,
        total,
        unit,
        show=lambda counter: display.update(task, completed=counter.done, text=counter.text),
        seconds=BAR_SECONDS,
    )
    try:
        if outermost:
            display.start()
        yield counter
    finally:
        counter.show()
        if outermost:
            display.stop()
            _display = None
        else:
            display.remove_task(task)


def _new_display() -> rich.progress.Progress:
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
    from rich.progress import Progress as Display
    from rich.table import Column
    from rich.text import Text

    class Numbers(ProgressColumn):
        """Share, speed, time passed and time left."""

        def render(self, task: Task) -> Text:
            speed, left = task.finished_speed or task.speed, task.time_remaining
            share = f"{task.percentage:3.0f}%" if task.total else _number(task.completed)
            pace = f"{_number(speed)} {task.fields['unit']}/s".replace(" /s", "/s") if speed else ""
            times = clock(task.elapsed or 0) + (f" passed, {clock(left)} left" if left else "")
            return Text("  ".join(part for part in (share, pace, times) if part), style="progress.remaining")

    return Display(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        Numbers(Column(no_wrap=True)),
        TextColumn("{task.fields[text]}", markup=False, table_column=Column(no_wrap=True)),
        console=Console(stderr=True, force_terminal=True),
        refresh_per_second=4,
        redirect_stdout=False,  # results belong on stdout
    )


def _style() -> str:
    style = os.environ.get("FORETEXT_PROGRESS") or ("bar" if is_terminal() else "plain")
    if style not in STYLES:
        raise UnknownName("progress style (FORETEXT_PROGRESS)", style, STYLES)
    return "off" if _is_quiet.get() else style


def _number(value: float) -> str:
    """Short, but telling for small numbers too: 12,345, 8, 0.25."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
