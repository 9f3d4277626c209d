"""Dropout from 16 bits an entry follows the law of the plain one, and is the plain one once the mask is given."""

from __future__ import annotations

import math

import pytest
import torch

from foretext.model.kernels.dropout import dropout, plain_dropout, scale, survivors

COUNT = 1 << 20


@pytest.mark.parametrize("way", [lambda values, probability: dropout(values, probability, True), plain_dropout])
def test_either_dropout_keeps_the_expectation_and_drops_the_share_it_was_given(way):
    torch.manual_seed(0)
    dropped = way(torch.ones(COUNT), 0.1)
    # Binomial: the share's deviation is sqrt(0.1 * 0.9 / COUNT); five of those.
    assert abs(float((dropped == 0).double().mean()) - 0.1) < 5 * math.sqrt(0.09 / COUNT)
    assert abs(float(dropped[dropped != 0][0]) - 1 / 0.9) < 1e-4
    # An entry's deviation is sqrt(0.1 / 0.9); the trick's probability is off by 1 / 2^17 at most.
    assert abs(float(dropped.double().mean()) - 1) < 5 * math.sqrt(0.1 / 0.9 / COUNT)


@pytest.mark.parametrize("precision", [torch.float64, torch.float32, torch.bfloat16])
def test_dropout_passes_gradients_where_it_passes_values_and_scales_both_alike(precision):
    values = torch.ones(1_001, dtype=precision, requires_grad=True)
    dropped = dropout(values, 0.1, True)
    dropped.sum().backward()
    assert 0 < int((dropped == 0).sum()) < 300
    assert torch.equal(values.grad, dropped.detach())  # of ones, both are the mask times the scale


def test_an_entry_is_dropped_whatever_happens_to_its_neighbours():
    """Four entries come from one word of the generator; of each two, both are missing in a share of 0.3²."""
    torch.manual_seed(0)
    dropped = survivors(torch.Size((COUNT // 4, 4)), 0.3) == 0
    both = (dropped.double().T @ dropped.double()) / (COUNT // 4)
    # Binomial: the share's deviation is sqrt(0.09 * 0.91 / count); five of those.
    apart = both[~torch.eye(4, dtype=torch.bool)]
    assert (apart - 0.09).abs().max() < 5 * math.sqrt(0.09 * 0.91 / (COUNT // 4))


@pytest.mark.parametrize("probability", [0.1, 0.5])
@pytest.mark.parametrize(("precision", "rounding"), [(torch.float64, 1e-15), (torch.float32, 1e-6)])
def test_given_the_mask_values_and_gradients_are_those_of_plain_dropout(precision, rounding, probability):
    torch.manual_seed(0)
    values = torch.randn(33, 7, dtype=precision, requires_grad=True)
    slopes = torch.randn(33, 7, dtype=precision)
    torch.manual_seed(5)
    dropped = dropout(values, probability, True)
    torch.manual_seed(5)
    kept = survivors(values.shape, probability)
    plain = plain_dropout(values, 1 - 1 / scale(probability), kept)
    for found, wanted in (
        (dropped, plain),
        (torch.autograd.grad(dropped, values, slopes)[0], torch.autograd.grad(plain, values, slopes)[0]),
    ):
        torch.testing.assert_close(found, wanted, rtol=rounding, atol=0)
        assert 0 < int((found == 0).sum()) < found.numel()


def test_outside_training_and_at_probability_0_values_stay_as_they_are():
    values = torch.ones(5)
    assert dropout(values, 0.1, False) is values
    assert dropout(values, 0.0, True) is values
