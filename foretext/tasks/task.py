"""A published data set as one frozen value: what kind it is, how it is read and scored, where it comes from."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from foretext.errors import DataError
from foretext.tasks.examples import Example
from foretext.tasks.files.columns import Columns
from foretext.tasks.kinds import KINDS, Kind, TaskKind
from foretext.tasks.labels.form import LabelOptions
from foretext.tasks.published.splits import Files, Reader, Split, is_part, split_in
from foretext.tasks.schema import TaskSchema, learn_schema

PEEK = 100  # rows among which one has a label, if the labels of a split are public

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TaskData:
    """The labelled examples of one split, and how many rows the publisher left without a label."""

    examples: list[Example]
    unlabelled: int


@dataclass(frozen=True)
class Task:
    """A published data set. `foretext.tasks.catalogue` has them all."""

    name: str
    kind: Kind
    metric: str
    reader: Reader
    text: tuple[str, ...]  # what the texts of an example are called
    source: str  # the publication
    url: str  # the publisher's page, where the files are had
    licence: str  # as generally known
    positive: str | None = None  # the positive one of two classes, where it is not the later in natural order
    classes: tuple[str, ...] = ()  # what its labels are called, where they are classes
    folders: tuple[str, ...] = ()  # further names that its folder may have, as the publisher's archive calls it
    paper: bool = False  # one of the twelve of Radford et al. 2018
    glue: tuple[str, ...] = ()  # the metrics whose mean counts in GLUE's average; none: it is not in GLUE
    published: Mapping[str, int] = field(default_factory=dict)  # examples of a split, or of a file that differs from it
    submissions: Mapping[Split, str] = field(default_factory=dict)  # what the answers to a hidden test set are called
    note: str = ""  # oddities of the files, and what is made of them
    others: tuple[Task, ...] = field(default=(), repr=False, compare=False)  # whose folders must not be taken for its

    @property
    def files(self) -> Files:
        """The files or folders of each split, as its reader knows them."""
        return self.reader.files

    def places(self, root: Path) -> list[Path]:
        """The folders below `root` where its files are looked for, best first."""
        return [root / "tasks" / name for name in self._names] + [root / name for name in self._names]

    def folder(self, root: Path) -> Path | None:
        """The folder of its files: one that is called like it below `root`, else `root` where that is its own."""
        below = next((place for place in self.places(root) if place.is_dir()), None)
        return below or (root if self._owns(root) else None)

    def fits(self, folder: Path) -> bool:
        """Whether the files in a folder can be its: some are there, and all have its columns and its labels."""
        there = [split for split in self.files if split_in(folder, split, self.files)]
        return bool(there) and all(self._fits(folder, split) for split in there)

    def find(self, root: Path, split: Split) -> Path | None:
        """The file or folder of a split, or None where it is not there."""
        folder = self.folder(root)
        return None if folder is None else split_in(folder, split, self.files)

    def splits(self, root: Path) -> list[Split]:
        """The splits whose files are there."""
        return [split for split in self.files if self.find(root, split)]

    def is_labelled(self, root: Path, split: Split) -> bool:
        """Whether the split is there and its labels are public."""
        folder = self.folder(root)
        if folder is None or split_in(folder, split, self.files) is None:
            return False
        return any(example.label is not None for example in islice(self._examples(folder, split), PEEK))

    def rows(self, root: Path, split: Split) -> Sequence[Example]:
        """All examples of a split, with a label or without, in the order of the file.

        That there are more or fewer than were published is said.

        Raises:
            UnknownName: the data set has no such split.
            DataError: the file is not there (the message says where to get it) or not as published.
        """
        if split in self.files and self.find(root, split) is None:
            raise DataError(self.missing(root, split))
        rows = list(self._examples(self.folder(root) or root, split))
        if difference := self.difference(root, split, rows):
            log.warning("%s", difference)
        return rows

    def read(self, root: Path, split: Split) -> TaskData:
        """The labelled examples of a split, in the order of the file.

        Raises:
            UnknownName: the data set has no such split.
            DataError: the file is not there (the message says where to get it) or not as published, or has no labels.
        """
        rows = self.rows(root, split)
        labelled = [example for example in rows if example.label is not None]
        if not labelled:
            raise DataError(f"{self.name}: the {split} split in {self.folder(root)} has no labelled examples")
        return TaskData(labelled, len(rows) - len(labelled))

    def published_count(self, root: Path, split: Split) -> int | None:
        """How many examples were published in the file that holds a split, if that is known.

        Counted are those with a label, of a split without labels all.
        """
        path = self.find(root, split)
        return self.published.get(path.name if path else "", self.published.get(split))

    def difference(self, root: Path, split: Split, rows: Sequence[Example]) -> str | None:
        """What to say of a split that has another number of examples than was published; None where it has not."""
        path, wanted = self.find(root, split), self.published_count(root, split)
        count = sum(example.label is not None for example in rows) or len(rows)
        if path is None or wanted in (None, count):
            return None
        part = ", a part of the published file," if is_part(path) else ""
        return f"{self.name}: {path}{part} has {count:,} examples; published were {wanted:,}"

    def missing(self, root: Path, split: Split) -> str:
        """What to say of a split that is not there: which file, where from, under which licence."""
        wanted = " or ".join(self.files[split])
        strange = ""
        if self.folder(root) is None and split_in(root, split, self.files):
            strange = (
                f" (what lies there itself is not called {' or '.join(self._names)}, and its columns and labels are "
                "those of another data set, or of several)"
            )
        return (
            f"{self.name}: there is no {wanted} in {self.folder(root) or root}{strange}. Get it from {self.url} "
            f"({self.source}; licence: {self.licence}) and put it into {self.places(root)[0]}; "
            "Foretext downloads no data"
        )

    @property
    def _names(self) -> tuple[str, ...]:
        """What its folder may be called, best first."""
        return (self.name, *self.folders)

    def _owns(self, folder: Path) -> bool:
        """Whether a folder is its own: by its name, else by what is in it, if that can be no other data set's."""
        name = Path(os.path.abspath(folder)).name.casefold()
        if name in map(str.casefold, self._names):
            return True
        others = [other for other in self.others if not set(self._names) & set(other._names)]
        if any(name in map(str.casefold, other._names) for other in others) or not self.fits(folder):
            return False
        return not any(other.fits(folder) for other in others)

    def _fits(self, folder: Path, split: Split) -> bool:
        """Whether a split's first rows have its columns and labels; test sets may be without labels."""
        try:
            examples = list(islice(self._examples(folder, split), PEEK))
        except DataError:
            return False
        return split.startswith("test") or any(example.label is not None for example in examples)

    def _examples(self, folder: Path, split: Split) -> Iterator[Example]:
        """The examples of a split as they stand in its file.

        Raises:
            UnknownName: the data set has no such split.
            DataError: the file is not as published.
        """
        for example in self.reader(folder, split):
            if self.classes and example.label is not None and example.label not in self.classes:
                raise DataError(
                    f"{example.where}: the label {example.label!r} is none of {self.name}'s, "
                    f"{', '.join(self.classes)}; it is not the published file"
                )
            yield example

    @property
    def task_kind(self) -> TaskKind:
        """All that its kind decides."""
        return KINDS[self.kind]

    @property
    def inputs(self) -> tuple[str, ...]:
        """What a model reads of an example: its texts, and its answers where it has some."""
        return (*self.text, *self._answers)

    @property
    def _answers(self) -> tuple[str, ...]:
        return ("answers",) if self.task_kind.has_answers else ()

    def schema(
        self, examples: Sequence[Example], *, positive: str | None = None, metric: str | None = None
    ) -> TaskSchema:
        """The schema that its training examples teach; columns are called as the publisher calls them.

        `positive` and `metric` take the place of the task's own.

        Raises:
            UnknownName: there is no such class or metric.
            SettingsError: they do not fit its labels.
        """
        return learn_schema(
            examples,
            kind=self.task_kind,
            columns=Columns(self.text, self._answers, "label"),
            options=LabelOptions(positive=positive or self.positive),
            metric=metric or self.metric,
            source=self.name,
        )
