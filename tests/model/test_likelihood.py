"""The sliced output layer gives what the whole one gives, gradients too."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional

from foretext.model import likelihood


def values(precision=torch.float64):
    torch.manual_seed(0)
    states = torch.randn(7, 5, dtype=precision, requires_grad=True)
    matrix = torch.randn(11, 5, dtype=precision, requires_grad=True)
    return states, matrix, torch.randint(0, 11, (7,)), torch.rand(7, dtype=precision)


def plain(states, matrix, targets, weights):
    return (functional.cross_entropy(states @ matrix.T, targets, reduction="none") * weights).sum()


@pytest.mark.parametrize("padding", [1, 8])
@pytest.mark.parametrize("slice_entries", [1, 40, 1 << 20])
@pytest.mark.parametrize(("precision", "rounding"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_loss_and_gradients_are_those_of_plain_cross_entropy(monkeypatch, slice_entries, padding, precision, rounding):
    monkeypatch.setattr(likelihood, "SLICE_ENTRIES", slice_entries)
    monkeypatch.setattr(likelihood, "SLICE_TOKENS", 1)
    rows = likelihood._output_rows

    def padded(matrix, states):  # as on an accelerator
        return functional.pad(rows(matrix, states), (0, 0, 0, -len(matrix) % padding))

    monkeypatch.setattr(likelihood, "_output_rows", padded)
    states, matrix, targets, weights = values(precision)
    whole = plain(states, matrix, targets, weights)
    expected = torch.autograd.grad(3 * whole, (states, matrix))
    sliced = likelihood.weighted_cross_entropy(states, matrix, targets, weights)
    torch.testing.assert_close(sliced, whole)
    for found, wanted in zip(torch.autograd.grad(3 * sliced, (states, matrix)), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=rounding)
    logs = likelihood.token_log_probabilities(states, matrix, targets)
    torch.testing.assert_close(-(logs * weights).sum(), whole)


def test_where_no_gradient_is_wanted_the_loss_is_the_same():
    states, matrix, targets, weights = values()
    with torch.no_grad():
        loss = likelihood.weighted_cross_entropy(states, matrix, targets, weights)
        torch.testing.assert_close(loss, plain(states, matrix, targets, weights))


def test_under_autocast_products_are_in_bf16_and_gradients_in_the_type_of_what_they_are_for():
    states, matrix, targets, weights = values(torch.float32)
    expected = torch.autograd.grad(plain(states, matrix, targets, weights), (states, matrix))
    with torch.autocast("cpu", torch.bfloat16):
        loss = likelihood.weighted_cross_entropy(states, matrix, targets, weights)
    for found, wanted in zip(torch.autograd.grad(loss, (states, matrix)), expected, strict=True):
        assert found.dtype == torch.float32
        assert not torch.equal(found, wanted)
        torch.testing.assert_close(found, wanted, rtol=0, atol=2**-7 * float(wanted.abs().max()))  # 8 bits, a few times


def test_token_log_probabilities_are_logarithms_of_a_softmax(monkeypatch):
    monkeypatch.setattr(likelihood, "SLICE_ENTRIES", 22)
    monkeypatch.setattr(likelihood, "SLICE_TOKENS", 1)
    states, matrix, targets = torch.randn(7, 5), torch.randn(11, 5), torch.randint(0, 11, (7,))
    expected = (states @ matrix.T).log_softmax(-1)[torch.arange(7), targets]
    torch.testing.assert_close(likelihood.token_log_probabilities(states, matrix, targets), expected)


def test_a_second_backward_pass_is_refused_and_not_scaled_twice():
    states, matrix, targets, weights = values()
    loss = likelihood.weighted_cross_entropy(states, matrix, targets, weights)
    (2 * loss).backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="inplace"):
        loss.backward()


@pytest.mark.slow
def test_compiled_the_loss_and_its_gradients_are_the_same():
    states, matrix, targets, weights = values()
    expected = torch.autograd.grad(plain(states, matrix, targets, weights), (states, matrix))
    loss = likelihood.weighted_cross_entropy(states, matrix, targets, weights, compiled=True)
    for found, wanted in zip(torch.autograd.grad(loss, (states, matrix)), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
