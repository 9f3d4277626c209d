"""Columns beside texts and label that give the label away: a model of each alone, judged on rows it has not seen."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from foretext.checkup.finding import Finding
from foretext.checkup.folds import fold_of
from foretext.checkup.rows import Part, Sampled, name_of
from foretext.tasks.files.cells import as_score, is_missing
from foretext.tasks.files.columns import Columns
from foretext.texts.showing import shown

FEWEST = 20  # rows below which nothing is known of a column
GIVES_AWAY = 0.95  # accuracy of a column alone from which on it gives the label away
BETTER = 0.5  # of what always the same answer gets wrong, the share that the column must get right
BINS = 20  # parts of the range of numbers


def check_columns(part: Part, columns: Columns) -> list[Finding]:
    """The other columns of the sampled rows that answer nearly all of them."""
    rows = [row for row in part.sample if row.values and row.label]
    if len(rows) < FEWEST:
        return []
    labels = [str(row.example.label) for row in rows]
    usual = Counter(labels).most_common(1)[0][1] / len(rows)
    read = {*columns.text, *columns.choices, columns.label}
    names = list(dict.fromkeys(name for row in rows for name in row.values if name not in read))
    found = []
    for name in names:
        accuracy = _accuracy(rows, _values([row.values.get(name) for row in rows]), labels)
        if accuracy >= GIVES_AWAY and accuracy - usual >= BETTER * (1 - usual):
            found.append(_finding(part, rows, name, accuracy, usual))
    return found


def _finding(part: Part, rows: Sequence[Sampled], name: str, accuracy: float, usual: float) -> Finding:
    place = list(rows[0].values).index(name) + 1 if name in rows[0].values else 0
    says = (
        f"column {place} gives the label away: alone it answers {accuracy:.1%} of the rows of {part.name}, always the "
        f"same label {usual:.1%}. No text is read from it; leave it out where it would not be known"
    )
    examples = dict.fromkeys(f"{shown(str(row.values.get(name)), 40)} → {name_of(row.label)}" for row in rows)
    listed = (f"column {shown(name, 40)!r}", *list(examples)[:3])
    return Finding("columns", "doubtful", says, {"rows looked at": len(rows)}, (), listed)


def _accuracy(rows: Sequence[Sampled], values: Sequence[str], labels: Sequence[str]) -> float:
    """The share of rows that the most frequent label of their value answers, of those in the other folds."""
    votes: dict[str, list[Counter[str]]] = defaultdict(lambda: [Counter(), Counter()])
    folds = [fold_of(row, 2) for row in rows]
    for fold, value, label in zip(folds, values, labels, strict=True):
        votes[value][fold][label] += 1
    right = 0
    for fold, value, label in zip(folds, values, labels, strict=True):
        others = votes[value][1 - fold]
        right += bool(others) and min(others, key=lambda name: (-others[name], name)) == label
    return right / len(rows)


def _values(cells: Sequence[Any]) -> list[str]:
    """What stands in a column; of many different numbers the part of their range."""
    numbers = [as_score(cell) for cell in cells]
    known = [number for number in numbers if number is not None]
    if len(set(known)) <= BINS or len(known) < sum(not is_missing(cell) for cell in cells):
        return ["" if is_missing(cell) else str(cell) for cell in cells]
    ordered = sorted(known)
    edges = [ordered[k * len(ordered) // BINS] for k in range(1, BINS)]
    return ["" if number is None else str(sum(number >= edge for edge in edges)) for number in numbers]
