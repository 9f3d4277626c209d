"""Columns beside texts and label that give the label away: a model of each alone, judged on rows it has not seen."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from foretext.checkup.finding import Finding
from foretext.checkup.folds import fold_of
from foretext.checkup.rows import Part, Sampled, name_of
from foretext.tasks.files.cells import as_score, is_missing
from foretext.tasks.files.columns import Columns
from foretext.tasks.schema import TaskSchema
from foretext.texts.showing import shown
from foretext.texts.words import plain

Ranks = npt.NDArray[np.float64]

FEWEST = 20  # rows below which nothing is known of a column
GIVES_AWAY = 0.95  # accuracy of a column alone from which on it gives the label away
BETTER = 0.5  # of what always the same answer gets wrong, the share that the column must get right
EXPLAINS = 0.9  # of the variance of the ranks of scores, from which on a column gives scores away
BINS = 20  # parts of the range of numbers


def check_columns(part: Part, columns: Columns, schema: TaskSchema | None) -> list[Finding]:
    """The other columns of the sampled rows that answer nearly all of them; `schema` knows of scores."""
    rows = [row for row in part.sample if row.values and row.label]
    if len(rows) < FEWEST:
        return []
    labels = [str(row.example.label) for row in rows]
    usual = Counter(labels).most_common(1)[0][1] / len(rows)
    ranks = _ranks(rows, schema) if schema is not None and schema.low is not None else None
    read = {*columns.text, *columns.choices, columns.label}
    names = list(dict.fromkeys(name for row in rows for name in row.values if name not in read))
    found = []
    for name in names:
        cells = [row.values.get(name) for row in rows]
        if ranks is not None:
            explained = _explained(rows, _values(cells), ranks)
            if explained >= EXPLAINS:
                found.append(_finding(part, rows, name, f"it explains {explained:.1%} of the differences in rank of"))
            continue
        accuracy = max(_accuracy(rows, _values(cells), labels), _says_it(rows, cells))
        if accuracy >= GIVES_AWAY and accuracy - usual >= BETTER * (1 - usual):
            answers = f"it answers {accuracy:.1%}, always the same label {usual:.1%}, of"
            found.append(_finding(part, rows, name, answers))
    return found


def _finding(part: Part, rows: Sequence[Sampled], name: str, how_well: str) -> Finding:
    place = list(rows[0].values).index(name) + 1 if name in rows[0].values else 0
    says = (
        f"column {place} gives the label away: alone {how_well} the rows of {part.name}. No text is read from it; "
        "leave it out where it would not be known"
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


def _says_it(rows: Sequence[Sampled], cells: Sequence[Any]) -> float:
    """The share of rows whose cell is the label in words, as the right answer is."""
    return sum(plain(str(cell)) == plain(row.label) for row, cell in zip(rows, cells, strict=True)) / len(rows)


def _ranks(rows: Sequence[Sampled], schema: TaskSchema) -> Ranks:
    """The ranks of scores, equal ones sharing theirs."""
    scores = schema.labels.numbers([row.example.label for row in rows if row.example.label is not None])
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - counts / 2)[places]


def _explained(rows: Sequence[Sampled], values: Sequence[str], ranks: Ranks) -> float:
    """Of the variance of ranks the share that the mean rank of a value in the other fold explains."""
    folds = [fold_of(row, 2) for row in rows]
    known: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for fold, value, rank in zip(folds, values, ranks, strict=True):
        known[value][fold].append(rank)
    mean = float(ranks.mean())
    guesses = [
        float(np.mean(others)) if (others := known[value][1 - fold]) else mean
        for fold, value in zip(folds, values, strict=True)
    ]
    spread = float(((ranks - mean) ** 2).sum())
    return 1 - float(((ranks - np.array(guesses)) ** 2).sum()) / spread if spread else 0.0


def _values(cells: Sequence[Any]) -> list[str]:
    """What stands in a column; of many different numbers the part of their range."""
    numbers = [as_score(cell) for cell in cells]
    known = [number for number in numbers if number is not None]
    if len(set(known)) <= BINS or len(known) < sum(not is_missing(cell) for cell in cells):
        return ["" if is_missing(cell) else str(cell) for cell in cells]
    ordered = sorted(known)
    edges = [ordered[k * len(ordered) // BINS] for k in range(1, BINS)]
    return ["" if number is None else str(sum(number >= edge for edge in edges)) for number in numbers]
