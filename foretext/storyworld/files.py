"""The stories and the tasks as plain files, so that they are read as any user's files are."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

from foretext.errors import DataError
from foretext.files import atomic_folder, holds_something, write_text
from foretext.progress import progress
from foretext.storyworld.stories import generate
from foretext.storyworld.tasks import TASKS, Labelled, StoryTask

SAMPLE = 20  # stories in the file to look at


@dataclass(frozen=True)
class Written:
    """What was written: the folder, and how many stories, words and examples are in it."""

    folder: Path
    stories: int
    words: int
    examples: dict[str, tuple[int, int]]  # task to the numbers of training and test examples

    def lines(self) -> list[str]:
        tasks = [
            f"{name}: {train:,} training and {test:,} test examples" for name, (train, test) in self.examples.items()
        ]
        return [f"{self.stories:,} stories, {self.words:,} words", *tasks, f"written to {self.folder}"]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "folder": str(self.folder)}


def write(folder: Path, *, stories: int, seed: int = 0, train: int = 800, test: int = 400) -> Written:
    """Writes corpus/, tasks/ and README.txt into `folder`, whole or not at all; the same bytes for the same numbers.

    Raises:
        DataError: there is something in `folder` already.
        DiskFull: there is no space left.
    """
    if folder.exists() and (not folder.is_dir() or holds_something(folder)):
        raise DataError(f"{folder} is not empty; choose another --out")
    with atomic_folder(folder) as made:
        words = _write_corpus(made / "corpus", stories, seed)
        examples = {task.name: _write_task(made, task, train, test, seed) for task in _tasks()}
        guide = resources.files("foretext.storyworld").joinpath("guide.txt").read_text("utf-8")
        write_text(made / "README.txt", guide)
    return Written(folder, stories, words, examples)


def _write_corpus(folder: Path, count: int, seed: int) -> int:
    """`stories.jsonl` and a sample to read; the number of words."""
    folder.mkdir()
    words = 0
    with (
        progress("write stories", count, unit="stories") as bar,
        (folder / "stories.jsonl").open("w", newline="\n") as file,
    ):
        for story in generate(count, seed):
            file.write(json.dumps({"text": story.text}) + "\n")
            words += len(story.text.split())
            bar.advance()
    sample = islice(generate(min(SAMPLE, count), seed), SAMPLE)
    write_text(folder.parent / "sample.txt", "\n\n".join(story.text for story in sample) + "\n")
    return words


def _tasks() -> Sequence[StoryTask]:
    return tuple(TASKS.values())


def _write_task(folder: Path, task: StoryTask, train: int, test: int, seed: int) -> tuple[int, int]:
    """`train` and `test` files of one task, no example in both."""
    rows = task.examples(train + test, seed)
    encode = _as_json_lines if task.answers else _as_csv
    write_text(task.file(folder, "train"), encode(task, rows[:train]))
    write_text(task.file(folder, "test"), encode(task, rows[train:]))
    return train, test


def _as_csv(task: StoryTask, rows: Sequence[Labelled]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*task.texts, task.label])
    writer.writerows([*row.texts, row.label] for row in rows)
    return text.getvalue()


def _as_json_lines(task: StoryTask, rows: Sequence[Labelled]) -> str:
    assert task.answers is not None
    records = (
        dict(zip(task.texts, row.texts, strict=True)) | {task.answers: row.answers, task.label: row.label}
        for row in rows
    )
    return "".join(json.dumps(record) + "\n" for record in records)
