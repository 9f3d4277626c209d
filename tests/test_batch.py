"""The packed batch: how it is laid out, and that splitting it loses nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from foretext.batch import pack

EXAMPLES = st.lists(
    st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=5), min_size=1, max_size=3), min_size=1, max_size=8
)


def test_sequences_stand_end_to_end_with_their_lengths_and_owners():
    batch = pack([[[7, 8, 9]], [[4, 5], [4, 6, 6]]], labels=[1, 0])
    assert batch.tokens.tolist() == [7, 8, 9, 4, 5, 4, 6, 6]
    assert batch.lengths.tolist() == [3, 2, 3]
    assert batch.examples.tolist() == [0, 1, 1]
    assert (batch.sequence_count, batch.example_count) == (3, 2)


@given(EXAMPLES, st.integers(1, 9))
def test_the_parts_of_a_batch_hold_its_examples_in_order(examples, size):
    whole = pack(examples, labels=list(range(len(examples))))
    parts = whole.split(size)
    assert [part.example_count for part in parts[:-1]] == [size] * (len(parts) - 1)
    assert np.concatenate([part.tokens for part in parts]).tolist() == whole.tokens.tolist()
    assert np.concatenate([part.lengths for part in parts]).tolist() == whole.lengths.tolist()
    assert np.concatenate([part.labels for part in parts]).tolist() == whole.labels.tolist()
    owners = [part.examples + size * number for number, part in enumerate(parts)]
    assert np.concatenate(owners).tolist() == whole.examples.tolist()


def test_tags_stay_with_their_tokens_when_a_batch_is_split():
    batch = pack([[[1, 2, 3]], [[4, 5]], [[6]]], tags=[[[0, 1, 2]], [[3, 4]], [[5]]])
    first, second = batch.split(2)
    assert batch.tags is not None
    assert first.tags is not None
    assert second.tags is not None
    assert (first.tags.tolist(), second.tags.tolist()) == ([0, 1, 2, 3, 4], [5])


def test_weights_stay_with_their_examples_when_a_batch_is_split():
    batch = pack([[[1, 2]], [[3], [4]], [[5]]], weights=[1, 2, 0.5])
    assert [part.weights.tolist() for part in batch.split(2) if part.weights is not None] == [[1, 2], [0.5]]
