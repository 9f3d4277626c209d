"""Names of columns that are in common use, and which of a file's columns they say hold texts, answers and label.

Names are compared in lower case, with "_" for blanks and hyphens; of several that are there the first is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

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
WORDS = ("tokens", "words")
DOCUMENTS = ("document", "article", "passage", "context", "story", "paragraph", "premise", "text", "sentence", "ctx")
QUESTIONS = ("question", "question_stem", "stem", "query", "prompt")
ANSWERS = ("answers", "choices", "options", "endings", "alternatives", "candidates")
LABELS = ("label", "gold", "gold_label", "labels", "class", "category", "target", "answer_key", "answerkey", "score")
SCORE_LABELS = ("score", "similarity", "rating", "similarity_score", "relatedness_score", "value", "stars", *LABELS)
CLASS_LABELS = (*LABELS, "sentiment", "topic", "intent", "is_duplicate", "judgment", "rating", "answer", "y")
ANSWER_LABELS = (*LABELS[:3], "answer", "answer_key", "answerkey", "correct", "correct_answer", "right", *LABELS[3:])

_NUMBERED = re.compile(r"(answer|choice|option|ending|alternative|alt|candidate|sol|a)_?([0-9]+|[a-z])")

PlainNames = Mapping[str, str]  # a column's name as it is compared → as it is written


def plain_names(columns: Sequence[str]) -> PlainNames:
    """Columns by their name as it is compared; of two alike the first."""
    plain: dict[str, str] = {}
    for name in columns:
        plain.setdefault(re.sub(r"[\s-]+", "_", name.strip().lower()), name)
    return plain


def first_of(known: Iterable[str], names: PlainNames) -> str | None:
    """The first of the known names that is there."""
    return next((name for name in known if name in names), None)


def is_score_name(plain: str) -> bool:
    """Whether a column of that name, as it is compared, holds numbers on a scale and no classes."""
    return plain in SCORE_LABELS and (plain == "score" or plain not in LABELS)


def a_text(names: PlainNames) -> tuple[str, ...]:
    """The column of a text; the only one there is, whatever its name."""
    only = next(iter(names)) if len(names) == 1 else None
    return (name,) if (name := first_of(TEXTS, names) or only) else ()


def a_text_or_its_words(names: PlainNames) -> tuple[str, ...]:
    """The column of a text, or that of its words."""
    return (name,) if (name := first_of((*TEXTS, *WORDS), names)) else a_text(names)


def a_pair(names: PlainNames) -> tuple[str, ...]:
    """The columns of two texts that belong together."""
    return next((pair for pair in PAIRS if all(name in names for name in pair)), ())


def a_pair_or_a_text(names: PlainNames) -> tuple[str, ...]:
    """Two columns where they are there, else one."""
    return a_pair(names) or a_text(names)


def a_document_and_a_question(names: PlainNames) -> tuple[str, ...]:
    """What answers are read after: a document, a question, or both in this order."""
    return tuple(name for group in (DOCUMENTS, QUESTIONS) if (name := first_of(group, names)))


def some_answers(names: PlainNames) -> tuple[str, ...]:
    """The column with a list of answers, or a column for each, numbered or lettered in a row."""
    if one := first_of(ANSWERS, names):
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
    return ()


def _in_a_row(members: dict[str, str], start: str) -> tuple[str, ...]:
    """The columns numbered `start`, `start` + 1 and so on, as far as they go."""
    found = []
    number = start
    while number in members:
        found.append(members[number])
        number = chr(ord(number) + 1) if number.isalpha() else str(int(number) + 1)
    return tuple(found)
