"""What a task is made of: examples as text, and the same examples as ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple


class Span(NamedTuple):
    """A labelled part of a text: `text[start:end]`, in characters, the end exclusive."""

    start: int
    end: int
    label: str


Label = str | float | tuple[str, ...] | tuple[Span, ...]
Learned = int | float | tuple[float, ...]  # a label as the model learns it
Offsets = Sequence[tuple[int, int]]  # of each token its characters in the text, the end exclusive
AnswerRule = Literal["index0", "index1", "letter", "text"]  # how a label cell names the right answer


def from_json(value: Any) -> Label:
    """A label as JSON has it, in which names and spans have become lists."""
    if not isinstance(value, list):
        return value  # type: ignore[no-any-return]
    if any(isinstance(part, list) for part in value):
        return tuple(Span(*part) for part in value)
    return tuple(value)


@dataclass(frozen=True)
class Example:
    """One labelled (or not yet labelled) row.

    `texts` are the fields in the order the model reads them; `choices` the answers of a multiple choice, else empty.
    `label` is the name of a class, several names, labelled spans of the text, a score, or for multiple choice the index
    of the right answer from 0.
    `where` is the place it was read from, `file:line`, for messages; `id` what the publisher of the data calls it, if
    anything. `weight` is as how many it counts in training.
    """

    texts: tuple[str, ...]
    choices: tuple[str, ...] = ()
    label: Label | None = None
    where: str = ""
    id: str = ""
    weight: float = 1.0

    @property
    def content(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the model sees of it: two examples with equal content are the same question."""
        return self.texts, self.choices


@dataclass(frozen=True)
class Encoded:
    """An example as the model reads it.

    `sequences` holds one list of ids in classification, entailment and regression, two in similarity, one for each
    answer in multiple choice. `label` is the index of the class or of the answer, the score, or a number for each
    class. `cut` is how many tokens of its fields did not fit into the context. `weight` is as how many it counts.

    Where every token is read, `offsets` has for each the characters of the text that it stands for, None for those of
    which no tag is read, and `tags` what is to be learned of it.
    """

    sequences: list[list[int]]
    label: Learned | None = None
    cut: int = 0
    offsets: list[list[tuple[int, int] | None]] | None = None
    tags: list[list[int]] | None = None
    weight: float = 1.0
