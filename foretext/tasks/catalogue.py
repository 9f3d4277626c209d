"""The data sets that are known by name: the paper's, and more of the same kinds.

To add one: a `Task` here, and if its format is new a reader in `published/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from foretext.errors import DataError, UnknownName
from foretext.tasks.columns import Columns
from foretext.tasks.examples import Example, Kind
from foretext.tasks.learning import learn_schema
from foretext.tasks.published import copa, openbookqa, trec
from foretext.tasks.published.columns import Reader, TableReader
from foretext.tasks.published.splits import Files, Split, find_split
from foretext.tasks.schema import TaskSchema


@dataclass(frozen=True)
class TaskData:
    """The labelled examples of one split, and how many rows the publisher left without a label."""

    examples: list[Example]
    unlabelled: int


@dataclass(frozen=True)
class Task:
    """A published data set: what kind it is, how it is read and scored, where it comes from."""

    name: str
    kind: Kind
    metric: str
    reader: Reader
    files: Files
    text: tuple[str, ...]  # what the texts of an example are called
    source: str
    licence: str  # as generally known
    positive: str | None = None  # the positive one of two classes, where it is not the later in natural order

    def folder(self, root: Path) -> Path:
        """Where its files are looked for: the folder of its name below `root`, or `root` itself."""
        return root / self.name if (root / self.name).is_dir() else root

    def splits(self, root: Path) -> list[Split]:
        """The splits whose files are there."""
        found: list[Split] = []
        for split in self.files:
            try:
                find_split(self.folder(root), split, self.files)
            except DataError:
                continue
            found.append(split)
        return found

    def read(self, root: Path, split: Split) -> TaskData:
        """The labelled examples of a split, in the order of the file.

        Raises:
            DataError: the file is not there or not as published.
        """
        rows = list(self.reader(self.folder(root), split))
        labelled = [example for example in rows if example.label is not None]
        if not labelled:
            raise DataError(f"{self.name}: the {split} split in {self.folder(root)} has no labelled examples")
        return TaskData(labelled, len(rows) - len(labelled))

    def schema(self, examples: Sequence[Example]) -> TaskSchema:
        """The schema that its training examples teach; columns are called as the publisher calls them."""
        columns = Columns(self.text, ("answers",) if self.kind == "choice" else (), "label")
        return learn_schema(
            examples,
            kind=self.kind,
            columns=columns,
            answer_labels="index0" if self.kind == "choice" else None,
            positive=self.positive,
            metric=self.metric,
            source=self.name,
        )


def _table(
    name: str,
    kind: Kind,
    metric: str,
    *,
    files: Files,
    text: tuple[str, ...],
    label: str,
    source: str,
    licence: str,
    names: tuple[str, ...] | None = None,
    header: bool = True,
    positive: str | None = None,
) -> Task:
    """A data set whose splits are plain tables; `names` are for texts whose columns have none."""
    reader = TableReader(files, text, label, graded=metric == "pearson", header=header)
    return Task(name, kind, metric, reader, files, names or text, source, licence, positive)


GLUE_FILES: Files = {"train": ("train.tsv",), "valid": ("dev.tsv",)}  # the labels of its test sets are not public

_TASKS = (
    _table(
        "CoLA",
        "classification",
        "matthews",
        files=GLUE_FILES,
        text=("4",),
        label="2",
        names=("sentence",),
        header=False,
        source="Warstadt et al. 2019",
        licence="research",
    ),
    _table(
        "SST-2",
        "classification",
        "accuracy",
        files=GLUE_FILES,
        text=("sentence",),
        label="label",
        source="Socher et al. 2013",
        licence="research",
    ),
    _table(
        "STS-B",
        "similarity",
        "pearson",
        files=GLUE_FILES,
        text=("sentence1", "sentence2"),
        label="score",
        source="Cer et al. 2017",
        licence="CC BY-SA 4.0",
    ),
    _table(
        "RTE",
        "entailment",
        "accuracy",
        files=GLUE_FILES,
        text=("sentence1", "sentence2"),
        label="label",
        positive="entailment",
        source="Dagan et al. 2005 and after",
        licence="research",
    ),
    _table(
        "QNLI",
        "entailment",
        "accuracy",
        files={"train": ("train.tsv", "train_subset.jsonl"), "valid": ("dev.tsv",)},
        text=("question", "sentence"),
        label="label",
        positive="entailment",
        source="Wang et al. 2018, from Rajpurkar et al. 2016",
        licence="CC BY-SA 4.0",
    ),
    _table(
        "MNLI",
        "entailment",
        "accuracy",
        files={"train": ("train.jsonl", "train_subset.jsonl"), "valid": ("dev_matched.jsonl",)},
        text=("premise", "hypothesis"),
        label="label",
        source="Williams et al. 2018",
        licence="mixed, mostly open",
    ),
    _table(
        "SNLI",
        "entailment",
        "accuracy",
        files={"train": ("train.jsonl", "train_subset.jsonl"), "valid": ("dev.jsonl",), "test": ("test.jsonl",)},
        text=("premise", "hypothesis"),
        label="label",
        source="Bowman et al. 2015",
        licence="CC BY-SA 4.0",
    ),
    _table(
        "SciTail",
        "entailment",
        "accuracy",
        files={"train": ("train.jsonl",), "valid": ("dev.jsonl",), "test": ("test.jsonl",)},
        text=("premise", "hypothesis"),
        label="label",
        positive="entailment",
        source="Khot et al. 2018",
        licence="Apache-2.0",
    ),
    Task(
        "OpenBookQA",
        "choice",
        "accuracy",
        openbookqa.read,
        openbookqa.FILES,
        ("question",),
        source="Mihaylov et al. 2018",
        licence="Apache-2.0",
    ),
    Task(
        "COPA",
        "choice",
        "accuracy",
        copa.read,
        copa.FILES,
        ("premise", "relation"),
        source="Roemmele et al. 2011",
        licence="BSD-2",
    ),
    Task(
        "TREC",
        "classification",
        "accuracy",
        trec.read,
        trec.FILES,
        ("question",),
        source="Li and Roth 2002",
        licence="research",
    ),
)
TASKS: dict[str, Task] = {task.name: task for task in _TASKS}


def find_task(name: str) -> Task:
    """The task of this name, in whatever case.

    Raises:
        UnknownName: there is none.
    """
    for known, task in TASKS.items():
        if known.casefold() == name.casefold():
            return task
    raise UnknownName("task", name, TASKS)
