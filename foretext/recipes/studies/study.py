"""A study as it is kept: rows of numbers, a figure drawn from them, what they say; as CSV, JSON, PNG and HTML.

A folder may hold several studies. Each leaves NAME.csv, NAME.json and NAME.png, and `report.html` has a section for
every one that is there, so it is written anew from the JSON files whenever one of them changes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from foretext.errors import DataError
from foretext.evaluation.figures import png
from foretext.evaluation.report import Cell, Report, write_report
from foretext.files import atomic_file, write_json, write_text
from foretext.recipes.studies.figures import FIGURES
from foretext.recipes.studies.rows import Row, Value, estimate
from foretext.text_table import text_table

FORMAT = "foretext study 1"
SHARES = ("chance", "best", "paper")  # columns that hold a share and are shown times 100


@dataclass(frozen=True)
class Study:
    """One study, done.

    `rows` is the whole of its numbers, one row for each score in its figure: a value X with X_low and X_high beside it
    is an estimate, shown as one. `shown` are the columns that people see; `findings` say what follows from the numbers,
    `warnings` what to know before trusting them.
    """

    name: str
    title: str
    about: str
    caption: str
    rows: list[Row]
    shown: list[str]
    findings: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """The table and the findings, for a terminal."""
        table = text_table(self.shown, [[_text(cell) for cell in cells] for cells in self.cells()])
        notes = [f"note: {warning}" for warning in self.warnings]
        return [*table, "", *self.findings, *notes]

    def cells(self) -> list[list[Cell]]:
        """The rows as they are shown."""
        return [[_cell(row, name) for name in self.shown] for row in self.rows]

    def figure(self) -> Figure:
        """The figure drawn from its rows."""
        return FIGURES[self.name](self.rows)


def write_study(folder: Path, study: Study) -> None:
    """Leaves the study in `folder` as CSV, JSON and PNG, and brings the folder's report up to date.

    Raises:
        DiskFull: there is no space left.
        DataError: another study in the folder is damaged.
    """
    write_text(folder / f"{study.name}.csv", as_csv(study.rows))
    with atomic_file(folder / f"{study.name}.png") as file:
        file.write(png(study.figure()))
    write_json(folder / f"{study.name}.json", {"format": FORMAT, **asdict(study)})
    write_report(folder / "report.html", studies_report(read_studies(folder)))


def read_studies(folder: Path) -> list[Study]:
    """The studies that were left in `folder`, by name.

    Raises:
        DataError: a file is damaged.
    """
    studies = []
    for path in sorted(folder.glob("*.json")):
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.pop("format", None) == FORMAT:
                studies.append(Study(**values))
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"{path} is no study ({error}); delete it and run again") from None
    return studies


def studies_report(studies: Sequence[Study]) -> Report:
    """A page with a section for each study."""
    report = Report("Studies", "Scores are times 100; in brackets the interval or the range that the caption names")
    for study in studies:
        section = report.section(study.title).paragraph(study.about).warnings(study.warnings)
        section.figure(study.figure(), study.caption, f"{study.title}; the table below has the numbers.")
        for finding in study.findings:
            section.paragraph(finding)
        section.table(study.shown, study.cells(), study.caption)
        section.values("Settings", study.settings)
    return report


def as_csv(rows: Sequence[Mapping[str, Value]]) -> str:
    """The rows as CSV with a header; what is None is an empty cell."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _cell(row: Row, name: str) -> Cell:
    value = row.get(name)
    if value is None:
        return "–"
    if f"{name}_low" in row:
        return estimate(row, name)
    return f"{100 * float(value):.1f}" if name in SHARES else value


def _text(cell: Cell) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) else f"{cell:,}" if isinstance(cell, int) else str(cell)
