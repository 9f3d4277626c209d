"""A published task as it is at hand: what to train on, what to score on, and how that departs from the paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from foretext.errors import DataError
from foretext.tasks.cutting import Cutting
from foretext.tasks.examples import Example
from foretext.tasks.labelled import (
    LabelledData,
    LabelledDataSettings,
    drawn,
    limited,
    published_root,
    read_labelled_data,
)
from foretext.tasks.published.splits import Split
from foretext.tasks.task import Task

SUBSET_SEED = 0  # draws the rows of --train-rows and --score-rows, the same for every seed of training


@dataclass(frozen=True)
class ReproductionData:
    """Examples of one task. `tests` are scored, by the part of the test data they are; what has no parts is part ""."""

    task: Task
    data: LabelledData  # its `valid` chooses the epoch that is kept
    tests: Mapping[str, Sequence[Example]]
    scored_on: str  # "test", "validation" or "held-out training"
    departures: list[str]
    absent: dict[str, str]  # part → why it cannot be scored


def reproduction_data(
    task: Task,
    *,
    data: Path | None,
    train_rows: int,
    score_rows: int,
    cutting: Cutting | None,
    parts: Sequence[str],
) -> ReproductionData:
    """The examples to reproduce a task with: the test set where its labels are public, else the validation set.

    Raises:
        DataError: there is nothing to train on; the message says which file is wanted, from where, under which licence.
    """
    root = published_root(data, task)
    if "train" not in task.files:
        raise DataError(f"{task.name} has no training examples; a model of another task answers it. {task.note}")
    read = read_labelled_data(LabelledDataSettings(task=task.name, data=data, cutting=cutting), seed=SUBSET_SEED)
    base = next((split for split in ("test", "valid") if _any_labelled(task, root, split, parts)), "")
    splits = {part: f"{base} {part}".strip() for part in parts} if base else {}
    tests = {part: task.read(root, split).examples for part, split in splits.items() if task.is_labelled(root, split)}
    absent = {part: _why(task, root, split) for part, split in splits.items() if part not in tests}
    tests = tests or {"": list(read.valid)}
    scored = (
        {part: drawn(examples, score_rows, SUBSET_SEED) for part, examples in tests.items()} if score_rows else tests
    )
    train = limited(read, train_rows, SUBSET_SEED)
    valid = scored[""] if base != "test" and "" in scored else train.valid
    return ReproductionData(
        task,
        replace(train, valid=valid),
        scored,
        {"test": "test", "valid": "validation"}.get(base, "held-out training"),
        [
            *_of_training(task.published_count(root, "train"), read, train),
            *_of_scoring(base, tests, scored),
            *_of_sets(task, root, {splits[part]: examples for part, examples in tests.items() if part in splits}),
        ],
        absent,
    )


def _any_labelled(task: Task, root: Path, split: Split, parts: Sequence[str]) -> bool:
    return any(task.is_labelled(root, f"{split} {part}".strip()) for part in parts)


def _why(task: Task, root: Path, split: Split) -> str:
    return (
        task.missing(root, split) if task.find(root, split) is None else f"{task.name}: the {split} split has no labels"
    )


def _of_training(published: int | None, read: LabelledData, train: LabelledData) -> list[str]:
    """How the training examples depart from the published ones."""
    lines = []
    if published and len(read.train) != published:
        lines.append(f"{len(read.train):,} training examples are at hand (published: {published:,})")
    if len(train.train) < len(read.train):
        lines.append(f"trained on {len(train.train):,} of {len(read.train):,} examples, the same for every seed")
    return lines


def _of_scoring(
    base: str, tests: Mapping[str, Sequence[Example]], scored: Mapping[str, Sequence[Example]]
) -> list[str]:
    """How the scored examples depart from the paper's, which are the test set's."""
    lines = []
    if base == "valid":
        lines.append("scored on the validation set, as there is no test set with labels at hand (paper: the test set)")
    elif not base:
        lines.append("scored on a tenth of the training examples, held out (paper: the test set)")
    if any(len(scored[part]) < len(examples) for part, examples in tests.items()):
        lines.append(f"scored on {max(map(len, scored.values())):,} examples of a set at most")
    return lines


def _of_sets(task: Task, root: Path, sets: Mapping[Split, Sequence[Example]]) -> list[str]:
    """Which of the scored sets have another number of examples than was published."""
    lines = []
    for split, examples in sets.items():
        published = task.published_count(root, split)
        if published and len(examples) != published:
            lines.append(f"{len(examples):,} examples of the {split} set are at hand (published: {published:,})")
    return lines
