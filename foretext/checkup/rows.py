"""The facts of labelled rows, gathered in one pass: of a row some 60 bytes are kept, of a sample the texts.

Texts are known by 64-bit hashes: as they are written, and plainly, without regard to case and blanks. The sample holds
the rows with the smallest hashes, so it does not depend on the order of the rows.
"""

from __future__ import annotations

import hashlib
import heapq
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from foretext.checkup.finding import EXAMPLES, PLACES
from foretext.tasks.examples import Example, Label
from foretext.tasks.labels.form import LabelForm
from foretext.texts.damage import damage_of, has_control
from foretext.texts.showing import shown
from foretext.texts.words import plain

SAMPLE = 20_000  # rows whose texts are kept

Keys = npt.NDArray[np.uint64]
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio


@dataclass(frozen=True)
class Sampled:
    """A row whose texts are kept; `place` is its number from 0, `values` are all its cells, if they are known."""

    place: int
    example: Example
    values: Mapping[str, Any]
    label: str  # in words; nothing where it has none


@dataclass(frozen=True)
class Part:
    """One set of rows: training, validation or test."""

    name: str
    rows: int
    places: Callable[[int], str]  # of a row its place, "train.csv:12"
    written: Keys  # (rows, texts): of each text its hash
    plain: Keys  # (rows, texts): the same without regard to case and blanks
    answers: Keys  # (rows,): of all answers together as they are written, 0 where there are none
    plain_answers: Keys  # (rows,): the same without regard to their order, case and blanks
    meanings: Keys  # (rows,): of what a label says: of the class, the score, the words of the right answer
    labels: npt.NDArray[np.int32]  # of each row its place in `names`; -1: it has none
    names: tuple[Label, ...]
    classes: Mapping[str, Sequence[int]]  # each class that labels name, and the places in `names` of those that do
    one_class: bool  # whether each label is one of the classes
    characters: npt.NDArray[np.int64]
    sample: tuple[Sampled, ...]
    empty: tuple[int, ...]  # rows with a text of nothing but blanks
    damaged: Mapping[int, tuple[str, str]]  # row: what looks damaged, and what it was or ""
    lost: Mapping[int, int]  # row: characters U+FFFD in it
    control: tuple[int, ...]  # rows with control characters

    @cached_property
    def keys(self) -> Keys:
        """(rows,): of what the model sees of a row its hash, as it is written."""
        return _together(self.written, self.answers)

    @cached_property
    def plain_keys(self) -> Keys:
        """(rows,): the same without regard to case, blanks and the order of answers."""
        return _together(self.plain, self.plain_answers)

    @cached_property
    def swapped_keys(self) -> Keys:
        """(rows,): the same with the texts in the other order."""
        return _together(self.plain[:, ::-1], self.plain_answers)

    @property
    def plainly(self) -> str:
        """What `plain_keys` have no regard to."""
        return "case, blanks and the order of answers aside" if self.answers.any() else "case and blanks aside"

    @cached_property
    def is_empty(self) -> npt.NDArray[np.bool_]:
        """(rows,): whether a row has an empty text; such rows repeat nothing."""
        flags = np.zeros(self.rows, dtype=np.bool_)
        flags[list(self.empty)] = True
        return flags

    def with_classes(self, names: Iterable[str]) -> npt.NDArray[np.int64]:
        """The rows whose label names one of these classes."""
        return np.flatnonzero(np.isin(self.labels, [code for name in names for code in self.classes[name]]))

    def at(self, rows: Sequence[int] | npt.NDArray[Any]) -> tuple[str, ...]:
        """The places of the first of these rows."""
        return tuple(self.places(int(row)) for row in rows[:PLACES])

    def examples(self, rows: Sequence[int] | npt.NDArray[Any]) -> tuple[str, ...]:
        """The first of these rows that are in the sample, as they may be shown."""
        found = (self._sampled.get(int(row)) for row in rows[: 100 * EXAMPLES])
        return tuple(told(one) for one in found if one)[:EXAMPLES]

    @cached_property
    def _sampled(self) -> dict[int, Sampled]:
        return {one.place: one for one in self.sample}


