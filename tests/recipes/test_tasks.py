"""The list of published tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretext.errors import UnknownName
from foretext.recipes.settings.tasks import TasksSettings
from foretext.recipes.tasks import tasks
from foretext.tasks.catalogue import TASKS


def rte(root: Path, *names: str) -> Path:
    (root / "tasks" / "RTE").mkdir(parents=True)
    for name in names:
        (root / "tasks" / "RTE" / name).write_text("index\tsentence1\tsentence2\tlabel\n")
    return root


def row(lines: list[str], name: str) -> list[str]:
    return next(line.split() for line in lines if line.split()[:1] == [name])


def test_what_is_found_and_what_is_missing_stands_in_the_list(tmp_path: Path) -> None:
    listed = tasks(TasksSettings(data=rte(tmp_path, "train.tsv", "dev.tsv"))).lines()
    assert row(listed, "RTE")[1:7] == ["yes", "entailment", "accuracy", "found", "found", "missing"]
    assert row(listed, "MR")[1:4] == ["classification", "accuracy", "missing"]
    assert listed[-1].startswith(f"looked in {tmp_path}; 0 of {len(TASKS)} tasks are complete")
    (tmp_path / "tasks" / "RTE" / "test.tsv").write_text("index\tsentence1\tsentence2\n")
    assert tasks(TasksSettings(data=tmp_path)).lines()[-1].startswith(f"looked in {tmp_path}; 1 of {len(TASKS)}")


def test_a_part_of_a_published_file_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    (tmp_path / "QNLI").mkdir()
    (tmp_path / "QNLI" / "train_subset.jsonl").write_text("{}")
    assert row(tasks(TasksSettings(data=tmp_path)).lines(), "QNLI")[4] == "part"
    assert any(
        "(a part of the published file)" in line for line in tasks(TasksSettings(name="QNLI", data=tmp_path)).lines()
    )


def test_one_task_is_shown_with_its_source_licence_and_places(tmp_path: Path) -> None:
    shown = "\n".join(tasks(TasksSettings(name="rte", data=rte(tmp_path, "dev.tsv"))).lines())
    for part in ("Dagan et al. 2005", "https://gluebenchmark.com/tasks", "research", str(tmp_path / "RTE"), "2,490"):
        assert part in shown
    assert "missing; looked for train.tsv" in shown
    assert str(tmp_path / "tasks" / "RTE" / "dev.tsv") in shown


def test_the_json_form_has_the_papers_tasks_first_and_every_file_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORETEXT_DATA", str(rte(tmp_path, "dev.tsv")))
    listed = tasks(TasksSettings()).to_json()
    assert [task["paper"] for task in listed["tasks"]] == [True] * 12 + [False] * (len(TASKS) - 12)
    files = next(task for task in listed["tasks"] if task["name"] == "RTE")["files"]
    assert files["train"] == {"looked_for": ["train.tsv"], "found": None}
    assert files["valid"]["found"] == str(tmp_path / "tasks" / "RTE" / "dev.tsv")


def test_without_a_folder_the_list_says_where_it_would_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORETEXT_DATA", raising=False)
    assert "FORETEXT_DATA is not set" in tasks(TasksSettings()).lines()[-1]


def test_a_task_that_is_not_known_is_refused() -> None:
    with pytest.raises(UnknownName, match="no task called 'RTEE'; did you mean 'RTE'"):
        tasks(TasksSettings(name="RTEE"))
