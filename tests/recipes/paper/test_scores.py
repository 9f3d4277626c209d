"""The paper's figures, and measurements beside them."""

from __future__ import annotations

from statistics import mean

import pytest

from foretext.recipes.paper.scores import (
    FIGURES,
    TABLE_5,
    TABLE_5_AVERAGES,
    SetScores,
    figures_of,
    glue_average,
    glue_tasks,
    measured,
    table_5_average,
    verdict,
)
from foretext.tasks.catalogue import TASKS

# What GLUE's server shows for the paper's model besides the figures of Table 4: the second metrics, and WNLI.
SERVER = {
    "CoLA": {"matthews": 0.454},
    "SST-2": {"accuracy": 0.913},
    "MRPC": {"f1": 0.823, "accuracy": 0.757},
    "STS-B": {"pearson": 0.820, "spearman": 0.800},
    "QQP": {"f1": 0.703, "accuracy": 0.885},
    "QNLI": {"accuracy": 0.881},
    "RTE": {"accuracy": 0.560},
    "WNLI": {"accuracy": 0.534},
}


def on_the_server() -> dict[str, SetScores]:
    scores: dict[str, SetScores] = {name: {"": (1, metrics)} for name, metrics in SERVER.items()}
    return {**scores, "MNLI": {"": (1, {"accuracy": 0.821}), "mismatched": (1, {"accuracy": 0.814})}}


def test_glues_rule_gives_the_papers_728_from_the_servers_figures() -> None:
    average = glue_average(on_the_server())
    assert average is not None
    assert round(100 * average, 1) == 72.8


def test_table_5s_average_is_the_plain_mean_of_eight_figures() -> None:
    average = table_5_average(on_the_server())
    assert average is not None
    assert 100 * average == pytest.approx(74.7, abs=0.06)
    for row, figures in TABLE_5.items():
        assert mean(figures) == pytest.approx(TABLE_5_AVERAGES[row], abs=0.07), row  # rounded twice


@pytest.mark.parametrize("name", ["CoLA", "WNLI", "MNLI"])
def test_there_is_no_average_while_a_task_is_missing(name: str) -> None:
    scores = on_the_server()
    scores[name] = {key: value for key, value in scores[name].items() if name == "MNLI" and key == ""}
    assert glue_average(scores) is None
    assert (table_5_average(scores) is None) == (name != "WNLI")


def test_every_figure_is_of_a_task_and_metric_of_the_catalogue() -> None:
    for figure in FIGURES:
        task = TASKS[figure.task]
        assert task.paper
        assert task.metric == figure.metric
        assert {f"test {part}".strip() for part in figure.parts} <= set(task.files)
    assert {figure.task for figure in FIGURES} == {name for name, task in TASKS.items() if task.paper}
    assert sorted(glue_tasks()) == sorted([*SERVER, "MNLI"])


def test_the_parts_of_race_count_by_their_questions() -> None:
    middle, high, both = figures_of("RACE")
    scores = {"middle": (1_436, {"accuracy": 0.629}), "high": (3_498, {"accuracy": 0.574})}
    assert measured(middle, scores) == 0.629
    assert measured(high, scores) == 0.574
    assert measured(both, scores) == pytest.approx(both.paper / 100, abs=5e-4)  # the paper's three figures agree
    assert measured(both, {"high": scores["high"]}) is None


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        ((0.55, 0.57), "within"),
        ((0.5596, 0.5596), "within"),
        ((0.5, 0.559), "above"),
        ((0.561, 0.6), "below"),
    ],
)
def test_the_papers_figure_lies_within_our_range_or_above_or_below_it(ours: tuple[float, float], said: str) -> None:
    assert verdict(56.0, ours) == said
