"""Table 5 of the paper, made again: what pre-training, the auxiliary loss and the Transformer are worth, on GLUE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from foretext.errors import DataError
from foretext.files import write_json
from foretext.recipes.paper.at_hand import at_hand
from foretext.recipes.paper.departures import departure_lines
from foretext.recipes.paper.scores import TABLE_5, TABLE_5_AVERAGES, TABLE_5_TASKS
from foretext.recipes.settings.reproduce import ReproduceSettings
from foretext.recipes.settings.study import StudyAblationsSettings
from foretext.recipes.studies.ablations import IN_TABLE_5, study_ablations
from foretext.recipes.studies.runner import Studied
from foretext.tasks.labelled import LabelledDataSettings
from foretext.text_table import text_table

HEADER = ("method", "", "Avg", *TABLE_5_TASKS)
BOTH_SETS = "MNLI: the paper's figure is the mean of both test sets; what is scored here is said below"


@dataclass(frozen=True)
class Table5:
    """The study, laid out as the paper's table, with the paper's figures beside ours."""

    studied: Studied
    missing: list[str]
    file: Path

    def lines(self) -> list[str]:
        return [
            "scores x 100, ours as medians over seeds; Avg is the plain mean of all eight",
            "",
            *text_table(HEADER, table_5_cells(self.studied.study.rows), left=(0, 1)),
            "",
            *([BOTH_SETS] if any(row["task"] == "MNLI" for row in self.studied.study.rows) else []),
            *departure_lines(self.studied.departures),
            *[f"not measured: {line}" for line in self.missing],
            "",
            *self.studied.lines(),
            f"the table written to {self.file}",
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": [dict(zip(HEADER, cells, strict=True)) for cells in table_5_cells(self.studied.study.rows)],
            "study": self.studied.to_json(),
            "missing": self.missing,
            "file": str(self.file),
        }


def table_5(settings: ReproduceSettings) -> Table5:
    """`foretext study ablations` on those of the table's eight tasks that are at hand; in `settings.out` too.

    Raises:
        SettingsError: nobody said where the data are, or there is no auxiliary loss to leave out.
        DataError: none of the eight is at hand.
    """
    wanted, missing = ablations_wanted(settings)
    result = Table5(study_ablations(wanted), missing, settings.out / "table-5.json")
    write_json(result.file, result.to_json())
    return result


def ablations_wanted(settings: ReproduceSettings) -> tuple[StudyAblationsSettings, list[str]]:
    """The study that the table is, and what is to be said of the tasks that are not at hand.

    Raises:
        SettingsError: nobody said where the data are.
        DataError: none of the eight is at hand.
    """
    tasks, missing = at_hand(TABLE_5_TASKS, settings.data, training=True)
    if not tasks:
        raise DataError("\n".join(missing))
    wanted = StudyAblationsSettings(
        model=settings.model,
        lstm=settings.lstm,
        tasks=tuple(tasks),
        out=settings.out,
        seeds=settings.seeds,
        score_rows=settings.score_rows,
        labelled=LabelledDataSettings(data=settings.data, train_rows=settings.train_rows, cutting=settings.cutting),
        finetuning=settings.finetuning,
    )
    return wanted, missing


def table_5_cells(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Two rows a variant: the paper's figures, and ours below them where there are some."""
    cells = []
    for variant, name in IN_TABLE_5.items():
        ours = {row["task"]: 100 * row["score"] for row in rows if row["variant"] == variant}
        average = mean(ours.values()) if ours.keys() >= set(TABLE_5_TASKS) else None
        cells.append([name, "paper", *map(_cell, (TABLE_5_AVERAGES[name], *TABLE_5[name]))])
        cells.append(["", "ours", *map(_cell, (average, *map(ours.get, TABLE_5_TASKS)))])
    return cells


def _cell(score: float | None) -> str:
    return "–" if score is None else f"{score:.1f}"
