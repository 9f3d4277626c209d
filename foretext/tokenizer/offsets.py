"""Where tokens come from in a text."""

from __future__ import annotations

from typing import NamedTuple

Span = tuple[int, int]  # the first character and the one behind the last, as in text[first:end]


class Token(NamedTuple):
    """An id and the half-open span of its characters."""

    id: int
    start: int
    end: int
