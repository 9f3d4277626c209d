"""What a reproduction would take: what is done, what is left, how long that lasts here; and nothing of it begun."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foretext.errors import DataError, SettingsError
from foretext.recipes.paper import costs
from foretext.recipes.paper.costs import Length, Speeds
from foretext.recipes.paper.plan import Plan
from foretext.recipes.reproduce import reproduce
from foretext.recipes.settings.finetune import FinetuningSettings
from foretext.recipes.settings.reproduce import ReproduceSettings
from foretext.recipes.settings.study import StudyZeroShotSettings
from foretext.recipes.studies.zero_shot import wanted_scores
from foretext.tasks.labelled import LabelledDataSettings
from foretext.training.settings import LoopSettings

QUICK = FinetuningSettings(epochs=2.0, batch=4, learning_rate=1e-2, loop=LoopSettings(device="cpu", precision="fp32"))

Run = Callable[..., Any]


@pytest.fixture
def run(language_model: Path, tmp_path: Path) -> Run:
    """Plans, or with `plan=False` reproduces, with the tiny model and twelve examples of RTE."""
    (tmp_path / "data" / "RTE").mkdir(parents=True)
    for name, count in {"train": 12, "dev": 6}.items():
        rows = [f"{n}\tAnn saw a cat {n}.\tBob.\t{('not_', '')[n % 2]}entailment" for n in range(count)]
        lines = ["index\tsentence1\tsentence2\tlabel", *rows, ""]
        (tmp_path / "data" / "RTE" / f"{name}.tsv").write_text("\n".join(lines))

    def made(task: str | None = None, **settings: Any) -> Any:
        values = {"model": str(language_model), "seeds": 1, "out": tmp_path / "out", "data": tmp_path / "data"}
        return reproduce(ReproduceSettings(task=task, **{**values, "plan": True, "finetuning": QUICK, **settings}))

    return made


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update takes 2 seconds here, an answer 0.1, and nothing else takes time."""
    monkeypatch.setattr(costs.Sample, "measured", lambda self: Speeds(update=2.0, answer=0.1, reading=0.0, model=0.0))


def test_a_plan_counts_updates_and_answers_of_the_runs_that_are_left(run: Run, unmeasured: None) -> None:
    [cost] = run("RTE", seeds=2).costs
    assert (cost.train, cost.scored, cost.runs, cost.done) == (12, 6, 2, 0)
    assert cost.updates == 2 * 6  # two seeds, two epochs of three batches of four
    # In each run 6 examples are answered after each epoch, of the finished model, and once more as the set to score.
    assert cost.seconds == pytest.approx(2 * (6 * 2.0 + 4 * 6 * 0.1))


def test_what_is_done_is_not_counted_again(run: Run, unmeasured: None) -> None:
    run("RTE", plan=False)
    [cost] = run("RTE", seeds=3).costs
    assert (cost.runs, cost.done, cost.updates) == (3, 1, 12)


def test_of_a_run_that_was_cut_off_the_rest_is_counted(run: Run, tmp_path: Path, unmeasured: None) -> None:
    run("RTE", plan=False)
    [record] = (tmp_path / "out" / "trials").glob("*.json")
    (record.with_suffix("") / "checkpoints" / "update-00000004").mkdir(parents=True)
    record.unlink()
    [cost] = run("RTE").costs
    assert (cost.done, cost.updates) == (0, 2)


def test_where_nothing_is_left_nothing_is_measured(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("RTE", plan=False)
    monkeypatch.setattr(costs, "speed_of", lambda _: pytest.fail("measured"))
    done = run("RTE")
    assert (done.seconds, done.costs[0].each) == (0, None)


def test_a_measurement_is_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run("RTE")
    assert first.costs[0].each > 0
    monkeypatch.setattr(costs, "speed_of", lambda _: pytest.fail("measured again"))
    assert run("RTE").costs == first.costs
    assert run("RTE", seeds=3).seconds == pytest.approx(3 * first.seconds)


def test_a_plan_begins_nothing_and_changes_no_number(run: Run, tmp_path: Path) -> None:
    planned = run("RTE")
    assert isinstance(planned, Plan)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"plan", "plan.json"}
    kept = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert kept == json.loads(json.dumps(planned.to_json()))
    after = run("RTE", plan=False)
    assert after.rows == run("RTE", plan=False, out=tmp_path / "other").rows


