"""The sliced output layer gives what the whole one gives, gradients too."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional

from foretext.model import likelihood


@pytest.mark.parametrize("slice_entries", [1, 40, 1 << 20])
def test_loss_and_gradients_are_those_of_plain_cross_entropy(monkeypatch, slice_entries):
    monkeypatch.setattr(likelihood, "SLICE_ENTRIES", slice_entries)
    torch.manual_seed(0)
    states = torch.randn(7, 5, dtype=torch.float64, requires_grad=True)
    matrix = torch.randn(11, 5, dtype=torch.float64, requires_grad=True)
    targets, weights = torch.randint(0, 11, (7,)), torch.rand(7, dtype=torch.float64)
    plain = (functional.cross_entropy(states @ matrix.T, targets, reduction="none") * weights).sum()
    expected = torch.autograd.grad(3 * plain, (states, matrix))
    sliced = likelihood.weighted_cross_entropy(states, matrix, targets, weights)
    torch.testing.assert_close(sliced, plain)
    for found, wanted in zip(torch.autograd.grad(3 * sliced, (states, matrix)), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


def test_token_log_probabilities_are_logarithms_of_a_softmax(monkeypatch):
    monkeypatch.setattr(likelihood, "SLICE_ENTRIES", 22)
    states, matrix, targets = torch.randn(7, 5), torch.randn(11, 5), torch.randint(0, 11, (7,))
    expected = (states @ matrix.T).log_softmax(-1)[torch.arange(7), targets]
    torch.testing.assert_close(likelihood.token_log_probabilities(states, matrix, targets), expected)
