"""Tables as plain lines of text, for a terminal and for log files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from textwrap import wrap


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,)) -> list[str]:
    """Lines of equal columns under a ruled header; the columns `left` are flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [_line(cells, widths, left) for cells in (header, *rows)]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def wrapped_table(header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    """Lines of columns `widths` wide in which long cells run over several lines; all are flush left."""
    lines = []
    for cells in (header, ["-" * width for width in widths], *rows):
        wrapped = [wrap(cell, width, break_on_hyphens=False) for cell, width in zip(cells, widths, strict=True)]
        for parts in zip_longest(*wrapped, fillvalue=""):
            lines.append("  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip())
    return lines


def _line(cells: Sequence[str], widths: Sequence[int], left: Sequence[int]) -> str:
    justified = (
        cell.ljust(width) if k in left else cell.rjust(width)
        for k, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(justified).rstrip()
