"""One labelled example, as every story task makes them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Labelled:
    """Texts, the answers to choose from where there are any, and the label: a class, a score, or an answer's index."""

    texts: tuple[str, ...]
    label: str | float | int
    answers: tuple[str, ...] = ()
