"""Rows that come again: within a part, under other labels, and in other parts."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from foretext.checkup.finding import Finding, Severity
from foretext.checkup.rows import Keys, Part

MOST = 0.5  # of the texts that come again, the share under several labels from which on that seems to be meant
FEWEST_GROUPS = 3  # texts that come again before such a share says anything

PLAINLY = "case and blanks aside"


def check_repeats(part: Part) -> list[Finding]:
    """Rows of a part that come again, with the same label or another."""
    return [*_repeated(part), *_conflicts(part)]


def check_overlap(earlier: Part, later: Part, *, either_order: bool) -> list[Finding]:
    """Rows of `later` that stand in `earlier` too; `either_order` says that the order of two texts means nothing."""
    return [*_shared(earlier, later), *_swapped(earlier, later, either_order), *_single_texts(earlier, later)]


def _repeated(part: Part) -> list[Finding]:
    groups = _groups(part.plain_keys, ~part.is_empty)
    if not groups:
        return []
    surplus = np.sort(np.concatenate([rows[1:] for rows in groups]))
    exactly = sum(len(rows) - 1 for rows in _groups(part.keys, ~part.is_empty))
    counts = {
        "groups": len(groups),
        "rows": sum(map(len, groups)),
        "surplus rows": len(surplus),
        "surplus rows as written": exactly,
    }
    says = f"rows of {part.name} that repeat an earlier one, labels, {PLAINLY}"
    return [Finding("repeats", "doubtful", says, counts, part.at(surplus), part.examples(surplus))]


def _conflicts(part: Part) -> list[Finding]:
    """Texts that stand there under several labels, and the best accuracy that can be reached with them."""
    has_label = part.labels >= 0
    groups = _groups(part.plain_keys, has_label & ~part.is_empty)
    differ = [rows for rows in groups if len(np.unique(part.labels[rows])) > 1]
    if not differ:
        return []
    lost = sum(len(rows) - int(np.bincount(part.labels[rows]).max()) for rows in differ)
    best = math.floor(10_000 * (1 - lost / int(has_label.sum()))) / 10_000
    rows = np.concatenate(differ)
    counts = {"groups": len(differ), "rows": len(rows), "texts that come again": len(groups)}
    says = f"texts of {part.name} under several labels; at most {best:.2%} of its rows can be answered as labelled"
    if len(groups) >= FEWEST_GROUPS and len(differ) > MOST * len(groups):
        says += ". Most texts that come again have several labels: is that meant (--kind multi-label)?"
    return [Finding("conflicts", "doubtful", says, counts, part.at(rows), part.examples(rows))]


def _shared(earlier: Part, later: Part) -> list[Finding]:
    """Rows that two parts share, and how many of them have another label there."""
    rows = np.flatnonzero(np.isin(later.plain_keys, earlier.plain_keys) & ~later.is_empty)
    if not len(rows):
        return []
    order = np.argsort(earlier.plain_keys, kind="stable")
    first = order[np.searchsorted(earlier.plain_keys[order], later.plain_keys[rows])]
    codes = {name: code for code, name in enumerate(earlier.names)}
    there = np.array([codes.get(name, -2) for name in later.names] + [-1])
    other = int(np.sum((there[later.labels[rows]] != earlier.labels[first]) & (later.labels[rows] >= 0)))
    counts = {
        "rows": len(rows),
        "rows as written": int(np.isin(later.keys[rows], earlier.keys).sum()),
        "groups": len(np.unique(later.plain_keys[rows])),
        "rows with another label there": other,
    }
    says = f"rows of {later.name} that stand in {earlier.name} too, {PLAINLY}; the score will be too good"
    if later.name == "test":
        says += ". Let people look at them; without them scores mean something else"
    return [Finding("overlap", "doubtful", says, counts, later.at(rows), later.examples(rows))]


def _swapped(earlier: Part, later: Part, either_order: bool) -> list[Finding]:
    """Pairs that stand in the other part in the other order."""
    if earlier.written.shape[1] != 2:
        return []
    mirrored = later.plain[:, 0] == later.plain[:, 1]
    rows = np.flatnonzero(np.isin(later.swapped_keys, earlier.plain_keys) & ~mirrored & ~later.is_empty)
    if not len(rows):
        return []
    says = f"pairs of {later.name} that stand in {earlier.name} with the texts in the other order, {PLAINLY}"
    severity: Severity = "doubtful" if either_order else "sound"
    says += "; the order means nothing here, so the score will be too good" if either_order else ""
    return [Finding("overlap", severity, says, {"rows": len(rows)}, later.at(rows), later.examples(rows))]


def _single_texts(earlier: Part, later: Part) -> list[Finding]:
    """Single texts of examples with several that stand in both parts, whatever stands beside them."""
    if earlier.written.shape[1] < 2:
        return []
    shared = np.isin(later.plain, earlier.plain)
    rows = np.flatnonzero(shared.any(axis=1) & ~later.is_empty)
    if not len(rows):
        return []
    each = {f"rows by text {k + 1}": int(column.sum()) for k, column in enumerate(shared.T)}
    says = f"rows of {later.name} of which a text alone stands in {earlier.name} too, {PLAINLY}"
    counts = {"rows": len(rows), **each, "different texts": len(np.unique(later.plain[shared]))}
    return [Finding("overlap", "sound", says, counts, later.at(rows), later.examples(rows))]


def _groups(keys: Keys, among: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.int64]]:
    """The rows of each key that comes again, in order, by the first of them."""
    rows = np.flatnonzero(among)
    order = rows[np.argsort(keys[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(keys[order], prepend=np.uint64(0)) != 0) if len(order) else order
    starts = np.union1d(starts, [0])[: len(order)]
    sizes = np.diff(starts, append=len(order))
    several = np.flatnonzero(sizes > 1)
    groups = [order[starts[k] : starts[k] + sizes[k]] for k in several]
    return sorted(groups, key=lambda group: int(group[0]))
