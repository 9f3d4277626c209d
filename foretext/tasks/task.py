"""A published data set as one frozen value: what kind it is, how it is read and scored, where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from foretext.errors import DataError
from foretext.tasks.examples import Example
from foretext.tasks.files.columns import Columns
from foretext.tasks.kinds import KINDS, Kind, TaskKind
from foretext.tasks.labels.form import LabelOptions
from foretext.tasks.published.splits import Files, Reader, Split, find_split
from foretext.tasks.schema import TaskSchema, learn_schema

PEEK = 100  # rows among which one has a label, if the labels of a split are public


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
    folders: tuple[str, ...] = ()  # further names that its folder may have, as the publisher's archive calls it
    paper: bool = False  # one of the twelve of Radford et al. 2018
    glue: tuple[str, ...] = ()  # the metrics whose mean counts in GLUE's average; none: it is not in GLUE
    train_rows: int | None = None  # examples of the published training set
    submissions: Mapping[Split, str] = field(default_factory=dict)  # what the answers to a hidden test set are called
    note: str = ""  # oddities of the files, and what is made of them

    @property
    def files(self) -> Files:
        """The files or folders of each split, as its reader knows them."""
        return self.reader.files

    def places(self, root: Path) -> list[Path]:
        """The folders below `root` where its files are looked for, best first."""
        names = (self.name, *self.folders)
        return [root / "tasks" / name for name in names] + [root / name for name in names]

    def folder(self, root: Path) -> Path:
        """The first of those places that is there, else `root` itself."""
        return next((place for place in self.places(root) if place.is_dir()), root)

    def find(self, root: Path, split: Split) -> Path | None:
        """The file or folder of a split, or None where it is not there."""
        try:
            return find_split(self.folder(root), split, self.files)
        except DataError:
            return None

    def splits(self, root: Path) -> list[Split]:
        """The splits whose files are there."""
        return [split for split in self.files if self.find(root, split)]

    def is_labelled(self, root: Path, split: Split) -> bool:
        """Whether the split is there and its labels are public."""
        if split not in self.files or self.find(root, split) is None:
            return False
        examples = islice(self.reader(self.folder(root), split), PEEK)
        return any(example.label is not None for example in examples)

    def rows(self, root: Path, split: Split) -> Sequence[Example]:
        """All examples of a split, with a label or without, in the order of the file.

        Raises:
            UnknownName: the data set has no such split.
            DataError: the file is not there (the message says where to get it) or not as published.
        """
        if split in self.files and self.find(root, split) is None:
            raise DataError(self.missing(root, split))
        return list(self.reader(self.folder(root), split))

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

    def missing(self, root: Path, split: Split) -> str:
        """What to say of a split that is not there: which file, where from, under which licence."""
        wanted = " or ".join(self.files[split])
        return (
            f"{self.name}: there is no {wanted} in {self.folder(root)}. Get it from {self.url} "
            f"({self.source}; licence: {self.licence}) and put it into {self.places(root)[0]}; "
            "Foretext downloads no data"
        )

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

    def schema(self, examples: Sequence[Example]) -> TaskSchema:
        """The schema that its training examples teach; columns are called as the publisher calls them."""
        return learn_schema(
            examples,
            kind=self.task_kind,
            columns=Columns(self.text, self._answers, "label"),
            options=LabelOptions(positive=self.positive),
            metric=self.metric,
            source=self.name,
        )
