"""The figures of the paper's tables, each in one place, and how a measurement is put beside them.

Source: Radford et al. 2018, Tables 2, 3, 4 and 5. Scores are times 100, on test sets, of one run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from foretext.tasks.catalogue import TASKS


@dataclass(frozen=True)
class Figure:
    """One column of a table. `parts` are those of the task's test data: with several, their examples count together."""

    table: int
    name: str  # as the paper calls it
    task: str
    metric: str
    paper: float
    best_before: float
    parts: tuple[str, ...] = ("",)


FIGURES = (
    Figure(2, "MNLI-m", "MNLI", "accuracy", 82.1, 80.6),
    Figure(2, "MNLI-mm", "MNLI", "accuracy", 81.4, 80.1, ("mismatched",)),
    Figure(2, "SNLI", "SNLI", "accuracy", 89.9, 89.3),
    Figure(2, "SciTail", "SciTail", "accuracy", 88.3, 83.3),
    Figure(2, "QNLI", "QNLI", "accuracy", 88.1, 82.3),
    Figure(2, "RTE", "RTE", "accuracy", 56.0, 61.7),
    Figure(3, "Story Cloze", "StoryCloze", "accuracy", 86.5, 77.6),
    Figure(3, "RACE-m", "RACE", "accuracy", 62.9, 60.2, ("middle",)),
    Figure(3, "RACE-h", "RACE", "accuracy", 57.4, 50.3, ("high",)),
    Figure(3, "RACE", "RACE", "accuracy", 59.0, 53.3, ("middle", "high")),
    Figure(4, "CoLA", "CoLA", "matthews", 45.4, 35.0),
    Figure(4, "SST-2", "SST-2", "accuracy", 91.3, 93.2),
    Figure(4, "MRPC", "MRPC", "f1", 82.3, 86.0),
    Figure(4, "STS-B", "STS-B", "pearson", 82.0, 81.0),
    Figure(4, "QQP", "QQP", "f1", 70.3, 66.1),
)
GLUE_FIGURE = 72.8  # Table 4: the mean by GLUE's rule over its nine tasks, WNLI included
TABLE_5_TASKS = ("CoLA", "SST-2", "MRPC", "STS-B", "QQP", "MNLI", "QNLI", "RTE")
TABLE_5 = {  # in the order of these tasks; MNLI's figure is the mean of both test sets
    "Transformer with auxiliary loss": (45.4, 91.3, 82.3, 82.0, 70.3, 81.8, 88.1, 56.0),
    "Transformer without pre-training": (18.9, 84.0, 79.4, 30.9, 65.5, 75.7, 71.2, 53.8),
    "Transformer without auxiliary loss": (47.9, 92.0, 84.9, 83.2, 69.8, 81.1, 86.9, 54.4),
    "LSTM with auxiliary loss": (30.3, 90.5, 83.2, 71.8, 68.1, 73.7, 81.1, 54.6),
}
TABLE_5_AVERAGES = dict(  # "Avg": the plain mean of the eight
    zip(TABLE_5, (74.7, 59.9, 75.0, 69.1), strict=True)
)

SetScores = Mapping[str, tuple[int, Mapping[str, float]]]  # part → how many examples, and their metrics


def figures_of(task: str) -> list[Figure]:
    """The paper's figures for a task of the catalogue; none for tasks that are not the paper's."""
    return [figure for figure in FIGURES if figure.task == task]


def measured(figure: Figure, scores: SetScores) -> float | None:
    """What `scores` say of a figure; None where a part of the test data is missing. Accuracies of parts are pooled."""
    if any(part not in scores for part in figure.parts):
        return None
    assert len(figure.parts) == 1 or figure.metric == "accuracy", "only accuracies can be pooled by counts"
    counts = [scores[part][0] for part in figure.parts]
    values = [scores[part][1][figure.metric] for part in figure.parts]
    return sum(count * value for count, value in zip(counts, values, strict=True)) / sum(counts)


def glue_tasks() -> list[str]:
    """The tasks that count in GLUE's average."""
    return [name for name, task in TASKS.items() if task.glue]


def glue_average(scores: Mapping[str, SetScores]) -> float | None:
    """GLUE's own average over its nine tasks; None where one is missing, or a test set of MNLI.

    Each task counts once: with two metrics (MRPC, QQP, STS-B), or two test sets (MNLI), by the mean of both.
    """
    found = []
    for name in glue_tasks():
        task, sets = TASKS[name], scores.get(name, {})
        if "" not in sets or ("test mismatched" in task.files and "mismatched" not in sets):
            return None
        found.append(mean(metrics[metric] for _, metrics in sets.values() for metric in task.glue))
    return mean(found)


def table_5_average(scores: Mapping[str, SetScores]) -> float | None:
    """The average of Table 5: the plain mean over eight tasks of one figure each; None where one is missing."""
    found = []
    for name in TABLE_5_TASKS:
        values = [measured(figure, scores.get(name, {})) for figure in figures_of(name)]
        known = [value for value in values if value is not None]
        if not known or len(known) < len(values):
            return None
        found.append(mean(known))
    return mean(found)


def verdict(paper: float, ours: Sequence[float]) -> str:
    """Where the paper's figure (times 100) lies to the range of ours (shares of 1): within, above or below it.

    Compared as printed, to one decimal.
    """
    low, high = round(100 * min(ours), 1), round(100 * max(ours), 1)
    return "within" if low <= paper <= high else "above" if high < paper else "below"
