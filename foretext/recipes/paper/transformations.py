"""The drawing of Figure 1: pieces and ids in boxes, the Transformer that reads them, what becomes of its states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from foretext.evaluation.figures import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, panels

if TYPE_CHECKING:
    from foretext.recipes.paper.figure_1 import Part, Transformed

# All lengths are in inches.
MOST_PIECES = 8  # of a part; of a longer one both ends are drawn, and how many are not
ENDS = 3
LETTER = 0.068  # width of a letter of the font below
SIZE = 8  # of it, in points
HIGH, ROW, TITLE, GAP, MARGIN = 0.36, 0.66, 0.42, 0.05, 0.15
ARROW, TRANSFORMER, PLUS, LINEAR, SOFTMAX = 0.3, 0.95, 0.28, 0.6, 0.35
COLOURS = {"start": GREEN, "delimiter": ORANGE, "extract": PURPLE}


def drawn_transformations(examples: Sequence[Transformed]) -> Figure:
    """A block for each example, a row for each of its sequences."""
    widest = max(_width(parts) for example in examples for parts in example.sequences)
    width = MARGIN + widest + ARROW + TRANSFORMER + ARROW + PLUS + ARROW + LINEAR + SOFTMAX
    height = MARGIN + sum(TITLE + ROW * len(example.sequences) for example in examples)
    with panels(1) as (figure, (axes,)):
        figure.set_layout_engine("none")
        figure.set_size_inches(width, height)
        axes.set_position((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(0, height))
        axes.axis("off")
        top = height
        for example in examples:
            _block(axes, example, top, MARGIN + widest)
            top -= TITLE + ROW * len(example.sequences)
    return figure


def _block(axes: Axes, example: Transformed, top: float, end: float) -> None:
    """The sequences of an example below `top`; what reads them begins at `end`."""
    title = f"{example.kind}   ({example.source.split(', ')[0]})"
    axes.text(MARGIN, top - 0.2, title, fontweight="bold", va="center", parse_math=False)
    rows = [top - TITLE - ROW * (k + 0.5) for k in range(len(example.sequences))]
    for parts, row in zip(example.sequences, rows, strict=True):
        _sequence(axes, parts, row)
        _arrow(axes, MARGIN + _width(parts), end + ARROW, row)
        _box(axes, end + ARROW, row, TRANSFORMER, "Transformer", colour=GREY)
    _head(axes, example.combine, rows, end + ARROW + TRANSFORMER)


def _head(axes: Axes, combine: str, rows: Sequence[float], left: float) -> None:
    """What lies behind the Transformer: one linear layer for each sequence, or for the sum of them."""
    linear = left + ARROW + PLUS + ARROW
    if combine != "add":
        for row in rows:
            _arrow(axes, left, linear, row)
            _box(axes, linear, row, LINEAR, "Linear", colour=GREY)
        if combine == "choose":
            right = linear + LINEAR + 0.05
            axes.plot([right, right], [rows[0] + HIGH / 2, rows[-1] - HIGH / 2], color=INK, linewidth=1)
            axes.text(
                right + 0.05, sum(rows) / len(rows), "softmax", rotation=90, va="center", ha="left", fontsize=SIZE
            )
        return
    middle = sum(rows) / len(rows)
    for row in rows:
        axes.annotate("", (left + ARROW, middle), (left, row), arrowprops=_ARROW)
    _box(axes, left + ARROW, middle, PLUS, "+", colour=GREY)
    _arrow(axes, left + ARROW + PLUS, linear, middle)
    _box(axes, linear, middle, LINEAR, "Linear", colour=GREY)


def _sequence(axes: Axes, parts: Sequence[Part], row: float) -> None:
    left = MARGIN
    for part in parts:
        colour = COLOURS.get(part.name, BLUE)
        axes.text(left, row + HIGH / 2 + 0.08, part.name, fontsize=SIZE, color=colour, va="center", parse_math=False)
        for text in _texts(part):
            _box(axes, left, row, _wide(text), text, colour=colour)
            left += _wide(text) + GAP
        left = max(left, left - _boxes(part) + _room(part))


def _texts(part: Part) -> list[str]:
    """What stands in the boxes of a part: a piece over its id each; of a long part not all."""
    texts = [f"{piece}\n{number}" for piece, number in zip(part.pieces, part.ids, strict=True)]
    if len(texts) <= MOST_PIECES:
        return texts
    return [*texts[:ENDS], f"… {len(texts) - 2 * ENDS:,}\nmore …", *texts[-ENDS:]]


def _wide(text: str) -> float:
    return LETTER * max(map(len, text.split("\n"))) + 0.12


def _boxes(part: Part) -> float:
    return sum(_wide(text) + GAP for text in _texts(part))


def _room(part: Part) -> float:
    """The width of a part: of its boxes, or of its name if that is longer."""
    return max(_boxes(part), LETTER * len(part.name) + 2 * GAP)


def _width(parts: Sequence[Part]) -> float:
    return sum(map(_room, parts))


def _box(axes: Axes, left: float, row: float, width: float, text: str, *, colour: str) -> None:
    shape = FancyBboxPatch(
        (left, row - HIGH / 2), width, HIGH, boxstyle="round,pad=0,rounding_size=0.05", linewidth=0.9, edgecolor=colour
    )
    shape.set_facecolor((*_rgb(colour), 0.12))
    axes.add_patch(shape)
    axes.text(
        left + width / 2,
        row,
        text,
        family="DejaVu Sans Mono",
        fontsize=SIZE,
        ha="center",
        va="center",
        linespacing=1.1,
        parse_math=False,
    )


def _arrow(axes: Axes, left: float, right: float, row: float) -> None:
    axes.annotate("", (right, row), (left, row), arrowprops=_ARROW)


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


_ARROW: dict[str, Any] = {"arrowstyle": "->", "color": INK, "linewidth": 0.8, "shrinkA": 2, "shrinkB": 0}
