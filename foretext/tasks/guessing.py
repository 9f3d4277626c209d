"""The kind of task that labelled data show, where nobody says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foretext.errors import SettingsError
from foretext.settings import flag
from foretext.tasks.files.cells import class_name, is_missing
from foretext.tasks.files.delimited import Row
from foretext.tasks.files.names import first_of, plain_names
from foretext.tasks.kinds import KINDS, TaskKind
from foretext.tasks.labels.form import LabelOptions
from foretext.tasks.labels.ordered import found_order
from foretext.tasks.signs import OF_LABELS, Seen

SETTLES = {"order": "ordinal", "separator": "multi-label"}  # what is said of labels, and the kind that it speaks for
STEPS = 3  # classes from which on an order among them says something


@dataclass(frozen=True)
class Guess:
    """The kind, and what a person is told of it; `label` is the column whose cells show it, if they do."""

    kind: TaskKind
    line: str
    label: str | None = None


def guess_kind(
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    text: Sequence[str] = (),
    choices: Sequence[str] = (),
    label: str | None = None,
    labels: LabelOptions | None = None,
) -> Guess:
    """The kind of task that these rows show; `text`, `choices` and `label` are columns that a person named.

    Seen are the names of the columns, and the cells of the label. What is a matter of purpose is not guessed: classes
    in an order are classes here, and the line says how to have them in order. What `labels` says of the labels counts
    for more than what is seen.
    """
    said = next((name for name in (labels or LabelOptions()).given() if name in SETTLES), None)
    if said is not None:
        kind = KINDS[SETTLES[said]]
        return Guess(kind, f"kind: {kind.name} (guessed, since {flag(said)} is given; --kind says otherwise)")
    names = plain_names([name for name in columns if name not in (*text, *choices)])
    found = label or names.get(first_of(_label_names(), names) or "")
    cells = [row.values.get(found) for row in rows] if found else []
    cells = [cell for cell in cells if not is_missing(cell)]
    plain = next(iter(plain_names([found])), "") if found else ""
    seen = Seen(plain_names(columns), text, choices, plain, cells)
    by_sign = {kind.sign: kind for kind in KINDS.values()}
    sign = next(sign for sign in seen.signs() if sign in by_sign)
    ordered = sign == "text" and _are_steps([class_name(cell) or "" for cell in cells])
    advice = "; if the classes are steps of a scale, say --kind ordinal" if ordered else "; --kind says otherwise"
    return Guess(by_sign[sign], f"kind: {by_sign[sign].name} (guessed{advice})", found if sign in OF_LABELS else None)


def _label_names() -> tuple[str, ...]:
    """What the column of the label may be called, whatever the kind."""
    return tuple(dict.fromkeys(name for kind in KINDS.values() for name in kind.label_names))


def _are_steps(names: Sequence[str]) -> bool:
    """Whether classes are numbers, or words of a known scale."""
    if len(set(names)) < STEPS:
        return False
    try:
        return bool(found_order(names))
    except SettingsError:
        return False
