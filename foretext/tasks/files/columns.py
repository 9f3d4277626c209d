"""Which columns hold texts, answers and label: as the person said, else by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foretext.errors import SettingsError, UnknownName
from foretext.tasks.files.names import first_of, plain_names, some_answers
from foretext.tasks.kinds import TaskKind


@dataclass(frozen=True)
class Columns:
    """The columns that hold a task; `guessed` names the parts nobody had to say: "text", "choices", "label"."""

    text: tuple[str, ...]
    choices: tuple[str, ...] = ()
    label: str | None = None
    guessed: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """What is read from where, one line a part, guesses marked."""
        parts = {"text": self.text, "choices": self.choices, "label": (self.label,) if self.label else ()}
        return [
            f"{part}: {', '.join(map(repr, names))}{' (guessed)' if part in self.guessed else ''}"
            for part, names in parts.items()
            if names
        ]


def find_columns(
    columns: Sequence[str],
    kind: TaskKind,
    *,
    text: Sequence[str] = (),
    choices: Sequence[str] = (),
    label: str | None = None,
    seen: str | None = None,
) -> Columns:
    """The columns of a task among those of a file; what is not given is guessed by name.

    `seen` is the column by whose cells the kind was guessed; it is the label then. A label that is neither given nor
    found is None: the caller knows whether it needs one.

    Raises:
        UnknownName: a given column is not there.
        SettingsError: texts or answers are not given, and no name says which they are.
    """
    named = [*text, *choices, *([label] if label is not None else [])]
    for name in named:
        if name not in columns:
            raise UnknownName("column", name, columns)
        if named.count(name) > 1:
            raise SettingsError(f"column {name!r} is given twice; text, answers and label are columns of their own")
    if choices and not kind.has_answers:
        raise SettingsError(f"--choices is for tasks with answers to choose among; {kind.name} has none")
    given = {"text": bool(text), "choices": bool(choices), "label": label is not None}
    if kind.has_answers and not choices:
        choices = _guess_choices(_without(columns, [*text, label]))
    if label is None:
        label = seen or _guess_label(_without(columns, [*text, *choices]), kind)
    if not text:
        text = _guess_text(_without(columns, [*choices, label]), kind, columns)
    found = {"text": text, "choices": choices, "label": label}
    guessed = tuple(part for part, value in found.items() if value and not given[part])
    return Columns(tuple(text), tuple(choices), label, guessed)


def _guess_text(left: Sequence[str], kind: TaskKind, columns: Sequence[str]) -> tuple[str, ...]:
    names = plain_names(left)
    found = kind.texts(names)
    if not found:
        raise SettingsError(
            f"which columns hold the texts? Say it with --text NAME for each; there are: {', '.join(columns)}."
            " If these are cells of a row, the file has no header: say --no-header and --text 1"
        )
    return tuple(names[name] for name in found)


def _guess_choices(left: Sequence[str]) -> tuple[str, ...]:
    found = some_answers(plain_names(left))
    if not found:
        raise SettingsError(
            "which columns hold the answers? Say --choices NAME for a column of lists, "
            f"or once for each answer; there are: {', '.join(left)}"
        )
    return found


def _guess_label(left: Sequence[str], kind: TaskKind) -> str | None:
    names = plain_names(left)
    found = first_of(kind.label_names, names)
    return names[found] if found else None


def _without(columns: Sequence[str], taken: Sequence[str | None]) -> list[str]:
    return [name for name in columns if name not in taken]
