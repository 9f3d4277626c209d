"""The rows of a reproduction: the paper's figures beside ours, and the averages of GLUE and of Table 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foretext.evaluation.intervals import over_seeds
from foretext.recipes.paper.reproduction_data import ReproductionData
from foretext.recipes.paper.scores import (
    GLUE_FIGURE,
    TABLE_5_AVERAGES,
    SetScores,
    figures_of,
    glue_average,
    measured,
    table_5_average,
    verdict,
)
from foretext.recipes.studies.trials import Trial
from foretext.tasks.catalogue import find_task


@dataclass(frozen=True)
class Row:
    """One figure: the paper's (times 100; None where it has none) and ours, one share of 1 a seed."""

    name: str
    metric: str
    scored_on: str
    paper: float | None
    ours: list[float]

    def cells(self) -> list[str]:
        """Its row of the table: name, metric, what was scored, the paper's figure, ours, their range, verdict."""
        paper = "" if self.paper is None else f"{self.paper:.1f}"
        if not self.ours:
            return [self.name, self.metric, self.scored_on, paper, "", "", ""]
        ours = over_seeds(self.ours)
        span = f"{100 * ours.low:.1f} to {100 * ours.high:.1f}"
        said = "" if self.paper is None else verdict(self.paper, self.ours)
        return [self.name, self.metric, self.scored_on, paper, f"{100 * ours.value:.1f}", span, said]

    def to_json(self) -> dict[str, Any]:
        ours = over_seeds(self.ours) if self.ours else None
        return {
            **vars(self),
            "median": ours and ours.value,
            "low": ours and ours.low,
            "high": ours and ours.high,
            "verdict": verdict(self.paper, self.ours) if self.paper is not None and self.ours else None,
        }


NOT_MEASURED = "not measured"
HEADER = ("figure", "metric", "scored on", "paper", "ours", "range", "the paper's is")


def figure_rows(
    names: Sequence[str],
    prepared: Mapping[str, ReproductionData],
    trials: Mapping[str, Sequence[Trial]],
    *,
    averages: bool,
    table: int | None,
) -> list[Row]:
    """A row for each figure of the tasks, measured or not; for GLUE its averages behind them."""
    rows = []
    for name in names:
        figures = [figure for figure in figures_of(name) if table in (None, figure.table)]
        for figure in figures:
            values = [measured(figure, _set_scores(done)) for done in trials.get(name, ())]
            ours = [value for value in values if value is not None]
            scored_on = _scored_on(prepared.get(name), figure.parts if ours else ())
            rows.append(Row(figure.name, figure.metric, scored_on, figure.paper, ours))
        if not figures:
            scores = [done.score for done in trials.get(name, ())]
            metric = find_task(name).metric
            rows.append(Row(name, metric, _scored_on(prepared.get(name), ("",) if scores else ()), None, scores))
    return [*rows, *_averages(trials)] if averages else rows


def _scored_on(at_hand: ReproductionData | None, parts: Sequence[str]) -> str:
    """How many examples of which set were scored; of no part, none."""
    if at_hand is None or not parts:
        return NOT_MEASURED
    return f"{sum(len(at_hand.tests[part]) for part in parts):,} {at_hand.scored_on}"


def _averages(trials: Mapping[str, Sequence[Trial]]) -> list[Row]:
    """GLUE's average and Table 5's, one value a seed; without a value where a task is missing."""
    by_seed = [
        {name: _set_scores(done) for name, done in zip(trials, runs, strict=True)}
        for runs in zip(*trials.values(), strict=True)
    ]
    of_glue = [value for scores in by_seed if (value := glue_average(scores)) is not None]
    of_table_5 = [value for scores in by_seed if (value := table_5_average(scores)) is not None]
    paper = next(iter(TABLE_5_AVERAGES.values()))
    return [
        Row("GLUE, nine tasks", "mean", "as above" if of_glue else NOT_MEASURED, GLUE_FIGURE, of_glue),
        Row("Table 5, eight tasks", "mean", "as above" if of_table_5 else NOT_MEASURED, paper, of_table_5),
    ]


def _set_scores(done: Trial) -> SetScores:
    return {part: (scores.count, scores.metrics) for part, scores in done.sets.items()}
