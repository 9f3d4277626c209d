"""Progress on stderr, with the time left; silent where stderr is no terminal and nobody asked for more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """What a long piece of work tells about itself while it runs."""

    def advance(self, amount: float = 1.0, text: str | None = None) -> None:
        """`amount` more units are done; `text`, if given, replaces what stands behind the bar."""


class _Silent:
    def advance(self, amount: float = 1.0, text: str | None = None) -> None:
        pass


@contextmanager
def progress(title: str, total: float | None, *, unit: str = "") -> Iterator[Progress]:
    """A progress bar on stderr with share done, speed and time left; `total` None when it is not known."""
    yield _Silent()
