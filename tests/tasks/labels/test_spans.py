"""Spans: how they are read, which tokens they tag, and that what is said of a text is said in its own characters."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretext.batch import UNTAGGED
from foretext.errors import DataError
from foretext.tasks.encode import encode
from foretext.tasks.examples import Encoded, Example, Span
from foretext.tasks.labels.form import LabelOptions
from foretext.tasks.labels.spans import SpanLabels, most_probable, spans_of_tags
from foretext.tasks.metrics import entity_f1
from foretext.tasks.schema import TaskSchema
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.gguf_tokens import PRE

TEXT = "Ada Lovelace met Bo."
SPANS = (Span(0, 12, "person"), Span(17, 19, "person"))
PEOPLE = SpanLabels(("person", "place"))
SCHEMA = TaskSchema(kind="tagging", text=("text",), label="spans", classes=("person", "place"))


def learned(texts: list[str], mode: str) -> Tokenizer:
    """A tokenizer of this mode; an imported one has the pieces of bytes, and normalises as Qwen's does."""
    if mode == "imported":
        return Tokenizer(replace(learned(texts, "bytes").vocabulary, mode=mode, rules=PRE["qwen2"]))
    return Tokenizer.learn_from_texts(texts, 300 if mode == "bytes" else 60, mode=mode)


@pytest.fixture(scope="module", params=["paper", "hf", "bytes", "imported"])
def any_tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return learned([f"{TEXT} {TEXT} so they met again and again."] * 3, request.param)


@pytest.mark.parametrize(
    "cell",
    [
        [{"start": 17, "end": 19, "label": "person"}, {"start": 0, "end": 12, "label": "person"}],
        json.dumps([{"start": 0, "end": 12, "label": "person"}, {"start": 17, "end": 19, "label": "person"}]),
        [[0, 12, "person"], (17, 19, "person")],
        np.array([{"start": 0, "end": 12, "label": "person"}, {"start": 17, "end": 19, "label": "person"}]),
    ],
)
def test_spans_are_read_from_lists_and_from_json_in_the_order_of_the_text(cell: Any) -> None:
    assert PEOPLE.label(cell, Example((TEXT,))) == SPANS


@pytest.mark.parametrize("cell", [["B-person", "I-person", "O", "B-person"], "B-person I-person O B-person"])
def test_bio_tags_are_read_one_for_each_word(cell: Any) -> None:
    spans = PEOPLE.label(cell, Example(("Ada Lovelace met Bo",)))
    assert spans == SPANS


def test_an_inside_tag_that_does_not_go_on_begins_a_span() -> None:
    assert spans_of_tags("a b c d", ["I-x", "I-y", "O", "I-y"]) == [Span(0, 1, "x"), Span(2, 3, "y"), Span(6, 7, "y")]
    assert spans_of_tags("a b", ["B-x", "B-x"]) == [Span(0, 1, "x"), Span(2, 3, "x")]


