"""Table 1 of the paper: its twelve data sets, and what of each is at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from foretext.errors import DataError
from foretext.files import write_json
from foretext.recipes.settings.reproduce import ReproduceSettings
from foretext.tasks.catalogue import TASKS, find_task
from foretext.tasks.labelled import published_root
from foretext.tasks.published.splits import is_part
from foretext.tasks.task import Task
from foretext.text_table import text_table

HEADER = ("task", "data set", "train", "valid", "test", "published train")
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class SplitAtHand:
    """One split of a data set: how many rows there are, and how many of them have a label; no rows: it is missing."""

    split: str
    rows: int
    labelled: int
    file: str | None
    part: bool = False  # of the published file

    def cell(self) -> str:
        """It in a word or two."""
        if self.file is None:
            return "missing"
        labels = (
            "" if self.labelled == self.rows else f", {self.labelled:,} labelled" if self.labelled else ", no labels"
        )
        return f"{self.rows:,}{' (part)' if self.part else ''}{labels}"


@dataclass(frozen=True)
class DataSet:
    """One of the twelve."""

    type: str
    name: str
    train_rows: int | None  # as published
    splits: list[SplitAtHand]

    @property
    def complete(self) -> bool:
        """Whether every published file is there whole."""
        return all(split.file and not split.part for split in self.splits)

    def cells(self) -> list[str]:
        """Its row."""
        train = f"{self.train_rows:,}" if self.train_rows else ""
        return [self.type, self.name, *map(self._cell, SPLITS), train]

    def _cell(self, name: str) -> str:
        """A split, and behind it those of its parts that have files of their own (MNLI's test sets, RACE's schools)."""
        here = [split for split in self.splits if split.split.split()[0] == name]
        if not any(split.file for split in here):
            return "missing" if here else "none"
        first, *parts = here
        return "; ".join([first.cell(), *(f"{part.split.split()[1]} {part.cell()}" for part in parts)])


@dataclass(frozen=True)
class Table1:
    """The twelve data sets and where they were looked for."""

    root: Path
    sets: list[DataSet]
    missing: list[str]
    file: Path

    def lines(self) -> list[str]:
        complete = sum(one.complete for one in self.sets)
        return [
            *text_table(HEADER, [one.cells() for one in self.sets], left=(0, 1)),
            "",
            f"looked in {self.root}; {complete} of {len(self.sets)} data sets are complete. `foretext tasks NAME` "
            "shows the files of one; Foretext downloads no data.",
            *self.missing,
            f"results written to {self.file}",
        ]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "root": str(self.root), "file": str(self.file)}


def table_1(settings: ReproduceSettings) -> Table1:
    """The paper's data sets, every file that is at hand read and its rows counted; in `settings.out`/table-1.json too.

    Raises:
        SettingsError: nobody said where the data are.
        DataError: a file is not as published.
    """
    tasks = [task for task in TASKS.values() if task.paper]
    root = published_root(settings.data, tasks[0])
    sets = [
        DataSet(
            task.task_kind.in_table_1,
            task.name,
            task.published_count(root, "train"),
            [_split(task, root, split) for split in task.files],
        )
        for task in tasks
    ]
    missing = [_wanted(task, root, one.splits) for task, one in zip(tasks, sets, strict=True) if not one.complete]
    result = Table1(root, sets, missing, settings.out / "table-1.json")
    write_json(result.file, result.to_json())
    return result


def at_hand(names: Sequence[str], data: Path | None, *, training: bool) -> tuple[list[str], list[str]]:
    """The tasks of these names that have labelled examples at hand, for training if asked; and what the others lack.

    Raises:
        SettingsError: nobody said where the data are.
    """
    found, missing = list[str](), list[str]()
    for name in names:
        task = find_task(name)
        root = published_root(data, task)
        wanted = ["train"] if training else [split for split in ("valid", "test", "train") if split in task.files]
        try:
            if any(task.is_labelled(root, split) for split in wanted):
                found.append(name)
            else:
                missing.append(task.missing(root, wanted[0]))
        except DataError as error:
            missing.append(str(error))
    return found, missing


def _split(task: Task, root: Path, split: str) -> SplitAtHand:
    """What there is of a split.

    Raises:
        DataError: its file cannot be read.
    """
    found = task.find(root, split)
    if found is None:
        return SplitAtHand(split, 0, 0, None)
    rows = task.rows(root, split)
    labelled = sum(example.label is not None for example in rows)
    return SplitAtHand(split, len(rows), labelled, str(found), is_part(found))


def _wanted(task: Task, root: Path, splits: Sequence[SplitAtHand]) -> str:
    """One line for a data set that is not complete: what is missing, and where it is had."""
    missing = [split.split for split in splits if split.file is None]
    parts = [split.split for split in splits if split.part]
    lacks = [f"no {', '.join(missing)}" if missing else "", f"only a part of {', '.join(parts)}" if parts else ""]
    return (
        f"{task.name}: {'; '.join(filter(None, lacks))}. Get it from {task.url} ({task.source}; licence: "
        f"{task.licence}) and put it into {task.places(root)[0]}"
    )
