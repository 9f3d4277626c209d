"""Which columns hold texts, answers and label: as the person said, else by names that are in common use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from foretext.errors import SettingsError, UnknownName
from foretext.tasks.examples import Kind

# Names as they are compared: lower case, "_" for blanks and hyphens. The first that is there is taken.
TEXTS = (
    *("text", "sentence", "review", "comment", "message", "tweet", "post", "document", "article", "content", "body"),
    *("question", "story", "description", "headline", "title", "input"),
)
PAIRS = (
    *(("premise", "hypothesis"), ("sentence1", "sentence2"), ("sentence_1", "sentence_2")),
    *(("text1", "text2"), ("text_1", "text_2"), ("text_a", "text_b"), ("question1", "question2")),
    *(("sentence_a", "sentence_b"), ("string1", "string2"), ("#1_string", "#2_string")),
    *(("first", "second"), ("question", "sentence"), ("query", "passage"), ("query", "document"), ("a", "b")),
)
DOCUMENTS = ("document", "article", "passage", "context", "story", "paragraph", "premise", "text", "sentence", "ctx")
QUESTIONS = ("question", "question_stem", "stem", "query", "prompt")
ANSWERS = ("answers", "choices", "options", "endings", "alternatives", "candidates")
LABELS = ("label", "gold", "gold_label", "labels", "class", "category", "target", "answer_key", "answerkey", "score")
SCORE_LABELS = ("score", "similarity", "rating", "similarity_score", "relatedness_score", "value", "stars", *LABELS)
CLASS_LABELS = (*LABELS, "sentiment", "topic", "intent", "is_duplicate", "judgment", "rating", "answer", "y")
ANSWER_LABELS = (*LABELS[:3], "answer", "answer_key", "answerkey", "correct", "correct_answer", "right", *LABELS[3:])

_NUMBERED = re.compile(r"(answer|choice|option|ending|alternative|alt|candidate|sol|a)_?([0-9]+|[a-z])")


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
    kind: Kind,
    *,
    text: Sequence[str] = (),
    choices: Sequence[str] = (),
    label: str | None = None,
) -> Columns:
    """The columns of a task among those of a file; what is not given is guessed by name.

    A label that is neither given nor found is None: the caller knows whether it needs one.

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
    if choices and kind != "choice":
        raise SettingsError(f"--choices is for tasks of kind choice; this one is {kind}")
    given = {"text": bool(text), "choices": bool(choices), "label": label is not None}
    if kind == "choice" and not choices:
        choices = _guess_choices(_without(columns, [*text, label]))
    if label is None:
        label = _guess_label(_without(columns, [*text, *choices]), kind)
    if not text:
        text = _guess_text(_without(columns, [*choices, label]), kind, columns)
    found = {"text": text, "choices": choices, "label": label}
    guessed = tuple(part for part, value in found.items() if value and not given[part])
    return Columns(tuple(text), tuple(choices), label, guessed)


def _guess_text(left: Sequence[str], kind: Kind, columns: Sequence[str]) -> tuple[str, ...]:
    names = _by_plain_name(left)
    found: tuple[str, ...] | None
    pair = next((pair for pair in PAIRS if all(name in names for name in pair)), None)
    if kind in ("entailment", "similarity"):
        found = pair
    elif kind == "choice":
        found = tuple(name for group in (DOCUMENTS, QUESTIONS) if (name := _first(group, names)))
    elif kind == "regression" and pair:
        found = pair
    else:
        only = next(iter(names)) if len(names) == 1 else None
        found = (name,) if (name := _first(TEXTS, names) or only) else None
    if not found:
        raise SettingsError(
            f"which columns hold the texts? Say it with --text NAME for each; there are: {', '.join(columns)}."
            " If these are cells of a row, the file has no header: say --no-header and --text 1"
        )
    return tuple(names[name] for name in found)


def _guess_choices(left: Sequence[str]) -> tuple[str, ...]:
    names = _by_plain_name(left)
    if one := _first(ANSWERS, names):
        return (names[one],)
    families: dict[str, dict[str, str]] = {}
    for plain, name in names.items():
        if match := _NUMBERED.fullmatch(plain):
            families.setdefault(match[1], {})[match[2]] = name
        elif re.fullmatch("[a-z]", plain):
            families.setdefault("", {})[plain] = name
    for members in families.values():
        for start in ("0", "1", "a"):
            found = _in_a_row(members, start)
            if len(found) >= 2:
                return found
    raise SettingsError(
        "which columns hold the answers? Say --choices NAME for a column of lists, "
        f"or once for each answer; there are: {', '.join(left)}"
    )


def _in_a_row(members: dict[str, str], start: str) -> tuple[str, ...]:
    """The columns numbered `start`, `start` + 1 and so on, as far as they go."""
    found = []
    number = start
    while number in members:
        found.append(members[number])
        number = chr(ord(number) + 1) if number.isalpha() else str(int(number) + 1)
    return tuple(found)


def _guess_label(left: Sequence[str], kind: Kind) -> str | None:
    known = {"regression": SCORE_LABELS, "similarity": SCORE_LABELS, "choice": ANSWER_LABELS}.get(kind, CLASS_LABELS)
    names = _by_plain_name(left)
    found = _first(known, names)
    return names[found] if found else None


def _first(known: Iterable[str], names: dict[str, str]) -> str | None:
    return next((name for name in known if name in names), None)


def _by_plain_name(columns: Sequence[str]) -> dict[str, str]:
    """Columns by their name in lower case with "_" for blanks and hyphens; of two alike the first."""
    plain: dict[str, str] = {}
    for name in columns:
        plain.setdefault(re.sub(r"[\s-]+", "_", name.strip().lower()), name)
    return plain


def _without(columns: Sequence[str], taken: Sequence[str | None]) -> list[str]:
    return [name for name in columns if name not in taken]
