"""Attention for some queries at a time is plain attention, gradients too: in rows, in trees, under dropout."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention as kernel

from foretext.model.kernels import attention
from foretext.model.kernels.attention import QUERIES_AT_ONCE, WRITTEN_OUT_LENGTH, attend, plain_attention

LENGTHS = [1, 7, QUERIES_AT_ONCE, QUERIES_AT_ONCE + 1, WRITTEN_OUT_LENGTH, WRITTEN_OUT_LENGTH + 3]
ROUNDING = 1e-13  # sums of up to 259 terms of size 1


def mixed_and_gradients(way, length: int) -> tuple[Tensor, Tensor]:
    """Of made-up queries, keys and values: 2 rows, 4 heads of width 8."""
    drawn = torch.randn(3, 2, 4, length, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    parts = drawn.requires_grad_()
    torch.manual_seed(7)
    mixed = way(*parts)
    mixed.square().sum().backward()
    return mixed.detach(), parts.grad


def test_plain_attention_is_a_mean_of_what_is_seen_where_all_scores_are_equal():
    values = torch.tensor([1.0, 3.0, 5.0]).view(1, 1, 3, 1)
    assert plain_attention(torch.zeros_like(values), values, values, 0.0).flatten().tolist() == [1, 2, 3]


@pytest.mark.parametrize("length", LENGTHS)
def test_attention_is_plain_attention_and_torchs(length):
    found = mixed_and_gradients(partial(attend, probability=0.0), length)
    for other in (partial(plain_attention, probability=0.0), partial(kernel, is_causal=True)):
        torch.testing.assert_close(found, mixed_and_gradients(other, length), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("length", LENGTHS)
def test_rows_read_both_ways_are_seen_whole_by_each_place(length):
    """As torch has it without a mask, and with one that hides what stands behind a shorter row."""
    whole = partial(attend, probability=0.0, both_ways=True)
    found = mixed_and_gradients(whole, length)
    for other in (partial(plain_attention, probability=0.0, both_ways=True), kernel):
        torch.testing.assert_close(found, mixed_and_gradients(other, length), rtol=0, atol=ROUNDING)
    real = torch.arange(length) < torch.tensor([length, (length + 1) // 2])[:, None, None]
    found = mixed_and_gradients(partial(whole, visible=real), length)
    theirs = partial(kernel, attn_mask=real[:, None])
    for other in (partial(plain_attention, probability=0.0, visible=real, both_ways=True), theirs):
        torch.testing.assert_close(found, mixed_and_gradients(other, length), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_head_of_keys_serves_neighbouring_heads_of_queries_as_torch_has_it(length):
    query = torch.randn(2, 4, length, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    key, value = torch.randn(2, 2, 2, length, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    theirs = kernel(query, key, value, is_causal=True, enable_gqa=True)
    for way in (attend, plain_attention):
        torch.testing.assert_close(way(query, key, value, 0.0), theirs, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("length", LENGTHS)
def test_in_trees_each_place_sees_what_it_is_told(length):
    """The first row is a stem and two branches of it, the second is seen up to each place."""
    visible = torch.ones(2, length, length, dtype=torch.bool).tril()
    stem, second = length // 3, 2 * length // 3
    visible[0, second:, stem:second] = False
    found = mixed_and_gradients(partial(attend, probability=0.0, visible=visible), length)
    plain = mixed_and_gradients(partial(plain_attention, probability=0.0, visible=visible), length)
    torch.testing.assert_close(found, plain, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("both_ways", [False, True], ids=["causal", "both"])
@pytest.mark.parametrize("length", [7, QUERIES_AT_ONCE])
def test_under_dropout_with_the_same_random_numbers_it_is_plain_attention(length, both_ways):
    found = mixed_and_gradients(partial(attend, probability=0.3, both_ways=both_ways), length)
    plain = mixed_and_gradients(partial(plain_attention, probability=0.3, both_ways=both_ways), length)
    torch.testing.assert_close(found, plain, rtol=0, atol=ROUNDING)
    without = mixed_and_gradients(partial(attend, probability=0.0, both_ways=both_ways), length)
    assert not torch.allclose(found[0], without[0])


@pytest.mark.parametrize("both_ways", [False, True], ids=["causal", "both"])
@pytest.mark.parametrize("length", LENGTHS)
def test_under_dropout_that_takes_the_same_keys_from_all_it_is_plain_attention(monkeypatch, length, both_ways):
    """Parts draw their masks one after the other, so here a mask stands in that does not depend on parts."""
    keys = torch.rand(length, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) > 0.3
    monkeypatch.setattr(attention, "dropout", lambda weights, *_, **__: weights * keys[: weights.shape[-1]])
    found = mixed_and_gradients(partial(attend, probability=0.3, both_ways=both_ways), length)
    plain = mixed_and_gradients(partial(plain_attention, probability=0.3, both_ways=both_ways), length)
    torch.testing.assert_close(found, plain, rtol=0, atol=ROUNDING)
