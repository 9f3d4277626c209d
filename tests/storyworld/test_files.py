"""What lands on the disk: files that any tool reads, byte for byte the same from the same seed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from foretext.errors import DataError
from foretext.recipes.settings.storyworld import StoryworldSettings
from foretext.recipes.storyworld import storyworld
from foretext.storyworld.tasks import TASKS

SIZE = {"stories": 60, "train": 20, "test": 10}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world") / "stories"
    storyworld(StoryworldSettings(out=out, **SIZE))
    return out


def test_the_same_seed_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    storyworld(StoryworldSettings(out=tmp_path / "again", **SIZE))
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path / "again") for path in tmp_path.rglob("*") if path.is_file())
    for file in files:
        assert (folder / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


def test_the_corpus_folder_holds_each_story_once_as_a_json_line(folder: Path) -> None:
    assert [path.name for path in (folder / "corpus").iterdir()] == ["stories.jsonl"]
    texts = [json.loads(line)["text"] for line in (folder / "corpus/stories.jsonl").read_text().splitlines()]
    assert len(set(texts)) == SIZE["stories"]
    assert texts[0] in (folder / "sample.txt").read_text()


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_task_has_a_train_and_a_test_file_with_its_columns_and_no_row_in_both(folder: Path, task) -> None:  # type: ignore[no-untyped-def]
    rows = {}
    for part in ("train", "test"):
        if task.answers:
            text = (folder / f"tasks/{task.name}/{part}.jsonl").read_text()
            rows[part] = [json.loads(line) for line in text.splitlines()]
        else:
            with (folder / f"tasks/{task.name}/{part}.csv").open(newline="") as file:
                rows[part] = list(csv.DictReader(file))
        assert len(rows[part]) == SIZE[part]
        columns = {*task.texts, task.label, *([task.answers] if task.answers else [])}
        assert all(set(row) == columns for row in rows[part])
    texts = {part: {tuple(row[name] for name in task.texts) for row in rows[part]} for part in rows}
    assert not texts["train"] & texts["test"]


def test_the_guide_names_every_task(folder: Path) -> None:
    guide = (folder / "README.txt").read_text()
    for task in TASKS.values():
        assert all(word in guide for word in (task.name, task.kind, *task.texts, task.label))


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match="not empty"):
        storyworld(StoryworldSettings(out=tmp_path, **SIZE))
    assert (tmp_path / "letter.txt").read_text() == "dear"
