"""Labels that are spans: names for parts of the text, each token tagged with B- where one begins and I- inside it.

text     Ada Lovelace met Bo.         spans   (0, 12, person), (17, 19, person)
tokens   ada  love  lace  met  bo  .
tags     B    I     I     O    B   O          of person; O is outside of all
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from foretext.errors import DataError
from foretext.tasks.examples import Encoded, Example, Label, Learned, Offsets, Span
from foretext.tasks.files.cells import as_score, class_name, is_missing, type_in_words
from foretext.tasks.files.json_value import json_value
from foretext.tasks.labels.classes import natural_order, places_of, share_of_equal
from foretext.tasks.labels.form import Cell, ClassCounts, LabelOptions, Output, Outputs, Remembered
from foretext.tasks.metrics import Metric, Numbers
from foretext.tasks.predictions import Predictions

OUTSIDE = 0  # the tag of a token in no span; class k begins with tag 1 + 2k and goes on with 2 + 2k


@dataclass(frozen=True)
class SpanLabels:
    """Any number of spans that do not overlap, each with one of the classes."""

    name: ClassVar[str] = "span"
    takes: ClassVar[tuple[str, ...]] = ()
    classes: tuple[str, ...] = ()

    @property
    def noun(self) -> str:
        return "spans"

    @classmethod
    def fits(cls, cells: Sequence[Cell], options: LabelOptions) -> bool:
        return True

    @classmethod
    def found(cls, cells: Sequence[Cell], options: LabelOptions) -> SpanLabels:
        return cls()

    @classmethod
    def remembered_by(cls, schema: Remembered) -> bool:
        return bool(schema.classes)

    @classmethod
    def of(cls, schema: Remembered) -> SpanLabels:
        return cls(schema.classes)

    @classmethod
    def holds(cls, label: Label) -> bool:
        return isinstance(label, tuple) and all(isinstance(part, Span) for part in label)

    def remembered(self) -> dict[str, Any]:
        return {"classes": self.classes}

    def learned(self, labels: Sequence[Label], options: LabelOptions, source: str) -> SpanLabels:
        classes = natural_order(span.label for label in labels for span in _spans(label))
        if not classes:
            raise DataError(f"{source}: no text has a labelled span; there is nothing to learn")
        return replace(self, classes=classes)

    def lines(self) -> list[str]:
        return [f"spans of: {', '.join(self.classes)}"]

    def label(self, cell: Any, example: Example) -> Label:
        """The spans of a cell: objects with start, end and label, or BIO tags, one for each word of the text."""
        if cell is None or (is_missing(cell) and not isinstance(cell, str)):
            raise ValueError("the spans are missing; a text without any has an empty list")
        parts = _listed(cell)
        if parts and all(isinstance(part, str) for part in parts):
            found = spans_of_tags(example.texts[0], parts)
        else:
            found = [_span(part) for part in parts]
        return self._checked(sorted(found), example.texts[0])

    def _checked(self, spans: list[Span], text: str) -> tuple[Span, ...]:
        for span in spans:
            if not 0 <= span.start < span.end:
                raise ValueError(f"the span {_shown(span)} is empty or ends before it starts")
            if span.end > len(text):
                raise ValueError(f"the span {_shown(span)} ends beyond the text, which has {len(text)} characters")
            if self.classes and span.label not in self.classes:
                raise ValueError(f"the label {span.label!r} is none of the classes {', '.join(self.classes)}")
        for one, other in pairwise(spans):
            if other.start < one.end:
                raise ValueError(f"the spans {_shown(one)} and {_shown(other)} overlap")
        return tuple(spans)

    def target(self, label: Label) -> Learned | None:
        """None: what is learned is the tags of tokens."""
        places_of([span.label for span in _spans(label)], self.classes)
        return None

    def tags(self, label: Label, offsets: Offsets, text: str) -> list[int]:
        """The tag of each token, whose characters in `text` are `offsets`.

        Raises:
            ValueError: a span begins or ends inside a token, or where there is none.
        """
        for span in _spans(label):
            touched = [(start, end) for start, end in offsets if start < span.end and span.start < end]
            edges = (min(start for start, _ in touched), max(end for _, end in touched)) if touched else None
            if edges != (span.start, span.end):
                raise ValueError(
                    f"the span {_shown(span)}, {text[span.start : span.end]!r}, does not begin and end with tokens; "
                    f"those it touches: {', '.join(repr(text[start:end]) for start, end in touched) or 'none'}"
                )
        return self.tags_of_overlap(label, offsets)

    def tags_of_overlap(self, label: Label, offsets: Offsets) -> list[int]:
        """The same for tokens, or words, whose edges need not be those of spans: those that share a character."""
        spans, tags = _spans(label), [OUTSIDE] * len(offsets)
        classes = places_of([span.label for span in spans], self.classes)
        for span, place in zip(spans, classes, strict=True):
            inside = [k for k, (start, end) in enumerate(offsets) if start < span.end and span.start < end]
            for k in inside:
                tags[k] = 1 + 2 * place + (k != inside[0])
        return tags

    def output(self, labels: Sequence[Label], scale: str) -> Output:
        return Output("tags", 1 + 2 * len(self.classes))

    def fitted(self, outputs: Sequence[Outputs], labels: Sequence[Label]) -> SpanLabels:
        return self

    def predictions(self, outputs: Sequence[Outputs], encoded: Sequence[Encoded]) -> Predictions:
        """The spans of the most probable tags of each example, of those sequences of tags in which each I- goes on."""
        return Predictions(tuple(self._said(rows, item) for rows, item in zip(outputs, encoded, strict=True)))

    def _said(self, rows: Outputs, encoded: Encoded) -> tuple[Span, ...]:
        assert encoded.offsets is not None, "tags are said of characters"
        offsets = [offset for sequence in encoded.offsets for offset in sequence]
        read = [k for k, offset in enumerate(offsets) if offset is not None]
        places = [offset for offset in offsets if offset is not None]
        return tuple(self.spans(most_probable(rows[read]), places))

    def spans(self, tags: Sequence[int], offsets: Offsets) -> Iterator[Span]:
        """The spans that the tags of tokens say, in the characters of the text."""
        first = None
        for k, tag in enumerate([*tags, OUTSIDE]):
            if first is not None and not _goes_on(tag):
                start, end = offsets[first][0], max(end for _, end in offsets[first:k])
                yield Span(start, end, self.classes[(tags[first] - 1) // 2])
                first = None
            if tag != OUTSIDE and first is None:
                first = k

    def columns(self, label: Label, probabilities: Sequence[float]) -> dict[str, Any]:
        """The spans as a list of objects, as training has them."""
        return {"prediction": [span._asdict() for span in _spans(label)]}

    def numbers(self, labels: Sequence[Label]) -> Numbers:
        """The set of spans of each example, `(examples,)`."""
        sets = np.empty(len(labels), dtype=object)
        sets[:] = [frozenset(_spans(label)) for label in labels]
        return sets

    def counts(self, truth: Numbers, predicted: Numbers) -> ClassCounts:
        def counted(sets: Iterable[frozenset[Span]]) -> npt.NDArray[np.int64]:
            counts = Counter(span.label for spans in sets for span in spans)
            return np.array([counts[name] for name in self.classes])

        return ClassCounts(counted(truth & predicted), counted(predicted), counted(truth))

    @property
    def confusable(self) -> bool:
        return False

    def metrics(self) -> tuple[str, ...]:
        return "entity_f1", "exact_match"

    def chance(self, metric: Metric, truth: Numbers, answers: Sequence[int]) -> float:
        """What a guesser has who finds nothing."""
        nothing = self.numbers([()] * len(truth))
        return float(metric(truth, nothing))

    def words(self, label: Label, example: Example) -> str:
        return ", ".join(f"{example.texts[0][start:end]} ({name})" for start, end, name in _spans(label)) or "none"

    def names(self, label: Label) -> tuple[str, ...]:
        return tuple(dict.fromkeys(span.label for span in _spans(label)))

    def right(self, label: Label, predicted: Label) -> bool | None:
        return label == predicted

    def gravity(self, label: Label, predicted: Label, confidence: float | None) -> float:
        """How many spans are missing or too many."""
        return float(len(set(_spans(label)) ^ set(_spans(predicted))))

    def agreement(self, one: Sequence[Label], other: Sequence[Label]) -> tuple[float | None, float | None]:
        return share_of_equal(one, other), None

    def balance(self, labels: Sequence[Label]) -> dict[str, int]:
        """How many texts have a span of each class, and how many have none at all."""
        counts = Counter(name for label in labels for name in {span.label for span in _spans(label)})
        none = sum(not label for label in labels)
        return {**dict(counts.most_common()), **({"none": none} if none else {})}

    def strata(self, labels: Sequence[Label | None]) -> list[list[int]]:
        """By the rarest class in each text."""
        counts = Counter(span.label for label in labels for span in _spans(label or ()))
        strata: dict[str, list[int]] = defaultdict(list)
        for place, label in enumerate(labels):
            names = [span.label for span in _spans(label or ())]
            strata[min(names, key=lambda name: (counts[name], name), default="")].append(place)
        return list(strata.values())


def spans_of_tags(text: str, tags: Sequence[str]) -> list[Span]:
    """The spans that BIO tags say, one tag for each word of the text, which stand between blanks.

    A tag I- behind another class, or behind O, begins a span as B- does.

    Raises:
        ValueError: there are more or fewer tags than words, or a tag is neither O nor B- or I- with a class.
    """
    words = text.split(" ")
    if len(words) != len(tags):
        raise ValueError(f"{len(tags)} tags for {len(words)} words; give each word one")
    spans: list[Span] = []
    start, goes_on = 0, ""
    for word, tag in zip(words, tags, strict=True):
        form, _, name = tag.partition("-")
        if tag != "O" and (form not in ("B", "I") or not name):
            raise ValueError(f"{tag!r} is no tag: O, or B- or I- with the name of a class")
        end = start + len(word)
        if form == "I" and name == goes_on:
            spans[-1] = spans[-1]._replace(end=end)
        elif tag != "O":
            spans.append(Span(start, end, name))
        goes_on, start = name, end + 1
    return spans


def most_probable(scores: npt.NDArray[np.float64]) -> list[int]:
    """The most probable sequence of tags in which I- of a class follows B- or I- of it, from `(tokens, tags)`.

    The scores are logarithms of probabilities. Source: Viterbi 1967.
    """
    if not len(scores):
        return []
    follows = _may_follow(scores.shape[1])
    best = scores[0] + follows[OUTSIDE]  # what may follow O may begin
    before = []
    for row in scores[1:]:
        ways = best[:, None] + follows
        before.append(ways.argmax(axis=0))
        best = ways.max(axis=0) + row
    tags = [int(best.argmax())]
    for back in reversed(before):
        tags.append(int(back[tags[-1]]))
    return tags[::-1]


def _may_follow(tags: int) -> npt.NDArray[np.float64]:
    """0 where the second of two tags may follow the first, minus infinity for an I- that does not go on."""
    follows = np.zeros((tags, tags))
    for inside in range(2, tags, 2):
        follows[:, inside] = -np.inf
        follows[[inside - 1, inside], inside] = 0.0
    return follows


def _goes_on(tag: int) -> bool:
    return tag > OUTSIDE and tag % 2 == 0


def _spans(label: Label) -> tuple[Span, ...]:
    assert isinstance(label, tuple)
    return tuple(span for span in label if isinstance(span, Span))


def _listed(cell: Any) -> list[Any]:
    """The parts of a cell: a list, JSON text of one, or BIO tags with blanks between."""
    if isinstance(cell, str):
        text = cell.strip()
        if not text.startswith("["):
            return text.split()
        try:
            cell = json_value(text)
        except ValueError:
            raise ValueError(f"{cell[:40]!r} is no list of spans") from None
    if isinstance(cell, np.ndarray):
        cell = cell.tolist()
    if not isinstance(cell, list | tuple):
        raise ValueError(f"the spans are {type_in_words(cell)}, not a list")
    return list(cell)


def _span(part: Any) -> Span:
    """A span from an object with start, end and label, or from these three in a row."""
    if isinstance(part, Mapping):
        missing = [name for name in Span._fields if name not in part]
        if missing:
            raise ValueError(f"a span has no {missing[0]!r}; it has start, end and label")
        part = [part[name] for name in Span._fields]
    if not isinstance(part, list | tuple) or len(part) != len(Span._fields):
        raise ValueError(f"{part!r} is no span: an object with start, end and label")
    start, end, name = as_score(part[0]), as_score(part[1]), class_name(part[2])
    if start is None or end is None or not start.is_integer() or not end.is_integer():
        raise ValueError(f"a span goes from {part[0]!r} to {part[1]!r}; these are no whole numbers of characters")
    if not name:
        raise ValueError("the label of a span is empty" if name == "" else f"a label is {type_in_words(part[2])}")
    return Span(int(start), int(end), name)


def _shown(span: Span) -> str:
    return f"{span.start} to {span.end} ({span.label})"
