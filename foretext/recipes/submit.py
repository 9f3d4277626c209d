"""A fine-tuned run answers a hidden test set, in the files that its judges take: GLUE's server, Story Cloze's."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.errors import DataError, SettingsError
from foretext.files import atomic_file, write_text
from foretext.leftovers import remove_dead
from foretext.progress import progress
from foretext.recipes.settings.submit import SubmitSettings
from foretext.serving.predictor import Predictor
from foretext.tasks.catalogue import TASKS, find_task
from foretext.tasks.examples import Example, Label
from foretext.tasks.labelled import published_root
from foretext.tasks.schema import TaskSchema
from foretext.tasks.task import Task

STORY_CLOZE = "answer.txt"
GLUE = (  # the files of a submission
    *("CoLA.tsv", "SST-2.tsv", "MRPC.tsv", "QQP.tsv", "STS-B.tsv", "MNLI-m.tsv", "MNLI-mm.tsv"),
    *("QNLI.tsv", "RTE.tsv", "WNLI.tsv", "AX.tsv"),
)
LOWEST, HIGHEST = 0.0, 5.0  # scores of STS-B that GLUE's server takes
DIGITS = 6  # of a score in a file: what float32 can tell
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the time of every file in an archive, so that equal answers are equal bytes


@dataclass(frozen=True)
class Answers:
    """One written file: how many rows, and how many scores were drawn back to the nearest that is allowed."""

    file: Path
    rows: int
    clipped: int = 0


@dataclass(frozen=True)
class Submitted:
    """What was written, which test files were not there, and what an archive of the folder still lacks."""

    written: list[Answers]
    absent: list[str]
    archive: Path
    lacking: list[str]

    def lines(self) -> list[str]:
        written = [
            f"{item.rows:,} answers written to {item.file}"
            + (f"; {item.clipped:,} scores were outside 0 to 5 and are at its nearer end" if item.clipped else "")
            for item in self.written
        ]
        lacking = f"; GLUE also wants {', '.join(self.lacking)}" if self.lacking else ""
        return [*written, *self.absent, f"archive to hand in: {self.archive}{lacking}"]

    def to_json(self) -> dict[str, Any]:
        written = [{"file": str(item.file), "rows": item.rows, "clipped": item.clipped} for item in self.written]
        return {"written": written, "absent": self.absent, "archive": str(self.archive), "lacking": self.lacking}


def submit(settings: SubmitSettings) -> Submitted:
    """Answers the test set of a task with a fine-tuned run; for MNLI both test sets, and GLUE's diagnostic pairs.

    Raises:
        UnknownName: there is no such task.
        SettingsError: it has no hidden test set, or the run was fine-tuned on another task.
        DataError: the test file is not there, or its rows are not numbered as the judges want them.
        ModelError: the run is no fine-tuned model.
    """
    task = find_task(settings.task)
    wanted = _wanted(task)
    root = published_root(settings.data, task)
    found = [(one, split, name) for one, split, name in wanted if one.find(root, split)]
    if not found:
        raise DataError(wanted[0][0].missing(root, wanted[0][1]))
    predictor = Predictor.load(settings.run, device=settings.device, precision="fp32")
    _check_same_task(predictor.schema, task, settings.run)
    written = [_write(predictor, one.rows(root, split), settings.out / name) for one, split, name in found]
    absent = [
        f"{name} is not written: {one.missing(root, split)}" for one, split, name in wanted if not one.find(root, split)
    ]
    archive, lacking = _archive(settings.out, glue=STORY_CLOZE not in task.submissions.values())
    return Submitted(written, absent, archive, lacking)


def _wanted(task: Task) -> list[tuple[Task, str, str]]:
    """The test sets that a model of `task` answers: whose they are, which split, what the file is called."""
    if not task.submissions or task.name == "AX":
        known = ", ".join(name for name, other in TASKS.items() if other.submissions and name != "AX")
        raise SettingsError(f"{task.name} has no answers to hand in; those that have: {known}")
    also = [TASKS["AX"]] if task.name == "MNLI" else []
    return [(one, split, name) for one in (task, *also) for split, name in one.submissions.items()]


def _check_same_task(schema: TaskSchema, task: Task, run: str) -> None:
    if schema.identity != TaskSchema(kind=task.kind, text=task.text, classes=task.classes).identity:
        raise SettingsError(
            f"{run} was fine-tuned for {_in_words(schema.kind, schema.text, schema.classes)}; {task.name} is "
            f"{_in_words(task.kind, task.text, task.classes)}. "
            f"`foretext finetune MODEL --task {task.name} --out RUN` makes a run of it"
        )


def _in_words(kind: str, texts: Sequence[str], classes: Sequence[str]) -> str:
    return f"{kind} of {', '.join(texts)}" + (f" with the classes {', '.join(classes)}" if classes else "")


def _write(predictor: Predictor, examples: Sequence[Example], file: Path) -> Answers:
    ids = _story_ids(examples, file) if file.name == STORY_CLOZE else _numbers(examples, file)
    labels: list[Label] = []
    with progress(f"answering {file.name}", len(examples), unit="examples") as bar:
        for prediction in predictor.stream(examples):
            labels.append(prediction.label)
            bar.advance(1)
    if file.name == STORY_CLOZE:
        rows = [f"{name},{int(str(label)) + 1}" for name, label in zip(ids, labels, strict=True)]
        write_text(file, "\n".join(["InputStoryid,AnswerRightEnding", *rows, ""]))
        return Answers(file, len(rows))
    words, clipped = list(map(str, labels)), 0
    if not predictor.schema.classes:
        scores = predictor.schema.labels.numbers(labels)
        allowed = scores.clip(LOWEST, HIGHEST)
        words, clipped = [f"{score:.{DIGITS}f}" for score in allowed], int((scores != allowed).sum())
    rows = [f"{name}\t{word}" for name, word in zip(ids, words, strict=True)]
    write_text(file, "\n".join(["index\tprediction", *rows, ""]))
    return Answers(file, len(rows), clipped)


def _numbers(examples: Sequence[Example], file: Path) -> list[str]:
    """The numbers of the rows, which must run from 0; a file without numbers is numbered."""
    numbers = [str(number) for number in range(len(examples))]
    for number, example in zip(numbers, examples, strict=True):
        if example.id not in (number, ""):
            raise DataError(
                f"{example.where}: row {number} is numbered {example.id!r}; {file.name} must have every row from 0"
            )
    return numbers


def _story_ids(examples: Sequence[Example], file: Path) -> list[str]:
    ids = [example.id for example in examples]
    if not all(ids) or len(set(ids)) < len(ids):
        raise DataError(
            f"{examples[0].where}: the stories have no InputStoryid each of their own, which {file.name} needs"
        )
    return ids


def _archive(folder: Path, *, glue: bool) -> tuple[Path, list[str]]:
    """A zip of all answers in the folder, and the names of GLUE's files that it lacks."""
    names = list(GLUE) if glue else [STORY_CLOZE]
    path = folder / ("glue.zip" if glue else "story_cloze.zip")
    there = [name for name in names if (folder / name).exists()]
    remove_dead(path)
    with atomic_file(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name in there:
            entry = zipfile.ZipInfo(name, _EPOCH)
            archive.writestr(entry, (folder / name).read_bytes(), zipfile.ZIP_DEFLATED)
    return path, [name for name in names if name not in there]
