"""Rows in groups of like lengths give what rows in one grid give, and the groups are the cheapest."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foretext.batch import NO_BLANK, pack
from foretext.model import sequences as module
from foretext.model import tree
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences, _alike
from foretext.model.settings import ModelSettings

LENGTHS = [2, 9, 3, 9, 1, 30, 3, 10]
ROUNDING = {"rtol": 1e-11, "atol": 1e-12}  # sums in another order, of numbers of up to a hundred
SIZES = {"vocabulary": 50, "context": 64, "layers": 2, "width": 16, "heads": 4}
FORMS = {
    "paper": {},
    "shared keys": {"key_heads": 2, "positions": "rotary", "norm_at": "before", "shifted_key_heads": 1},
    "lstm": {"backbone": "lstm", "lstm_units": 8},
}


def batch_of(lengths):
    return pack([[[(7 * length + place * place) % 50 for place in range(length)]] for length in lengths])


def states_and_gradients(model, sequences):
    model.zero_grad()
    states = model(sequences).states
    states.square().sum().backward()
    return states.detach(), [parameter.grad for parameter in model.parameters()]


def in_groups_and_in_one(model, batch, **options):
    many, one = Sequences.of(batch, **options), Sequences.of(batch, one_grid=True, **options)
    assert len(many.groups) > len(one.groups)
    return states_and_gradients(model, many), states_and_gradients(model, one)


@pytest.fixture(autouse=True)
def cheap_groups(monkeypatch):
    monkeypatch.setattr(module, "SCORES_A_GROUP", 20)


@pytest.mark.parametrize(("form", "attend"), [*product(FORMS, ["causal"]), ("paper", "both"), ("shared keys", "both")])
def test_states_and_gradients_are_those_of_one_grid(form, attend):
    model = GPT(ModelSettings(**SIZES, **FORMS[form]), seed=1).double().eval()
    torch.testing.assert_close(*in_groups_and_in_one(model, batch_of(LENGTHS), attend=attend), **ROUNDING)


def test_the_same_where_some_rows_have_blanks():
    batch = batch_of(LENGTHS)
    blanks = np.full(len(batch.tokens), NO_BLANK)
    last = int(batch.lengths[-4:].sum())
    blanks[-last:] = np.where(np.arange(last) % 3 == 0, 5, NO_BLANK)  # some of each of the last four sequences
    batch = type(batch)(batch.tokens, batch.lengths, batch.examples, blanks=blanks)
    model = GPT(ModelSettings(**SIZES), seed=1).double().eval()
    torch.testing.assert_close(*in_groups_and_in_one(model, batch), **ROUNDING)
    assert {group.both_ways for group in Sequences.of(batch).groups} == {True, False}


def test_the_same_in_trees(monkeypatch):
    for name in ("LEAST_SHARE", "LEAST_SAVED", "SCORES_A_TOKEN"):
        monkeypatch.setattr(tree, name, 1_000_000)
    stem = list(range(20))
    batch = pack([[[*stem, 1], [*stem, 2, 3, 4]], [[5, 6]], [[7, 8, 9], [7, 8, 1, 2]], [[4]]])
    model = GPT(ModelSettings(**SIZES), seed=1).double().eval()
    both = in_groups_and_in_one(model, batch, share_prefixes="in_batches")
    torch.testing.assert_close(*both, **ROUNDING)
    seen = [group.visible is not None for group in Sequences.of(batch, share_prefixes="in_batches").groups]
    assert set(seen) == {True, False}  # rows without branches need no mask


def test_rows_of_one_length_stand_in_their_grid_as_they_come():
    sequences = Sequences.of(batch_of([4, 4, 4]))
    assert sequences.in_place
    values = torch.arange(12)
    (grid,) = sequences.spread(values)
    assert grid.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert not Sequences.of(batch_of([4, 30, 4, 30])).in_place


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_gathering_is_the_inverse_of_spreading(lengths):
    sequences = Sequences.of(batch_of(lengths))
    values = torch.randn(len(sequences.tokens), 3)
    assert torch.equal(sequences.gather(sequences.spread(values)), values)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8))
def test_no_other_cut_of_the_order_by_length_costs_less(lengths):
    def cost(groups):
        place, group = module.SCORES_A_PLACE, module.SCORES_A_GROUP
        return sum(len(rows) * max(rows) * (max(rows) + place) + group for rows in groups)

    found = [[lengths[row] for row in rows] for rows in _alike(np.arange(len(lengths)), np.array(lengths))]
    assert sorted(length for rows in found for length in rows) == sorted(lengths)
    ordered = sorted(lengths)
    ways = []
    for cuts in range(1 << len(lengths) - 1):
        ends = [0, *(place + 1 for place in range(len(lengths) - 1) if cuts >> place & 1), len(lengths)]
        ways.append(cost([ordered[first:last] for first, last in pairwise(ends)]))
    assert cost(found) == min(ways)
