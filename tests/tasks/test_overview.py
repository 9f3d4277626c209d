"""What was read is counted right and said."""

from __future__ import annotations

from foretext.tasks.examples import Encoded, Example
from foretext.tasks.labels.answers import AnswerLabels
from foretext.tasks.labels.classes import ClassLabels
from foretext.tasks.labels.scores import ScoreLabels
from foretext.tasks.overview import overview

TRAIN = [
    Example(("a",), label="yes"),
    Example(("a",), label="yes"),
    Example(("b",), label="yes"),
    Example(("b",), label="no"),
    Example((" ",), label="no"),
]
ENCODED = [Encoded([[0] * length], cut=cut) for length, cut in [(3, 0), (3, 0), (5, 2), (5, 4), (2, 0)]]
VALID = [Example(("a",), label="no"), Example(("c",), label="no")]


def test_rows_balance_lengths_and_cuts_are_counted() -> None:
    part = overview(ClassLabels(), TRAIN, ENCODED).train
    assert (part.rows, part.labels) == (5, {"yes": 3, "no": 2})
    assert (part.lengths.minimum, part.lengths.median, part.lengths.maximum) == (2, 3, 5)
    assert (part.cut_rows, part.cut_tokens, part.most_cut) == (2, 6, 4)


def test_scores_are_counted_in_ranges_and_answers_by_place() -> None:
    scores = [Example(("a",), label=value) for value in (0.0, 0.5, 5.0)]
    assert next(iter(overview(ScoreLabels(), scores, ENCODED[:3]).train.labels.items())) == ("0 to 1", 2)
    answers = [Example(("a",), ("x", "y"), label) for label in (1, 0, 1)]
    assert overview(AnswerLabels(), answers, ENCODED[:3]).train.labels == {"answer 1": 1, "answer 2": 2}


def test_the_overview_says_what_it_found() -> None:
    assert overview(ClassLabels(), TRAIN, ENCODED, VALID, ENCODED[:2]).lines() == [
        "training: 5 rows",
        "  labels: yes 3 (60%), no 2 (40%)",
        "  tokens in a sequence: 2 at least, 3 in the middle, 95 % up to 5, 5 at most",
        "  too long for the context: 2 rows (40.0%) cut by 3 tokens on average, 4 at most",
        "validation: 2 rows",
        "  labels: no 2 (100%)",
        "  tokens in a sequence: 3 at least, 3 in the middle, 95 % up to 3, 3 at most",
        "  none was cut",
    ]