def test_no_span_is_a_label_and_null_is_none() -> None:
    assert PEOPLE.label([], Example((TEXT,))) == ()
    assert PEOPLE.label("", Example((TEXT,))) == ()
    with pytest.raises(ValueError, match="the spans are missing; a text without any has an empty list"):
        PEOPLE.label(None, Example((TEXT,)))


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ([[3, 3, "person"]], r"the span 3 to 3 \(person\) is empty"),
        ([[5, 3, "person"]], "is empty or ends before it starts"),
        ([[-1, 3, "person"]], "is empty or ends before it starts"),
        ([[17, 99, "person"]], "ends beyond the text, which has 20 characters"),
        ([[0, 12, "person"], [4, 12, "place"]], r"the spans 0 to 12 \(person\) and 4 to 12 \(place\) overlap"),
        ([[0, 3, "dog"]], "the label 'dog' is none of the classes person, place"),
        ([[0.5, 3, "person"]], "no whole numbers of characters"),
        ([{"start": 0, "label": "person"}], "a span has no 'end'"),
        ([3], "3 is no span: an object with start, end and label"),
        ("[0, 3", "is no list of spans"),
        ("[" * 200_000, "is no list of spans"),
        (["B-person"], "1 tags for 4 words"),
        (["B-person", "inside", "O", "O"], "'inside' is no tag"),
    ],
)
def test_what_is_no_span_of_the_text_is_refused(cell: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        PEOPLE.label(cell, Example((TEXT,)))


def test_tokens_are_tagged_where_a_span_begins_and_inside_it() -> None:
    offsets = [(0, 3), (4, 8), (8, 12), (13, 16), (17, 19), (19, 20)]
    assert PEOPLE.tags(SPANS, offsets, TEXT) == [1, 2, 2, 0, 1, 0]
    assert tuple(PEOPLE.spans([1, 2, 2, 0, 1, 0], offsets)) == SPANS


def test_spans_count_code_points_and_an_emoji_is_one() -> None:
    """Where a program counts units of UTF-16, an emoji is two and everything behind it is one off."""
    text = "🎉 Ada met Bo"
    label = PEOPLE.label([[2, 5, "person"], [10, 12, "person"]], Example((text,)))
    assert PEOPLE.words(label, Example((text,))) == "Ada (person), Bo (person)"
    (encoded,) = encode([Example((text,), label=label)], SCHEMA, MODES["paper"], 64)
    assert encoded.tags is not None
    rows = np.eye(5)[np.maximum(encoded.tags[0], 0)]
    assert PEOPLE.predictions([rows], [encoded]).labels == (label,)


def test_neighbouring_spans_stay_apart() -> None:
    offsets = [(0, 1), (2, 3), (4, 5)]
    spans = (Span(0, 1, "person"), Span(2, 3, "person"), Span(4, 5, "place"))
    assert tuple(PEOPLE.spans(PEOPLE.tags(spans, offsets, "a b c"), offsets)) == spans


def test_spans_off_the_edges_of_tokens_are_all_named_before_anything_trains(any_tokenizer: Tokenizer) -> None:
    shifted = tuple(Span(start + 1, end + 1, name) for start, end, name in SPANS)
    examples = [Example((TEXT,), label=shifted, where=f"a.jsonl:{line}") for line in (1, 2)]
    if any_tokenizer.mode in ("bytes", "imported"):  # a character may be a token there, so that no edge is wrong
        examples = [Example(("é" + TEXT[1:],), label=(Span(0, 1, "person"),), where=f"a.jsonl:{k}") for k in (1, 2)]
        assert encode(examples, SCHEMA, any_tokenizer, 64)
        return
    with pytest.raises(DataError, match=r"(?s)2 problems.*a.jsonl:1: the span 1 to 13 .*does not begin and end.*:2: "):
        encode(examples, SCHEMA, any_tokenizer, 64)


ODD = ["İstanbul", "ﬁsh", "Straße", "e\u0301cole", "cafÃ©", "🎉", "don't", "a\r\nb", "…", "Bo", "x", "µ", "\u00a0"]


@given(st.lists(st.sampled_from(ODD), min_size=1, max_size=8), st.data())
def test_what_is_said_is_what_was_marked_in_the_characters_of_the_text(words: list[str], data: Any) -> None:
    """For every mode: spans from edge to edge of tokens come back from their tags, letter for letter."""
    text = " ".join(words)
    for tokenizer in MODES.values():
        (whole,) = encode([Example((text,))], SCHEMA, tokenizer, 512)
        assert whole.offsets is not None
        offsets = [offset for offset in whole.offsets[0] if offset is not None]
        if not offsets:
            continue
        first = data.draw(st.sampled_from(sorted({start for start, _ in offsets})))
        last = data.draw(st.sampled_from([end for start, end in offsets if end > first]))
        if any(start < first < end or start < last < end for start, end in offsets):
            continue  # inside a token
        label = (Span(first, last, "person"),)
        (encoded,) = encode([Example((text,), label=label)], SCHEMA, tokenizer, 512)
        assert encoded.tags is not None
        rows = np.full((len(encoded.tags[0]), 5), -5.0)
        rows[np.arange(len(rows)), np.maximum(encoded.tags[0], 0)] = 0.0
        (said,) = PEOPLE.predictions([rows], [encoded]).labels
        assert said == label
        assert text[said[0].start : said[0].end] == text[first:last]


MODES = {mode: learned([" ".join(ODD)] * 3 + [TEXT], mode) for mode in ("paper", "hf", "bytes", "imported")}


def test_special_tokens_have_no_tag_and_no_characters(any_tokenizer: Tokenizer) -> None:
    (encoded,) = encode([Example((TEXT,), label=SPANS)], SCHEMA, any_tokenizer, 64)
    assert encoded.label is None
    assert encoded.tags is not None
    assert encoded.offsets is not None
    assert (encoded.tags[0][0], encoded.tags[0][-1]) == (UNTAGGED, UNTAGGED)
    assert (encoded.offsets[0][0], encoded.offsets[0][-1]) == (None, None)
    assert len(encoded.tags[0]) == len(encoded.sequences[0]) == len(encoded.offsets[0])


def test_a_text_that_keeps_its_end_keeps_the_characters_of_its_tokens() -> None:
    ends = SCHEMA.model_copy(update={"cutting": "end"})
    tokenizer, text = MODES["paper"], "a b c Ada"
    (whole,) = encode([Example((text,))], ends, tokenizer, 64)
    (encoded,) = encode([Example((text,), label=(Span(6, 9, "person"),))], ends, tokenizer, 4)
    assert encoded.sequences == [[tokenizer.start, *whole.sequences[0][-3:-1], tokenizer.extract]]
    assert whole.offsets is not None
    assert encoded.offsets == [[None, *whole.offsets[0][-3:-1], None]]
    assert encoded.cut == len(whole.sequences[0]) - 4


def test_of_a_text_that_is_read_twice_the_second_reading_is_tagged(any_tokenizer: Tokenizer) -> None:
    twice = SCHEMA.model_copy(update={"read_twice": True})
    (once,) = encode([Example((TEXT,), label=SPANS)], SCHEMA, any_tokenizer, 64)
    (encoded,) = encode([Example((TEXT,), label=SPANS)], twice, any_tokenizer, 64)
    assert once.tags is not None
    assert encoded.tags is not None
    tokens = len(once.sequences[0]) - 2
    assert encoded.tags[0] == [UNTAGGED] * (tokens + 2) + once.tags[0][1:]
    assert encoded.sequences[0][1 : tokens + 1] == encoded.sequences[0][tokens + 2 : -1] == once.sequences[0][1:-1]


def test_a_text_that_is_cut_keeps_the_tags_of_what_is_left(any_tokenizer: Tokenizer) -> None:
    (encoded,) = encode([Example((TEXT,), label=SPANS)], SCHEMA, any_tokenizer, 6)
    (whole,) = encode([Example((TEXT,), label=SPANS)], SCHEMA, any_tokenizer, 64)
    assert encoded.tags is not None
    assert whole.tags is not None
    assert encoded.cut == len(whole.sequences[0]) - 6
    assert encoded.tags[0] == [*whole.tags[0][:5], UNTAGGED]


def test_an_inside_tag_never_follows_another_class_however_probable() -> None:
    scores = np.log(np.array([[0.1, 0.2, 0.6, 0.05, 0.05], [0.05, 0.05, 0.05, 0.05, 0.8]]))
    assert most_probable(scores) in ([1, 2], [3, 4])  # not [2, 4], the best of each alone
    assert most_probable(scores) == [3, 4]
    assert most_probable(np.zeros((0, 5))) == []


@given(st.integers(0, 500))
def test_the_tags_that_are_said_are_the_most_probable_of_those_that_are_allowed(seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(4, 5))
    ways = np.array(np.meshgrid(*[range(5)] * 4)).reshape(4, -1).T

    def allowed(tags: Any) -> bool:
        return all(tag % 2 or not tag or (k and tags[k - 1] in (tag - 1, tag)) for k, tag in enumerate(tags))

    best = max((way for way in ways if allowed(way)), key=lambda way: scores[np.arange(4), way].sum())
    assert most_probable(scores) == best.tolist()


def test_a_span_counts_only_with_both_edges_and_its_label() -> None:
    truth = PEOPLE.numbers([SPANS, ()])
    said = PEOPLE.numbers([(Span(0, 12, "person"), Span(17, 20, "person")), (Span(0, 2, "place"),)])
    assert entity_f1(truth, said) == pytest.approx(2 * 1 / (2 + 3))
    hits, claimed, true = PEOPLE.counts(truth, said)
    assert (hits.tolist(), claimed.tolist(), true.tolist()) == ([1, 0], [2, 1], [2, 0])


def test_answers_have_the_form_of_training() -> None:
    assert PEOPLE.columns(SPANS[:1], ()) == {"prediction": [{"start": 0, "end": 12, "label": "person"}]}
    assert PEOPLE.words(SPANS, Example((TEXT,))) == "Ada Lovelace (person), Bo (person)"


def test_texts_without_any_span_are_nothing_to_learn() -> None:
    with pytest.raises(DataError, match="no text has a labelled span"):
        SpanLabels().learned([(), ()], LabelOptions(), "a.jsonl")


def test_tags_are_said_of_the_tokens_that_are_read_alone() -> None:
    encoded = Encoded([[9, 1, 2, 8]], offsets=[[None, (0, 1), (2, 3), None]])
    rows = np.array([[0.0, 9, 0, 0, 0], [0, 5, 0, 0, 0], [5, 0, 0, 0, 0], [0, 9, 0, 0, 0]])
    assert PEOPLE.predictions([rows], [encoded]).labels == ((Span(0, 1, "person"),),)
