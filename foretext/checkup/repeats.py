"""Rows that come again: within a part, under other labels, and in other parts."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from foretext.checkup.finding import Finding, Severity
from foretext.checkup.rows import Keys, Part

MOST = 0.5  # of the texts that come again, the share under several labels from which on that seems to be meant
SHARE = 0.01  # of all rows, that they must be for that
FEWEST_GROUPS = 3  # texts that come again before such a share says anything

Places = npt.NDArray[np.int64]


def check_repeats(part: Part, *, either_order: bool) -> list[Finding]:
    """Rows of a part that come again, with the same label or another; `either_order` as in `check_overlap`."""
    return [*_repeated(part), *_conflicts(part), *(_turned(part) if either_order else ())]


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
    says = f"rows of {part.name} that repeat an earlier one, labels, {part.plainly}"
    return [Finding("repeats", "doubtful", says, counts, part.at(surplus), part.examples(surplus))]


def _conflicts(part: Part) -> list[Finding]:
    """Texts that stand there under several labels, and the best accuracy that can be reached with them."""
    has_label = part.labels >= 0
    groups = _groups(part.plain_keys, has_label & ~part.is_empty)
    said = [np.unique(part.meanings[rows], return_counts=True)[1] for rows in groups]
    differ = [rows for rows, counts in zip(groups, said, strict=True) if len(counts) > 1]
    if not differ:
        return []
    lost = sum(int(counts.sum() - counts.max()) for counts in said)
    best = math.floor(10_000 * (1 - lost / int(has_label.sum()))) / 10_000
    rows = np.concatenate(differ)
    counts = {"groups": len(differ), "rows": len(rows), "texts that come again": len(groups)}
    says = f"texts of {part.name} under several labels; at most {best:.2%} of its rows can be answered as labelled"
    many = len(groups) >= FEWEST_GROUPS and len(rows) >= SHARE * part.rows
    if part.one_class and many and len(differ) > MOST * len(groups):
        says += ". Most texts that come again have several labels: is that meant (--kind multi-label)?"
    return [Finding("conflicts", "doubtful", says, counts, part.at(rows), part.examples(rows))]


def _shared(earlier: Part, later: Part) -> list[Finding]:
    """Rows that two parts share, and how many of them have another label there."""
    rows = np.flatnonzero(np.isin(later.plain_keys, earlier.plain_keys) & ~later.is_empty)
    if not len(rows):
        return []
    first = _first_places(earlier.plain_keys, later.plain_keys[rows])
    counts = {
        "rows": len(rows),
        "rows as written": int(np.isin(later.keys[rows], earlier.keys).sum()),
        "groups": len(np.unique(later.plain_keys[rows])),
        "rows with another label there": _otherwise(earlier, first, later, rows),
    }
    says = f"rows of {later.name} that stand in {earlier.name} too, {later.plainly}; the score will be too good"
    if later.name.startswith("test"):
        says += ". Let people look at them; without them scores mean something else"
    return [Finding("overlap", "doubtful", says, counts, later.at(rows), later.examples(rows))]


def _turned(part: Part) -> list[Finding]:
    """Pairs that repeat an earlier one of the same part in the other order."""
    there = _first_places(part.plain_keys, part.swapped_keys)
    rows = np.flatnonzero((there < np.arange(part.rows)) & ~_mirrored(part) & ~part.is_empty)
    if not len(rows):
        return []
    counts = {"surplus rows": len(rows), "rows with another label there": _otherwise(part, there[rows], part, rows)}
    says = f"pairs of {part.name} that repeat an earlier one in the other order, which means nothing here"
    return [Finding("repeats", "doubtful", f"{says}, {part.plainly}", counts, part.at(rows), part.examples(rows))]


def _mirrored(part: Part) -> npt.NDArray[np.bool_]:
    """(rows,): whether both texts of a pair are the same."""
    same: npt.NDArray[np.bool_] = part.plain[:, 0] == part.plain[:, 1]
    return same


def _swapped(earlier: Part, later: Part, either_order: bool) -> list[Finding]:
    """Pairs that stand in the other part in the other order."""
    if earlier.written.shape[1] != 2:
        return []
    rows = np.flatnonzero(np.isin(later.swapped_keys, earlier.plain_keys) & ~_mirrored(later) & ~later.is_empty)
    if not len(rows):
        return []
    says = f"pairs of {later.name} that stand in {earlier.name} with the texts in the other order, {later.plainly}"
    severity: Severity = "doubtful" if either_order else "sound"
    says += "; the order means nothing here, so the score will be too good" if either_order else ""
    return [Finding("overlap", severity, says, {"rows": len(rows)}, later.at(rows), later.examples(rows))]


def _single_texts(earlier: Part, later: Part) -> list[Finding]:
    """Single texts that stand in both parts, whatever other texts or answers stand beside them."""
    if earlier.written.shape[1] < 2 and not earlier.answers.any():
        return []
    shared = np.isin(later.plain, earlier.plain)
    rows = np.flatnonzero(shared.any(axis=1) & ~later.is_empty)
    if not len(rows):
        return []
    each = {f"rows by text {k + 1}": int(column.sum()) for k, column in enumerate(shared.T)}
    says = f"rows of {later.name} of which a text alone stands in {earlier.name} too, {later.plainly}"
    counts = {"rows": len(rows), **each, "different texts": len(np.unique(later.plain[shared]))}
    return [Finding("overlap", "sound", says, counts, later.at(rows), later.examples(rows))]


def _first_places(keys: Keys, wanted: Keys) -> Places:
    """Of each wanted key the first place among `keys`, their number where it is not there."""
    order = np.argsort(keys, kind="stable")
    found = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
    return np.where(keys[order[found]] == wanted, order[found], len(keys))


def _otherwise(earlier: Part, there: Places, later: Part, here: Places) -> int:
    """How many rows `here` have a label that says something else than that of the row `there`."""
    both = (earlier.labels[there] >= 0) & (later.labels[here] >= 0)
    return int((both & (earlier.meanings[there] != later.meanings[here])).sum())


def _groups(keys: Keys, among: npt.NDArray[np.bool_]) -> list[Places]:
    """The rows of each key that comes again, in order, by the first of them."""
    rows = np.flatnonzero(among)
    order = rows[np.argsort(keys[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(keys[order], prepend=np.uint64(0)) != 0) if len(order) else order
    starts = np.union1d(starts, [0])[: len(order)]
    sizes = np.diff(starts, append=len(order))
    several = np.flatnonzero(sizes > 1)
    groups = [order[starts[k] : starts[k] + sizes[k]] for k in several]
    return sorted(groups, key=lambda group: int(group[0]))
