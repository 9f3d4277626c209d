"""The figures of the studies, each drawn from the rows that are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from foretext.evaluation.figures import BLUE, CYCLE, GREY, INK, ORANGE, dots, panels
from foretext.recipes.studies.rows import estimate

Rows = Sequence[Mapping[str, Any]]

LINES = ("-", "--", ":", "-.")
WIDE = 8  # values along x whose ends are this far apart, as a ratio, stand on a logarithmic scale
MOST_TICKS = 8  # values along x that have their numbers written below


def layers(rows: Rows) -> Figure:
    """Score against layers transferred, a panel a task; the dotted line is chance (Figure 2, left)."""
    tasks = _values(rows, "task")
    with panels(len(tasks)) as (figure, axes):
        for place, task in zip(axes, tasks, strict=True):
            here = _where(rows, task=task)
            _curve(place, here, "layers", color=BLUE, label=str(task))
            _frame(place, here, x="layers transferred")
            place.xaxis.set_major_locator(MaxNLocator(integer=True))
            if any(row["layers"] == -1 for row in here):
                place.set_xlabel("layers transferred (−1: nothing at all)")
    return figure


def zero_shot(rows: Rows) -> Figure:
    """Scores between chance (0) and the best supervised model (1) against updates, a line a task (Figure 2, right).

    Each run has a kind of line of its own; tasks whose best score is not known are not drawn.
    """
    with panels(1, height=3.8) as (figure, (axes,)):
        figure.set_figwidth(7.2)
        _zero_shot(axes, rows)
    return figure


def both_halves(transferred: Rows, zero_shot: Rows) -> Figure:
    """The paper's Figure 2: all tasks against layers transferred on the left, against pre-training on the right."""
    with panels(2, height=3.8) as (figure, (left, right)):
        figure.set_figwidth(12)
        left.set(xlabel="layers transferred", ylabel="score x 100")
        for task, colour in zip(_values(transferred, "task"), CYCLE, strict=False):
            here = _where(transferred, task=task)
            _curve(left, here, "layers", color=colour, label=f"{task}, {here[0]['metric']}")
            left.axhline(100 * here[0]["chance"], color=colour, linewidth=1, linestyle=":")
        left.xaxis.set_major_locator(MaxNLocator(integer=True))
        left.grid(visible=False, axis="x")
        _zero_shot(right, zero_shot)
        if transferred:
            left.legend()
        for place, rows in ((left, transferred), (right, zero_shot)):
            if not rows:
                place.text(0.5, 0.5, "not measured", ha="center", va="center", transform=place.transAxes)
    return figure


def ablations(rows: Rows) -> Figure:
    """Each variant's score, a panel a task; the dotted line is chance (Table 5)."""
    tasks, variants = _values(rows, "task"), _values(rows, "variant")
    with panels(len(tasks), height=0.9 + 0.4 * len(variants)) as (figure, axes):
        for index, (place, task) in enumerate(zip(axes, tasks, strict=True)):
            here = _where(rows, task=task)
            heights = [-float(variants.index(row["variant"])) for row in here]
            dots(place, [estimate(row, "score") for row in here], heights, color=BLUE, label="", horizontal=True)
            place.axvline(100 * here[0]["chance"], color=INK, linewidth=0.8, linestyle=":")
            place.set_yticks([-k for k in range(len(variants))], variants if index % 3 == 0 else [""] * len(variants))
            place.set(xlabel=f"{here[0]['metric']} x 100", title=task, ylim=(0.5 - len(variants), 0.5))
            place.grid(visible=False, axis="y")
    return figure


def data(rows: Rows) -> Figure:
    """Score against labelled examples with and without pre-training, a panel a task; the dotted line is chance."""
    tasks = _values(rows, "task")
    with panels(len(tasks)) as (figure, axes):
        for place, task in zip(axes, tasks, strict=True):
            here = _where(rows, task=task)
            for start, colour in (("pre-trained", BLUE), ("from scratch", ORANGE)):
                _curve(place, _where(here, start=start), "labels", color=colour, label=start)
            _frame(place, here, x="labelled examples")
            _logarithmic(place, [row["labels"] for row in here])
        axes[0].legend()
    return figure


FIGURES: dict[str, Callable[[Rows], Figure]] = {
    "layers": layers,
    "zero-shot": zero_shot,
    "ablations": ablations,
    "data": data,
}


def _zero_shot(axes: Axes, rows: Rows) -> None:
    drawn = [row for row in rows if row["relative"] is not None]
    runs, tasks = _values(rows, "model"), _values(rows, "task")
    for run, line in zip(runs, LINES * len(runs), strict=False):
        for task, colour in zip(tasks, CYCLE * len(tasks), strict=False):
            here = sorted(_where(drawn, model=run, task=task), key=lambda row: row["updates"])
            if here:
                name = f"{task}, {run}" if len(runs) > 1 else task
                _band(axes, here, "relative", color=colour, label=name, linestyle=line)
    for level in (0, 1):
        axes.axhline(level, color=INK, linewidth=0.8, linestyle=":")
    axes.set(xlabel="pre-training updates", ylabel="0: chance, 1: best supervised")
    _logarithmic(axes, [row["updates"] for row in drawn])
    axes.grid(visible=False, axis="x")
    if drawn:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _curve(axes: Axes, rows: Rows, x: str, *, color: str, label: str) -> None:
    ordered = sorted(rows, key=lambda row: row[x])
    scores = [estimate(row, "score") for row in ordered]
    dots(axes, scores, [row[x] for row in ordered], color=color, label=label, linestyle="-")


def _band(axes: Axes, rows: Rows, name: str, *, color: str, label: str, linestyle: str) -> None:
    """A line over updates in a band from the lower to the upper ends of its intervals; bars of many would overlap."""
    places = [row["updates"] for row in rows]
    axes.plot(places, [row[name] for row in rows], linestyle, color=color, label=label, marker="o", markersize=4)
    low, high = ([row[f"{name}_{end}"] for row in rows] for end in ("low", "high"))
    axes.fill_between(places, low, high, color=color, alpha=0.1, linewidth=0)


def _frame(axes: Axes, rows: Rows, *, x: str) -> None:
    axes.axhline(100 * rows[0]["chance"], color=GREY, linewidth=1, linestyle=":")
    axes.set(xlabel=x, ylabel=f"{rows[0]['metric']} x 100", title=rows[0]["task"])
    axes.grid(visible=False, axis="x")


def _logarithmic(axes: Axes, places: Sequence[float]) -> None:
    """A logarithmic scale along x, where the values are far apart and all above 0."""
    if places and min(places) > 0 and max(places) >= WIDE * min(places):
        axes.set_xscale("log")
        if len(set(places)) <= MOST_TICKS:
            axes.set_xticks(sorted(set(places)))
            axes.minorticks_off()
            axes.tick_params(axis="x", labelrotation=30)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _values(rows: Rows, name: str) -> list[Any]:
    return list(dict.fromkeys(row[name] for row in rows))


def _where(rows: Rows, **values: Any) -> list[Mapping[str, Any]]:
    return [row for row in rows if all(row[name] == value for name, value in values.items())]
