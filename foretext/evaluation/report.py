"""A report as one HTML file that needs nothing else: text, tables, figures and examples, put together like a page.

    report = Report("Demo")
    report.section("Scores").table(("task", "score"), [("ending", Estimate(0.87, 0.85, 0.89, 500))])
    write_report(Path("report.html"), report)

Whatever text goes in is shown as text; figures are inside the page as data, in a light and a dark version.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from foretext.evaluation.intervals import Estimate
from foretext.files import write_text
from foretext.leftovers import remove_dead

if TYPE_CHECKING:
    from jinja2 import Template
    from matplotlib.figure import Figure

_NUMBER = re.compile(r"[+-]?[\d,]+(\.\d+)?( \[[^\]]*\])?")  # also with an interval behind it
Cell = str | int | float | Estimate


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text."""

    form: ClassVar[str] = "paragraph"
    text: str


@dataclass(frozen=True)
class Warnings:
    """What the reader must know before trusting the numbers."""

    form: ClassVar[str] = "warnings"
    messages: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Rows under a header; numbers stand flush right, estimates are shown times 100 with their interval."""

    form: ClassVar[str] = "table"
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure as SVG for light and for dark pages; `description` says what it shows to those who cannot see it."""

    form: ClassVar[str] = "picture"
    light: str
    dark: str
    caption: str
    description: str


@dataclass(frozen=True)
class ShownExample:
    """One example with what was predicted for it; `right` is None where right and wrong mean nothing (scores)."""

    texts: Mapping[str, str]
    predicted: str
    label: str
    right: bool | None = None
    probabilities: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Examples:
    """Examples with their predictions."""

    form: ClassVar[str] = "examples"
    shown: tuple[ShownExample, ...]


@dataclass(frozen=True)
class Values:
    """Names and values that few people need, folded away under a title."""

    form: ClassVar[str] = "values"
    title: str
    values: Mapping[str, str]


Part = Paragraph | Warnings | Table | Picture | Examples | Values


@dataclass
class Section:
    """A titled part of a report; each method adds to its end and returns the section."""

    title: str
    parts: list[Part] = field(default_factory=list)

    def paragraph(self, text: str) -> Section:
        """Adds a paragraph of plain text."""
        return self._add(Paragraph(text))

    def warnings(self, messages: Sequence[str]) -> Section:
        """Adds the messages; nothing where there are none."""
        return self._add(Warnings(tuple(messages))) if messages else self

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str = "") -> Section:
        """Adds a table with a header."""
        return self._add(Table(tuple(header), tuple(map(tuple, rows)), caption))

    def figure(self, figure: Figure, caption: str, description: str) -> Section:
        """Adds a matplotlib figure; `description` is read out to those who cannot see it."""
        from foretext.evaluation.figures import on_dark, svg

        drawn = svg(figure)
        return self._add(Picture(_data_uri(drawn), _data_uri(on_dark(drawn)), caption, description))

    def examples(self, shown: Sequence[ShownExample]) -> Section:
        """Adds examples with their labels and predictions."""
        return self._add(Examples(tuple(shown)))

    def values(self, title: str, values: Mapping[str, object]) -> Section:
        """Adds settings, versions and the like, folded away; a value that is a mapping is spread as `outer.inner`."""
        return self._add(Values(title, dict(_flat(values))))

    def _add(self, part: Part) -> Section:
        self.parts.append(part)
        return self


@dataclass
class Report:
    """A page: a title, a line below it, and sections in order."""

    title: str
    subtitle: str = ""
    sections: list[Section] = field(default_factory=list)

    def section(self, title: str) -> Section:
        """A new section at the end."""
        self.sections.append(Section(title))
        return self.sections[-1]

    def html(self) -> str:
        """The whole page as text."""
        return _template().render(report=self)


@cache
def _template() -> Template:
    """The page without what is reported; putting it together takes longer than filling it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("foretext.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["number"] = _is_number
    environment.tests["estimate"] = lambda cell: isinstance(cell, Estimate)
    environment.filters["cell"] = _cell
    return environment.get_template("report.html")


def write_report(path: Path, report: Report) -> None:
    """The report as one HTML file at `path`, whole or not at all.

    Raises:
        DiskFull: there is no space left.
    """
    remove_dead(path)
    write_text(path, report.html())


def _is_number(cell: Cell) -> bool:
    return not isinstance(cell, str) or _NUMBER.fullmatch(cell) is not None


def _cell(value: Cell) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _data_uri(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode("utf-8")).decode("ascii")


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for name, value in values.items():
        inner = _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(f"{prefix}{name}", str(value))]
        flat += inner
    return flat
