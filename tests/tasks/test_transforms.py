"""Figure 1 of the paper, by worked examples and by laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretext.tasks.catalogue import find_task
from foretext.tasks.cutting import cut, limits
from foretext.tasks.kinds import KINDS, TaskKind
from foretext.tasks.labelled import LabelledDataSettings
from foretext.tasks.schema import TaskSchema
from foretext.tasks.transforms import in_both_orders, in_one_sequence, one_sequence_an_answer


class Marks:
    start, delimiter, extract = 100, 101, 102


S, D, E = Marks.start, Marks.delimiter, Marks.extract
MARKS = Marks()
field = st.lists(st.integers(0, 99), max_size=12)
kind_and_fields = st.sampled_from(list(KINDS.values())).flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        st.lists(field, min_size=kind.fewest, max_size=kind.most or 3),
        st.lists(field, min_size=2, max_size=4) if kind.has_answers else st.just([]),
    )
)


def test_a_text_stands_between_start_and_extract() -> None:
    assert in_one_sequence([[7, 8]], [], MARKS) == [[S, 7, 8, E]]


def test_premise_and_hypothesis_stand_around_a_delimiter() -> None:
    assert in_one_sequence([[7, 8], [9]], [], MARKS) == [[S, 7, 8, D, 9, E]]


def test_a_similar_pair_is_read_in_both_orders() -> None:
    assert in_both_orders([[7, 8], [9]], [], MARKS) == [[S, 7, 8, D, 9, E], [S, 9, D, 7, 8, E]]


def test_each_answer_follows_the_document_and_the_question() -> None:
    assert one_sequence_an_answer([[7, 8], [6]], [[4], [5, 5]], MARKS) == [
        [S, 7, 8, 6, D, 4, E],
        [S, 7, 8, 6, D, 5, 5, E],
    ]


@given(kind_and_fields)
def test_every_sequence_starts_with_start_and_ends_with_the_only_extract(
    case: tuple[TaskKind, list[list[int]], list[list[int]]],
) -> None:
    kind, fields, answers = case
    for ids in kind.transform(fields, answers, MARKS):
        assert (ids[0], ids[-1]) == (S, E)
        assert ids.count(S) == ids.count(E) == 1
        assert ids.count(S) + ids.count(D) + ids.count(E) == kind.special_tokens(len(fields))


def test_a_text_has_two_special_tokens_a_pair_three_and_each_answer_three() -> None:
    assert [KINDS["classification"].special_tokens(texts) for texts in (1, 2, 3)] == [2, 3, 4]
    assert KINDS["similarity"].special_tokens(2) == 3
    assert [KINDS["choice"].special_tokens(texts) for texts in (1, 2)] == [3, 3]


@given(field, field)
def test_the_two_orders_mirror_each_other_when_the_pair_is_swapped(a: list[int], b: list[int]) -> None:
    assert in_both_orders([a, b], [], MARKS) == in_both_orders([b, a], [], MARKS)[::-1]


@given(kind_and_fields, st.integers(7, 40), st.sampled_from(["equal", "fill", "beginning", "end"]))
def test_no_sequence_is_longer_than_the_context_and_every_lost_token_is_counted(
    case: tuple[TaskKind, list[list[int]], list[list[int]]], context: int, rule: str
) -> None:
    kind, fields, answers = case
    kept, kept_answers, lost = cut(
        fields, answers, context=context, special_tokens=kind.special_tokens(len(fields)), rule=rule
    )  # type: ignore[arg-type]
    assert max(map(len, kind.transform(kept, kept_answers, MARKS))) <= context
    before = sum(map(len, [*fields, *answers]))
    assert before - sum(map(len, [*kept, *kept_answers])) == lost
    for place, (short, long) in enumerate(zip([*kept, *kept_answers], [*fields, *answers], strict=True)):
        from_end = rule == "end" and place == 0
        assert list(short) == (long[len(long) - len(short) :] if from_end else long[: len(short)])


@given(st.lists(st.integers(0, 30), min_size=1, max_size=4), st.integers(4, 60))
def test_filling_cuts_nothing_while_there_is_room_and_wastes_none(lengths: list[int], room: int) -> None:
    kept = limits(lengths, room, "fill")
    assert sum(kept) == min(sum(lengths), room)
    assert all(keep <= length for keep, length in zip(kept, lengths, strict=True))


def test_point_13_equal_shares_are_those_of_the_released_code_at_context_512() -> None:
    assert limits([400, 400], 512 - 3, "equal") == [512 // 2 - 2] * 2


def test_the_document_gives_way_to_the_question_and_the_answers_which_stay_whole() -> None:
    document, question, answers = list(range(600)), [1] * 20, [[2] * 12, [3] * 8]
    for rule, wanted in {"beginning": document[:477], "end": document[123:]}.items():
        kept, kept_answers, lost = cut([document, question], answers, context=512, special_tokens=3, rule=rule)  # type: ignore[arg-type]
        assert (kept, kept_answers, lost) == ([wanted, question], answers, 123)
    shares = cut([document, question], answers, context=512, special_tokens=3, rule="equal")[0]
    assert len(shares[0]) == 509 // 3


def test_the_question_and_the_answers_are_cut_only_where_they_leave_no_token_for_the_document() -> None:
    assert limits([600, 500, 8], 509, "beginning") == [1, 500, 8]
    assert limits([600, 500, 9], 509, "beginning") == [1, 499, 9]
    assert limits([3, 20, 9], 509, "beginning") == [3, 20, 9]


def test_a_document_that_is_read_twice_gives_way_in_both_places() -> None:
    document, question = list(range(40)), [1] * 4
    kept, _, lost = cut([document, question] * 2, [[2] * 2], context=35, special_tokens=5, rule="end", times_read=2)
    assert kept == [document[-10:], question] * 2
    assert lost == 60


@pytest.mark.parametrize(
    ("task", "rule"), [("RACE", "beginning"), ("COPA", "beginning"), ("StoryCloze", "equal"), ("RTE", "equal")]
)
def test_a_document_a_question_and_answers_are_cut_by_our_rule_and_other_fields_by_the_released_codes(
    task: str, rule: str
) -> None:
    known = find_task(task)
    schema = TaskSchema(kind=known.kind, text=known.text, choices=known.inputs[len(known.text) :])
    assert LabelledDataSettings().as_read(schema).cutting == rule
    assert LabelledDataSettings(cutting="fill").as_read(schema).cutting == "fill"


def test_all_answers_are_cut_to_one_limit_so_that_the_context_before_them_is_the_same() -> None:
    document, answers = list(range(20)), [[1] * 9, [2]]
    kept, kept_answers, lost = cut([document], answers, context=15, special_tokens=3, rule="fill")
    assert [len(ids) for ids in (*kept, *kept_answers)] == [6, 6, 1]
    assert lost == 14 + 3
