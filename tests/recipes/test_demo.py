"""The demonstration at toy size: what it leaves, and that run again it goes on where it was."""

from __future__ import annotations

import json

import pytest

from foretext.errors import SettingsError
from foretext.recipes.demo import ARMS, demo
from foretext.recipes.settings.demo import DemoSettings
from foretext.storyworld.tasks import TASKS

pytestmark = pytest.mark.slow  # a dozen fine-tunings in processes of their own

TOY = {"stories": 150, "train": 24, "test": 16, "vocabulary": 200, "updates": 3, "batch": 2, "epochs": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> DemoSettings:
    settings = DemoSettings(out=tmp_path_factory.mktemp("demo") / "out", **TOY)
    demo(settings)
    return settings


def test_it_leaves_a_row_with_three_intervals_for_each_story_task(made: DemoSettings) -> None:
    rows = json.loads((made.out / "results.json").read_text("utf-8"))
    assert [row["task"] for row in rows] == list(TASKS)
    for row in rows:
        assert list(row) == ["task", "kind", "metric", "chance", "tfidf", "scratch", "pretrained"]
        for arm in ("tfidf", "scratch", "pretrained"):
            assert row[arm]["low"] <= row[arm]["value"] <= row[arm]["high"]


def test_its_page_stands_alone_and_shows_ten_examples_of_each_task(made: DemoSettings) -> None:
    page = (made.out / "report.html").read_text("utf-8")
    assert all(f"Ten examples of {task}" in page for task in TASKS)
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_both_arms_are_fine_tuned_on_one_core_each_from_the_same_labels(made: DemoSettings) -> None:
    for task in TASKS:
        records = []
        for arm in ARMS:
            history = json.loads((made.out / "runs" / f"{task}-{arm}" / "model.json").read_text("utf-8"))["history"]
            records.append(history["finetuning"])
        assert all(record["engine"]["threads"] == 1 for record in records)
        scratch, pretrained = ({**record["settings"], "transfer_layers": None} for record in records)
        assert scratch == pretrained
        assert records[0]["data"] == records[1]["data"]


def test_run_again_it_gives_the_same_rows(made: DemoSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    before = json.loads((made.out / "results.json").read_text("utf-8"))
    (made.out / "results.json").unlink()
    again = {name: TASKS[name] for name in ("alike", "reading")}  # two are enough: each goes on from its own folders
    monkeypatch.setattr("foretext.recipes.demo.TASKS", again)
    demo(made)
    found = json.loads((made.out / "results.json").read_text("utf-8"))
    assert found == [row for row in before if row["task"] in again]


def test_a_folder_of_other_settings_is_refused(made: DemoSettings) -> None:
    with pytest.raises(SettingsError, match="epochs"):
        demo(made.model_copy(update={"epochs": 2}))
