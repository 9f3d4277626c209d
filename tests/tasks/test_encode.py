"""Examples become batches: labels, order, epochs, shares of processes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foretext.errors import DataError, SettingsError
from foretext.tasks import encode as encode_module
from foretext.tasks.batching import EpochBatches, length_sorted, packed
from foretext.tasks.encode import encode
from foretext.tasks.examples import Encoded, Example
from foretext.tasks.schema import TaskSchema

PAIR = TaskSchema(kind="entailment", text=("premise", "hypothesis"), classes=("no", "yes"))


def numbered(count: int) -> list[Encoded]:
    return [Encoded([[index]], label=index) for index in range(count)]


def test_a_label_becomes_the_index_of_its_class(tokenizer: Any) -> None:
    encoded = encode([Example(("a b", "c"), label="yes")], PAIR, tokenizer, 16)
    assert encoded == [Encoded([[1000, 0, 1, 1001, 2, 1002]], label=1, cut=0)]


def test_the_weight_of_an_example_goes_into_its_batch(tokenizer: Any) -> None:
    weighted = [Example(("a", "b"), label="no", weight=2.5), Example(("b", "c"), label="yes")]
    weights = packed(encode(weighted, PAIR, tokenizer, 16)).weights
    assert weights is not None
    assert weights.tolist() == [2.5, 1.0]
    assert packed(encode(weighted[1:], PAIR, tokenizer, 16)).weights is None


def test_texts_read_twice_stand_behind_a_delimiter_again(tokenizer: Any) -> None:
    twice = PAIR.model_copy(update={"read_twice": True})
    (encoded,) = encode([Example(("a b", "c"), label="yes")], twice, tokenizer, 16)
    assert encoded.sequences == [[1000, 0, 1, 1001, 2, 1001, 0, 1, 1001, 2, 1002]]


def test_no_delimiter_stands_between_two_readings_before_an_answer(tokenizer: Any) -> None:
    twice = TaskSchema(kind="choice", text=("document", "question"), choices=("answers",), read_twice=True)
    (encoded,) = encode([Example(("a", "b"), ("c", "d"), 0)], twice, tokenizer, 16)
    assert encoded.sequences == [[1000, 0, 1, 0, 1, 1001, answer, 1002] for answer in (2, 3)]


def test_an_example_without_a_label_stays_without(tokenizer: Any) -> None:
    assert encode([Example(("a", "b"))], PAIR, tokenizer, 16)[0].label is None


def test_a_premise_that_stands_before_several_hypotheses_is_tokenised_once(tokenizer: Any) -> None:
    encode([Example(("a b c", hypothesis)) for hypothesis in ("x", "y", "z")], PAIR, tokenizer, 16)
    assert tokenizer.texts_seen == 4


def test_encoding_does_not_depend_on_where_a_chunk_ends(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = [Example((f"a{index}", "b"), label="no") for index in range(7)]
    whole = encode(examples, PAIR, tokenizer, 16)
    monkeypatch.setattr(encode_module, "CHUNK", 3)
    assert encode(examples, PAIR, tokenizer, 16) == whole


def test_a_class_the_schema_does_not_know_is_named(tokenizer: Any) -> None:
    with pytest.raises(DataError, match="label 'maybe' is none of the classes no, yes"):
        encode([Example(("a", "b"), label="maybe")], PAIR, tokenizer, 16)


def test_a_context_without_room_for_a_token_of_each_field_is_refused(tokenizer: Any) -> None:
    with pytest.raises(SettingsError, match="context 4 is too short: 2 fields and their special tokens need 5"):
        encode([Example(("a", "b"))], PAIR, tokenizer, 4)


def test_point_02_an_epoch_sees_every_example_once_but_the_last_partial_batch() -> None:
    batches = EpochBatches(numbered(10), batch=3, seed=5)
    assert batches.updates_per_epoch == 3
    seen = [index for update in range(3) for index in batches.indices(update)]
    assert len(set(seen)) == 9


def test_another_order_shuffles_the_same_epoch_otherwise():
    batches = EpochBatches(numbered(12), batch=4, seed=5)
    epochs = [[index for update in range(3) for index in batches.indices(update, order)] for order in range(3)]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert epochs[0] == [index for update in range(3) for index in batches.indices(update)]


def test_the_last_partial_batch_may_be_spread_so_that_an_epoch_sees_every_example() -> None:
    batches = EpochBatches(numbered(10), batch=4, last_batch="spread")
    assert batches.updates_per_epoch == 3
    seen = [batches.indices(update) for update in range(3)]
    assert sorted(map(len, seen)) == [3, 3, 4]
    assert sorted(index for indices in seen for index in indices) == list(range(10))
    whole = EpochBatches(numbered(12), batch=4, last_batch="spread")
    assert [whole.indices(update) for update in range(5)] == [
        EpochBatches(numbered(12), batch=4).indices(update) for update in range(5)
    ]


def test_each_epoch_has_an_order_of_its_own() -> None:
    batches = EpochBatches(numbered(12), batch=12)
    assert batches.indices(0) != batches.indices(1)
    assert sorted(batches.indices(0)) == sorted(batches.indices(1))


def test_a_batch_is_a_pure_function_of_seed_and_update() -> None:
    first, again = EpochBatches(numbered(50), seed=3), EpochBatches(numbered(50), seed=3)
    first.at(0)
    assert np.array_equal(first.at(7).tokens, again.at(7).tokens)
    assert not np.array_equal(first.at(7).tokens, EpochBatches(numbered(50), seed=4).at(7).tokens)


@pytest.mark.parametrize("world", [1, 2, 3, 5])
def test_the_shares_of_all_processes_are_the_batch_of_one(world: int) -> None:
    batches = EpochBatches(numbered(40), batch=8)
    shares = [batches.at(2, rank, world).tokens for rank in range(world)]
    assert np.array_equal(np.concatenate(shares), batches.at(2).tokens)


def test_fewer_examples_than_a_batch_are_one_smaller_batch() -> None:
    batches = EpochBatches(numbered(5), batch=32)
    assert (batches.updates_per_epoch, batches.examples_per_update) == (1, 5)
    assert sorted(batches.at(9).tokens) == [0, 1, 2, 3, 4]


def test_nothing_to_train_on_is_an_error() -> None:
    with pytest.raises(DataError, match="no examples"):
        EpochBatches([])


def test_batches_by_length_hold_every_example_once_within_the_token_limit() -> None:
    lengths = [3, 9, 1, 4, 4, 20, 2]
    encoded = [Encoded([[index] * length]) for index, length in enumerate(lengths)]
    batches = list(length_sorted(encoded, tokens_per_batch=10))
    assert [indices for indices, _ in batches] == [[5], [1], [3, 4], [0, 6, 2]]
    for indices, batch in batches:
        assert [lengths[index] for index in indices] == batch.lengths.tolist()
        assert batch.labels is None


def test_examples_that_begin_alike_lie_side_by_side_in_a_batch() -> None:
    """A document's questions, of any length, are read together; whatever else is as long stands before or behind."""
    document, other = list(range(10)), list(range(50, 60))
    encoded = [Encoded([ids]) for ids in ([*document, 7], [*other, 7, 7], [*document, 3, 3, 3], [*other, 7], [9] * 12)]
    assert [indices for indices, _ in length_sorted(encoded, tokens_per_batch=24)] == [[2, 0], [3, 1], [4]]


def test_scores_stay_floating_point_numbers_in_a_batch(tokenizer: Any) -> None:
    schema = TaskSchema(kind="regression", text=("text",))
    batch = EpochBatches(encode([Example(("a",), label=2.0)], schema, tokenizer, 8)).at(0)
    assert batch.labels is not None
    assert batch.labels.dtype == np.float64
