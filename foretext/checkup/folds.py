"""Rows dealt into folds: equal texts stay together, each class is spread evenly, and the order of rows is no matter."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from foretext.checkup.rows import Sampled, key_of
from foretext.texts.words import plain


def text_of(row: Sampled) -> str:
    """All that a row asks, by which rows are equal."""
    return "\0".join(map(plain, (*row.example.texts, *row.example.choices)))


def fold_of(row: Sampled, folds: int) -> int:
    """The fold of a row, which its text alone decides."""
    return key_of(text_of(row)) % folds


def dealt(rows: Sequence[Sampled], folds: int) -> list[int]:
    """The fold of each row: the texts of a class go to the folds in turn, with all rows that repeat them."""
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        labels[text_of(row)][row.label] += 1
    turns: Counter[str] = Counter()
    fold: dict[str, int] = {}
    for text in sorted(labels, key=key_of):
        most = min(labels[text], key=lambda name: (-labels[text][name], name))
        fold[text] = turns[most] % folds
        turns[most] += 1
    return [fold[text_of(row)] for row in rows]
