"""The files of a published task that a model which is fine-tuned already is scored on, or answers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.errors import DataError, SettingsError, UnknownName
from foretext.tasks.catalogue import find_task
from foretext.tasks.examples import Example
from foretext.tasks.files.tables import is_path
from foretext.tasks.labelled import published_root
from foretext.tasks.published.splits import Split
from foretext.tasks.schema import TaskSchema
from foretext.tasks.task import Task

USUAL = ("test", "valid")  # the split that is taken where none is named: the first that is there

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OfficialSet:
    """One split of a published task: all its examples, of which some or all may have no label."""

    task: Task
    split: Split
    path: Path
    examples: Sequence[Example]

    @property
    def labelled(self) -> list[Example]:
        """Those with a label."""
        return [example for example in self.examples if example.label is not None]

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Which columns of its rows hold texts and answers, as a schema says it."""
        return {"text": self.task.text, "choices": self.task.inputs[len(self.task.text) :]}

    def rows(self) -> list[dict[str, Any]]:
        """The examples as cells by column: the publisher's name of each if it has one, texts, answers, label."""
        named, known = any(example.id for example in self.examples), bool(self.labelled)
        return [
            {
                **({"id": example.id} if named else {}),
                **dict(zip(self.task.text, example.texts, strict=True)),
                **({"answers": list(example.choices)} if example.choices else {}),
                **({"label": example.label} if known else {}),
            }
            for example in self.examples
        ]


def official_set(
    data: Any,
    *,
    task: str | None,
    split: str | None,
    columns: Sequence[str],
    schema: TaskSchema,
    learned: str | None,
    labelled: bool = False,
) -> OfficialSet | None:
    """A set of a published task for a model of `schema`; None where `data` are a person's own examples.

    The task is `task`, else `learned`, on which the model was fine-tuned; `data` is the folder to look in, else that of
    FORETEXT_DATA. Without `split` it is the test set, else the validation set; with `labelled` the first with labels.
    `columns` are those that a person named, which a published task does not need.

    Raises:
        SettingsError: it is not said what to read, or the model cannot answer it.
        UnknownName: there is no such task or split.
        DataError: the files are not there, not as published, or without the labels that are wanted.
    """
    if task is None and data is not None and not (is_path(data) and Path(data).is_dir()):
        if split is not None:
            raise SettingsError(f"split {split!r} is a set of a published task; say which with --task, or leave it out")
        return None
    if columns or not (data is None or is_path(data)):
        raise SettingsError(f"{task or 'a published task'} has examples and columns of its own; give none beside it")
    name = task or learned
    if name is None:
        raise SettingsError(
            "give a file with the examples, or --task, a published one; the model was fine-tuned on a file of its own"
        )
    found = find_task(name)
    _check_fits(found, schema, labelled=labelled)
    root = published_root(None if data is None else Path(data), found)
    taken = split or _usual_split(found, root, labelled=labelled)
    if taken not in found.files:
        raise UnknownName("split", taken, found.files)
    examples = found.read(root, taken).examples if labelled else found.rows(root, taken)
    path = found.find(root, taken)
    assert path is not None, "what was read was found"
    log.info("%s, split %s: %s", found.name, taken, path)
    if learned is not None and learned != found.name:
        log.info("the model was fine-tuned on %s", learned)
    if labelled and learned == found.name and taken.startswith("valid"):
        log.info("the score may be optimistic: fine-tuning chooses its weights on the validation set")
    return OfficialSet(found, taken, path, examples)


def _usual_split(task: Task, root: Path, *, labelled: bool) -> Split:
    """The split to take where none is named; one that is not there if none is, for the message."""
    there = [split for split in USUAL if task.find(root, split)]
    if not labelled:
        return there[0] if there else next(split for split in (*USUAL, *task.files) if split in task.files)
    having = [split for split in there if task.is_labelled(root, split)]
    if there and not having:
        raise DataError(
            f"{task.name}: no labels are at hand for its {' and its '.join(there)} set in {task.folder(root)}; "
            f"`foretext tasks {task.name}` shows which files are looked for"
        )
    return having[0] if having else next(split for split in (*USUAL, *task.files) if split in task.files)


def _check_fits(task: Task, schema: TaskSchema, *, labelled: bool) -> None:
    """Refuses a task whose examples the model does not read, or, with `labelled`, whose labels it does not give."""
    if (task.kind, len(task.text)) != (schema.kind, len(schema.text)):
        raise SettingsError(
            f"{task.name} is {task.kind} of {', '.join(task.text)}; the model answers {schema.kind} of "
            f"{', '.join(schema.text)}"
        )
    if labelled and (bool(task.classes) != bool(schema.classes) or not set(task.classes) <= set(schema.classes)):
        raise SettingsError(
            f"the labels of {task.name} are {', '.join(task.classes) or 'no classes'}; the model gives "
            f"{', '.join(schema.classes) or 'no classes'}"
        )