def test_the_whole_paper_is_planned_where_nothing_is_named(run: Run, tmp_path: Path, unmeasured: None) -> None:
    (tmp_path / "data" / "CoLA").mkdir()
    rows = [f"a\t{n % 2}\t\tAnn saw a {('cat', 'cat cat')[n % 2]}." for n in range(8)]
    for name in ("train", "dev"):
        (tmp_path / "data" / "CoLA" / f"{name}.tsv").write_text("\n".join([*rows, ""]))
    done = run()
    assert [(cost.target, cost.what) for cost in done.costs] == [
        ("table 2", "RTE"),
        ("table 4", "CoLA"),
        *[
            ("table 5", f"{task}, {variant}")
            for task in ("CoLA", "RTE")
            for variant in ("full", "no pre-training", "no auxiliary loss")
        ],
        ("figure 2", "CoLA, zero-shot"),
    ]
    wanted = {line.split(":")[0] for line in done.missing}
    assert {"SNLI", "MNLI", "RACE", "StoryCloze", "MRPC", "QQP", "SST-2", "DPR"} <= wanted
    assert any("RTE: scored on the validation set" in line for line in done.lines())
    assert done.seconds == sum(cost.seconds for cost in done.costs)


def test_scores_without_training_that_are_kept_are_done(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / "CoLA").mkdir()
    rows = [f"a\t{n % 2}\t\tAnn saw a {('cat', 'cat cat')[n % 2]}." for n in range(8)]
    (tmp_path / "data" / "CoLA" / "dev.tsv").write_text("\n".join([*rows, ""]))
    [before] = run(figure=2).costs
    run(figure=2, plan=False)
    [after] = run(figure=2).costs
    assert (before.runs - before.done, after.runs - after.done, after.seconds) == (before.runs, 0, 0)
    assert before.seconds > 0


def test_examples_that_choose_a_threshold_are_answered_and_not_scored(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / "CoLA").mkdir()
    (tmp_path / "data" / "SST-2").mkdir()
    for name, count in {"train": 8, "dev": 4}.items():
        rows = [f"a\t{n % 2}\t\tAnn saw a {('cat', 'cat cat')[n % 2]}." for n in range(count)]
        (tmp_path / "data" / "CoLA" / f"{name}.tsv").write_text("\n".join([*rows, ""]))
        lines = [f"Ann saw a cat {n}.\t{n % 2}" for n in range(count)]
        (tmp_path / "data" / "SST-2" / f"{name}.tsv").write_text("\n".join(["sentence\tlabel", *lines, ""]))
    model, data = run("RTE").model, LabelledDataSettings(data=tmp_path / "data")
    settings = StudyZeroShotSettings(
        models=(model,), tasks=("CoLA", "SST-2"), out=tmp_path / "out", device="cpu", labelled=data
    )
    found = {one.task: (one.scored, one.answered) for one in wanted_scores(settings)}
    assert found == {"CoLA": (4, 12), "SST-2": (4, 4)}


def test_a_run_planned_by_the_clock_takes_that_long() -> None:
    length = Length(left=100, answers=10, examples=5, minutes=3.0)
    assert length.seconds(Speeds(9.0, 9.0, 9.0, 9.0)) == 180


def test_what_takes_no_training_has_no_plan(run: Run) -> None:
    for given in ({"table": 1}, {"figure": 1}):
        with pytest.raises(SettingsError, match="nothing to plan"):
            run(**given)


def test_without_data_there_is_nothing_to_plan(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="SNLI: there is no snli"):
        run(data=tmp_path / "empty")
