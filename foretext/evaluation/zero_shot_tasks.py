"""Tasks for a language model that is not fine-tuned: which heuristic answers which task, on which of its examples."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from foretext.errors import DataError, SettingsError
from foretext.evaluation.prompts import SUFFIX, WORDS, ZeroShotTask
from foretext.settings import Settings
from foretext.tasks.catalogue import TASKS, find_task
from foretext.tasks.kinds import Heuristic
from foretext.tasks.labelled import (
    DATA_FOLDER,
    LabelledDataSettings,
    drawn,
    published_root,
    published_schema,
    read_as_given,
)
from foretext.tasks.sources import named_sources

if TYPE_CHECKING:
    from foretext.tasks.examples import Example
    from foretext.tasks.schema import TaskSchema

PAPER_TASKS = ("SST-2", "DPR", "CoLA", "RACE")  # Figure 2, right
HEURISTICS: dict[str, Heuristic] = {  # beside the usual one of a kind
    "CoLA": "acceptability",
    "SST-2": "sentiment",
    "MR": "sentiment",
    "IMDB": "sentiment",
    "DPR": "winograd",
}


class ZeroShotSettings(Settings):
    """How tasks are put to a language model; the defaults are the paper's, where it says."""

    heuristic: Heuristic | None = None
    """acceptability, sentiment, question-answering or winograd, for a file in --data. Not given: question-answering
    for tasks of kind choice."""
    suffix: str = SUFFIX
    """Sentiment: what stands between the text and the word that is predicted."""
    words: tuple[str, ...] = WORDS
    """Sentiment: a word for each class, in the order of the classes."""
    threshold: str = Field("train", pattern="^(train|median)$")
    """Acceptability: the threshold of best score on training examples (train), or the median of the scored sentences,
    which needs no label (median). The paper does not say."""
    threshold_rows: int = Field(2_000, ge=1)
    """Most training examples that the threshold is chosen by."""
    score_rows: int = Field(0, ge=0)
    """Score on so many examples of a task, drawn once; 0 means all."""


def find_zero_shot_tasks(
    sources: Mapping[str, LabelledDataSettings], settings: ZeroShotSettings
) -> dict[str, ZeroShotTask]:
    """The tasks by name, ready to be encoded.

    Scored is what is published for validation, else the test set, else the training set; of a person's files that of
    --valid, else all of --data.

    Raises:
        SettingsError: no heuristic fits a task, or it is not said which.
        DataError: files are missing or wrong.
    """
    return {name: _task(name, source, settings) for name, source in sources.items()}


def probed(probe: Sequence[str]) -> dict[str, LabelledDataSettings]:
    """What `pretrain --probe` names: published tasks, TOML files of labelled-data settings, or a folder of tasks.

    Raises:
        UnknownName: it is none of these.
        SettingsError: a folder has no task that can be answered without training.
    """
    sources: dict[str, LabelledDataSettings] = {}
    for name in probe:
        if Path(name).is_dir() and name.casefold() not in map(str.casefold, TASKS):
            sources.update(_tasks_in(Path(name)))
        else:
            sources.update(named_sources([name], LabelledDataSettings()))
    return sources


def papers_tasks_at_hand(data: Path | None) -> tuple[list[str], list[str]]:
    """The names of Figure 2's tasks whose files are there, and of those whose files are not.

    Raises:
        SettingsError: it is not said where to look.
    """
    if data is None and DATA_FOLDER not in os.environ:
        raise SettingsError(
            f"give --tasks, a file as --data with its --kind, or set {DATA_FOLDER} to the folder that holds the paper's"
        )
    found = [name for name in PAPER_TASKS if name in TASKS and TASKS[name].splits(published_root(data, TASKS[name]))]
    if not found:
        raise SettingsError(f"none of {', '.join(PAPER_TASKS)} is there; give --tasks, or a file as --data")
    return found, [name for name in PAPER_TASKS if name not in found]


def _tasks_in(root: Path) -> dict[str, LabelledDataSettings]:
    found = {
        name: LabelledDataSettings(task=name, data=root)
        for name, task in TASKS.items()
        if (task.task_kind.usual_heuristic or name in HEURISTICS) and task.splits(root)
    }
    if not found:
        raise SettingsError(f"{root} holds no published task that can be answered without training")
    return found


def _task(name: str, source: LabelledDataSettings, settings: ZeroShotSettings) -> ZeroShotTask:
    schema, scored, training = _published(name, source) if source.task else _own(source)
    heuristic = _heuristic(name, schema, settings, published=source.task is not None)
    if settings.score_rows and settings.score_rows < len(scored):
        scored = drawn(scored, settings.score_rows, 0)
    if settings.threshold == "median":
        training = ()
    most = min(settings.threshold_rows, source.train_rows or settings.threshold_rows)
    if len(training) > most:
        training = drawn(training, most, 0)
    return ZeroShotTask(heuristic, schema, scored, training, settings.suffix, settings.words)


def _published(name: str, source: LabelledDataSettings) -> tuple[TaskSchema, Sequence[Example], Sequence[Example]]:
    task = find_task(name)
    root = published_root(source.data, task)
    labelled = [split for split in ("valid", "test", "train") if task.is_labelled(root, split)]
    if not labelled:
        raise DataError(task.missing(root, "valid" if "valid" in task.files else "test"))
    scored = task.read(root, labelled[0]).examples
    training = task.read(root, "train").examples if "train" in labelled[1:] else []
    return published_schema(source, task, training or scored), scored, training


def _own(source: LabelledDataSettings) -> tuple[TaskSchema, Sequence[Example], Sequence[Example]]:
    data = read_as_given(source)
    return (data.schema, data.valid, data.train) if data.valid else (data.schema, data.train, ())


def _heuristic(name: str, schema: TaskSchema, settings: ZeroShotSettings, *, published: bool) -> Heuristic:
    if published and name in HEURISTICS:
        return HEURISTICS[name]
    if settings.heuristic is not None and not published:
        return settings.heuristic
    if schema.task_kind.usual_heuristic:
        return schema.task_kind.usual_heuristic
    if published:
        raise SettingsError(f"no heuristic is known for {name}: it is {schema.kind}; known are {', '.join(HEURISTICS)}")
    raise SettingsError(f"{name} is {schema.kind}: say with --heuristic whether it asks for acceptability or sentiment")