@dataclass
class Gatherer:
    """Takes row after row, and makes a `Part` of them."""

    name: str
    form: LabelForm
    columns: Sequence[str]  # names of the columns that are read, texts first and the label last
    most: int = SAMPLE
    rows: int = 0
    _written: array[int] = field(default_factory=lambda: array("Q"))
    _plain: array[int] = field(default_factory=lambda: array("Q"))
    _answers: array[int] = field(default_factory=lambda: array("Q"))
    _plain_answers: array[int] = field(default_factory=lambda: array("Q"))
    _meanings: array[int] = field(default_factory=lambda: array("Q"))
    _labels: array[int] = field(default_factory=lambda: array("i"))
    _characters: array[int] = field(default_factory=lambda: array("q"))
    _codes: dict[Label, int] = field(default_factory=dict)
    _meaning_of: dict[Label, int] = field(default_factory=dict)
    _heap: list[tuple[int, int, Example, Mapping[str, Any]]] = field(default_factory=list)
    _empty: list[int] = field(default_factory=list)
    _damaged: dict[int, tuple[str, str]] = field(default_factory=dict)
    _lost: dict[int, int] = field(default_factory=dict)
    _control: list[int] = field(default_factory=list)

    def add(self, example: Example, values: Mapping[str, Any]) -> None:
        """Takes one row: its example, and all its cells if they are known."""
        first = 0
        for text in example.texts:
            written = key_of(text)
            changed = plain(text)
            simple = written if changed == text else key_of(changed)
            first = (first * 31 + simple) & 0xFFFFFFFFFFFFFFFF
            self._written.append(written)
            self._plain.append(simple)
            self._look_at(text)
        self._take_answers(example.choices)
        self._characters.append(sum(map(len, example.texts)) + sum(map(len, example.choices)))
        label = example.label
        self._labels.append(-1 if label is None else self._codes.setdefault(label, len(self._codes)))
        self._meanings.append(0 if label is None else self._meaning(label, example))
        self._keep(first, example, values)
        self.rows += 1

    def part(self, places: Callable[[int], str]) -> Part:
        """All that was taken."""
        shape = (self.rows, len(self.columns) - 1)
        kept = sorted(self._heap, key=lambda one: (-one[0], one[1]))
        return Part(
            name=self.name,
            rows=self.rows,
            places=places,
            written=np.frombuffer(self._written, dtype=np.uint64).reshape(shape),
            plain=np.frombuffer(self._plain, dtype=np.uint64).reshape(shape),
            answers=np.frombuffer(self._answers, dtype=np.uint64),
            plain_answers=np.frombuffer(self._plain_answers, dtype=np.uint64),
            meanings=np.frombuffer(self._meanings, dtype=np.uint64),
            labels=np.frombuffer(self._labels, dtype=np.int32),
            names=tuple(self._codes),
            classes=self._classes(),
            one_class=self.form.confusable,
            characters=np.frombuffer(self._characters, dtype=np.int64),
            sample=tuple(self._sampled(-place, example, values) for _, place, example, values in kept),
            empty=tuple(dict.fromkeys(self._empty)),
            damaged=self._damaged,
            lost=self._lost,
            control=tuple(dict.fromkeys(self._control)),
        )

    def _take_answers(self, answers: Sequence[str]) -> None:
        if not answers:
            self._answers.append(0)
            self._plain_answers.append(0)
            return
        self._answers.append(key_of("\0".join(answers)))
        self._plain_answers.append(key_of("\0".join(sorted(map(plain, answers)))))
        for answer in answers:
            self._look_at(answer)

    def _meaning(self, label: Label, example: Example) -> int:
        if example.choices:
            return key_of(plain(self.form.words(label, example)))
        found = self._meaning_of.get(label)
        if found is None:
            found = self._meaning_of[label] = key_of(repr(label))
        return found

    def _classes(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for label, code in self._codes.items():
            for name in self.form.names(label):
                found.setdefault(name, []).append(code)
        return found

    def _sampled(self, place: int, example: Example, values: Mapping[str, Any]) -> Sampled:
        label = "" if example.label is None else self.form.words(example.label, example)
        return Sampled(place, example, values, label)

    def _look_at(self, text: str) -> None:
        if not text or text.isspace():
            self._empty.append(self.rows)
        damage = None if text.isascii() else damage_of(text)
        if has_control(damage.repaired if damage else text):
            self._control.append(self.rows)
        if damage is None:
            return
        if damage.lost:
            self._lost[self.rows] = self._lost.get(self.rows, 0) + damage.lost
        if damage.sure or damage.doubtful:
            self._damaged.setdefault(self.rows, (damage.sure or ((damage.doubtful[0], ""),))[0])

    def _keep(self, key: int, example: Example, values: Mapping[str, Any]) -> None:
        """Keeps a row as long as its hash is one of the smallest."""
        entry = (-key, -self.rows, example, values)
        if len(self._heap) < self.most:
            heapq.heappush(self._heap, entry)
        elif self.most and entry[:2] > self._heap[0][:2]:
            heapq.heapreplace(self._heap, entry)


def key_of(text: str) -> int:
    """The 64-bit hash of a text, the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def told(row: Sampled) -> str:
    """A row as a finding shows it: texts, answers, label."""
    texts = " | ".join(shown(text) or "(empty)" for text in row.example.texts)
    answers = (
        " [" + " / ".join(shown(answer, 30) for answer in row.example.choices) + "]" if row.example.choices else ""
    )
    return f"{texts}{answers}" + (f"  →  {name_of(row.label)}" if row.label else "")


def name_of(label: str) -> str:
    """A label as a finding shows it."""
    return shown(label, 40)


def _together(columns: Keys, answers: Keys) -> Keys:
    """One hash of several in a row."""
    result = answers.copy()
    for column in columns.T:
        result = (result * _MIX + column) ^ (result >> np.uint64(29))
    return result
