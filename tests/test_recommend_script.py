"""`scripts/recommend.py` finds the best settings of one grid after another, and `pretraining_gain.py` tells them."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def script():
    return imported("scripts", "recommend")


@pytest.fixture(scope="module")
def gain():
    return imported("benchmarks", "pretraining_gain")


def imported(folder: str, name: str) -> ModuleType:
    sys.path.insert(0, str(ROOT / folder))
    try:
        return import_module(name)
    finally:
        sys.path.pop(0)


class Judge:
    """Likes small batches, and of them three epochs best; of two tasks one does not care."""

    def scores(self, settings):
        return {"a": [1 / settings["batch"] - (settings.get("epochs", 1) - 3) ** 2 / 1000], "b": [0.5, 0.5]}


def test_each_grid_is_tried_with_the_best_of_those_before_it(script):
    best, tried = script.search(Judge(), [{"batch": [8, 16]}, {"epochs": [1.0, 3.0, 9.0]}], {"warmup": 0.1})
    assert best == {"warmup": 0.1, "batch": 8, "epochs": 3.0}
    assert len(tried) == 2 + 3
    assert {each["settings"]["batch"] for each in tried[2:]} == {8}
    assert tried[0]["mean"] == pytest.approx((1 / 8 - 4 / 1000 + 0.5) / 2)


def test_a_grid_has_the_settings_of_this_version_as_values_of_their_type(script, capsys):
    model = SimpleNamespace(gpt=SimpleNamespace(settings=SimpleNamespace(width=768)))
    found = script.grid(["batch=8,16", "moons=1,2", "head_reads=mean", "learning_rate=RATES"], model)
    assert found["batch"] == [8, 16]
    assert found["head_reads"] == ["mean"]
    assert found["learning_rate"] == [7.8e-6, 1.6e-5, 3.1e-5, 6.3e-5]  # an eighth to all of the paper's 6.25e-5
    assert "moons" not in found
    assert "moons is no setting" in capsys.readouterr().out


def test_the_grids_of_the_script_are_settings_of_fine_tuning_but_for_what_a_later_version_has(script):
    names = {word.partition("=")[0] for text in script.GRIDS for word in text.split()}
    assert names - script.recommendable() <= {"attend"}


def run_of(arm: str, score: float, *, seed: int = 0, rows: int = 100, task: str = "SST-2", **more: float):
    return {
        "task": task,
        "arm": arm,
        "seed": seed,
        "rows": rows,
        "metric": "accuracy",
        "score": score,
        "chance": 0.5,
    } | more


def test_the_table_has_medians_with_ranges_single_runs_with_an_interval_and_the_papers_figure(gain):
    found = [run_of("mini", score, seed=seed) for seed, score in enumerate((0.8, 0.9, 0.7))]
    found += [run_of("scratch", 0.6), run_of("tfidf", 0.75, low=0.7, high=0.81)]
    found += [run_of("small", 0.95, low=0.92, high=0.97)]
    header, _, row = gain.table(found)
    assert header == "| task | metric | rows | chance | TF-IDF | from scratch | mini | small | the paper |"
    cells = "75.0 [70.0, 81.0] | 60.0 | 80.0 (70.0–90.0) | 95.0 [92.0, 97.0]"
    assert row == f"| SST-2 | accuracy | 100 | 50.0 | {cells} | 91.3 |"


def test_the_curve_says_how_many_labels_without_pre_training_those_with_it_are_worth(gain):
    found = [run_of("mini", 0.7, rows=100), run_of("mini", 0.9, rows=1_000)]
    found += [run_of("scratch", 0.6, rows=100), run_of("scratch", 0.8, rows=1_000)]
    said = gain.curve(found)
    assert "SST-2: 100 labels with mini (70.0) are worth 316 with scratch" in said  # half-way along the logarithm
    assert "SST-2: 1,000 labels with mini (90.0) are worth more than all 1,000 with scratch" in said


def test_the_curve_is_drawn_with_its_bars_a_panel_a_task(gain):
    found = [run_of("mini", score, seed=seed) for seed, score in enumerate((0.8, 0.9, 0.7))]
    found += [run_of("mini", 0.95, rows=1_000, low=0.92, high=0.97), run_of("tfidf", 0.75, low=0.7, high=0.81)]
    found += [run_of("mini", 0.6, task="CoLA")]
    first, second = gain.drawn(found).axes
    assert (first.get_title(), second.get_title()) == ("SST-2", "CoLA")
    assert first.get_legend_handles_labels()[1] == ["mini", "word counts (TF-IDF)"]
    mini, words = first.containers
    assert mini.lines[0].get_xydata().ravel().tolist() == pytest.approx([100, 80, 1_000, 95])
    ends = [[bar[:, 1].tolist() for bar in one.lines[2][0].get_segments()] for one in (mini, words)]
    assert [end for bars in ends for bar in bars for end in bar] == pytest.approx([70, 90, 92, 97, 70, 81])
