"""The plots of the reports, as matplotlib figures without a display.

Colours are chosen to be told apart with any colour vision (Okabe and Ito 2008) and to read on white and on black; ink
and grid are the only ones that `on_dark` turns for a dark page.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from foretext.evaluation.calibration import Calibration
from foretext.evaluation.comparison import SYSTEMS, TaskRow
from foretext.evaluation.confusion import Confusion
from foretext.evaluation.intervals import Estimate

INK, GRID = "#24292f", "#d8dee4"
_ON_DARK = {INK: "#d1d7e0", GRID: "#3d444d"}
BLUE, ORANGE, GREEN, GREY, PURPLE = "#2f81c7", "#e07b00", "#1b9e77", "#8b949e", "#b05fa0"
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, GREY)
SYSTEM_COLOURS = {"tfidf": GREY, "scratch": ORANGE, "pretrained": BLUE}
WIDTH = 7.2  # inches; the page shows an inch as 100 pixels or less

_STYLE: Any = {
    "font.size": 10,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so a figure is the same everywhere
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "image.interpolation": "nearest",
    "svg.hashsalt": "foretext",  # the same figure gives the same bytes
}

Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]  # name -> x, y


def loss_curves(
    series: Series, *, x: str = "update", y: str = "loss (nats a token)", marks: Mapping[str, Sequence[float]] = {}
) -> Figure:
    """A line for each named series of x and y; the legend says where each ends.

    `marks` are moments by what happened there, each an upright line.
    """
    with _axes(height=3.4, layout=None) as (figure, axes):
        figure.subplots_adjust(left=0.11, right=0.98, bottom=0.15, top=0.93)  # a report has many of these
        axes.set_prop_cycle(color=CYCLE)
        for name, (places, values) in series.items():
            axes.plot(places, values, label=f"{name}, {values[-1]:.3f} at the end" if len(values) else name)
        for (name, moments), style in zip(marks.items(), ("dotted", "dashed", "dashdot"), strict=False):
            for first, moment in enumerate(moments):
                axes.axvline(moment, color=GREY, linestyle=style, linewidth=1, label=None if first else name)
        axes.set(xlabel=x, ylabel=y)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(visible=False, axis="x")
        axes.margins(x=0.02)
        axes.legend()
    return figure


def scratch_against_pretrained(rows: Sequence[TaskRow]) -> Figure:
    """A line a task with each system's score and interval as a dot and a bar, chance as a tick."""
    with _axes(height=1.2 + 0.55 * len(rows)) as (figure, axes):
        places = np.arange(len(rows), dtype=np.float64)[::-1]
        axes.plot([100 * row.chance for row in rows], places, "|", color=INK, markersize=16, label="chance")
        for k, (name, title) in enumerate(SYSTEMS.items()):
            estimates: list[Estimate] = [getattr(row, name) for row in rows]
            dots(axes, estimates, places + 0.2 * (1 - k), horizontal=True, color=SYSTEM_COLOURS[name], label=title)
        axes.set_yticks(places, [f"{row.task}\n{row.metric}" for row in rows])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel("score x 100, with 95 % intervals")
        axes.grid(visible=False, axis="y")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
    return figure


def confusion_matrix(confusion: Confusion) -> Figure:
    """The share of each true class (row) that was given each class (column), with counts written in the cells."""
    counts = np.array(confusion.counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = min(WIDTH, 2.2 + 0.75 * len(counts))
    with _axes(height=size * 0.85, width=size) as (figure, axes):
        axes.imshow(shares, cmap=_blues(), vmin=0, vmax=1)
        if len(counts) <= 12:  # numbers would run into each other
            for (row, column), count in np.ndenumerate(counts):
                colour = "#ffffff" if shares[row, column] > 0.4 else "#1b1f24"
                axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour)
        ticks = range(len(counts))
        names = [name if len(name) <= 16 else f"{name[:15]}…" for name in confusion.classes]
        axes.set_xticks(ticks, names, rotation=45 if sum(map(len, names)) > 40 else 0)
        axes.set_yticks(ticks, names)
        axes.set(xlabel="predicted", ylabel="true")
        axes.grid(visible=False)
    return figure


def calibration_plot(calibration: Calibration) -> Figure:
    """How often predictions of each confidence are right; honest probabilities lie on the diagonal."""
    with _axes(height=3.6, width=4.6) as (figure, axes):
        axes.plot([0, 100], [0, 100], "--", color=GREY, linewidth=1, label="honest")
        confidence = [100 * bin.confidence for bin in calibration.bins]
        accuracy = [100 * bin.accuracy for bin in calibration.bins]
        largest = max(bin.count for bin in calibration.bins)
        areas = [12 + 90 * bin.count / largest for bin in calibration.bins]
        axes.plot(confidence, accuracy, color=BLUE, linewidth=1)
        axes.scatter(confidence, accuracy, s=areas, color=BLUE, label="observed (area: examples)")
        axes.set(xlabel="confidence, %", ylabel="right, %", xlim=(0, 102), ylim=(0, 102))
        axes.legend(loc="lower right")
    return figure


def png(figure: Figure) -> bytes:
    """The figure as PNG on white; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        without_version = {"Software": None}
        figure.savefig(buffer, format="png", dpi=160, facecolor="white", bbox_inches="tight", metadata=without_version)
    return buffer.getvalue()


def svg(figure: Figure) -> str:
    """The figure as SVG on a transparent ground, for a white page; the same figure gives the same text."""
    buffer = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        without_date = {"Date": None, "Creator": None}
        figure.savefig(buffer, format="svg", transparent=True, metadata=without_date)
    return buffer.getvalue()


def on_dark(drawn: str) -> str:
    """A figure that `svg` drew, its ink and grid turned light for a dark page."""
    for light_colour, dark_colour in _ON_DARK.items():
        drawn = drawn.replace(light_colour, dark_colour)
    return drawn


@contextmanager
def _axes(
    *, height: float, width: float = WIDTH, layout: Literal["constrained"] | None = "constrained"
) -> Iterator[tuple[Figure, Axes]]:
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout=layout)
        yield figure, figure.add_subplot()


@contextmanager
def panels(count: int, *, height: float = 3.0) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with `count` panels, three beside each other at most; `height` is that of a row in inches."""
    columns = min(3, count)
    rows = -(-count // columns)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(max(WIDTH / 2, WIDTH * columns / 2.4), height * rows), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for empty in grid[count:]:
            empty.remove()
        yield figure, list(grid[:count])


def dots(
    axes: Axes,
    estimates: Sequence[Estimate],
    places: Any,
    *,
    color: str,
    label: str,
    horizontal: bool = False,
    linestyle: str = "",
) -> None:
    """Estimates as dots with bars at `places`, joined by a line if asked."""
    values = [100 * e.value for e in estimates]
    reach = [[100 * (e.value - e.low) for e in estimates], [100 * (e.high - e.value) for e in estimates]]
    common: dict[str, Any] = {"color": color, "label": label, "linestyle": linestyle, "marker": "o", "markersize": 5}
    if horizontal:
        axes.errorbar(values, places, xerr=reach, **common)
    else:
        axes.errorbar(places, values, yerr=reach, capsize=2, **common)


def _blues() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("share", ["#f3f7fb", BLUE, "#12436d"])
