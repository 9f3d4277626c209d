"""The sliced output layer gives what the whole one gives, gradients too."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional

from foretext.model.kernels import likelihood
from foretext.model.kernels.likelihood import plain_cross_entropy, plain_log_probabilities


def values(precision=torch.float64):
    torch.manual_seed(0)
    states = torch.randn(7, 5, dtype=precision, requires_grad=True)
    matrix = torch.randn(11, 5, dtype=precision, requires_grad=True)
    return states, matrix, torch.randint(0, 11, (7,)), torch.rand(7, dtype=precision)


def test_plain_cross_entropy_is_torchs():
    states, matrix, targets, weights = values()
    losses = functional.cross_entropy(states @ matrix.T, targets, reduction="none")
    torch.testing.assert_close(plain_cross_entropy(states, matrix, targets, weights), (losses * weights).sum())


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
    whole = plain_cross_entropy(states, matrix, targets, weights)
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
        torch.testing.assert_close(loss, plain_cross_entropy(states, matrix, targets, weights))


def test_under_autocast_products_are_in_bf16_and_gradients_in_the_type_of_what_they_are_for():
    states, matrix, targets, weights = values(torch.float32)
    expected = torch.autograd.grad(plain_cross_entropy(states, matrix, targets, weights), (states, matrix))
    with torch.autocast("cpu", torch.bfloat16):
        loss = likelihood.weighted_cross_entropy(states, matrix, targets, weights)
    for found, wanted in zip(torch.autograd.grad(loss, (states, matrix)), expected, strict=True):
        assert found.dtype == torch.float32
        assert not torch.equal(found, wanted)
        torch.testing.assert_close(found, wanted, rtol=0, atol=2**-7 * float(wanted.abs().max()))  # 8 bits, a few times


@pytest.mark.parametrize("group_entries", [1, 33, 1 << 20])
def test_gradients_of_slices_multiplied_together_are_those_of_each_alone(monkeypatch, group_entries):
    """In bf16 with the matrix in bf16 too, as training under autocast has it; groups of 1, 3 and all 7 tokens."""
    states, matrix, targets, weights = values(torch.float32)
    rounded = [values.detach().bfloat16().float().requires_grad_() for values in (states, matrix)]
    expected = torch.autograd.grad(plain_cross_entropy(*rounded, targets, weights), rounded)
    monkeypatch.setattr(likelihood, "SLICE_ENTRIES", 11)
    monkeypatch.setattr(likelihood, "SLICE_TOKENS", 1)
    monkeypatch.setattr(likelihood, "GROUP_ENTRIES", group_entries)
    given = states, matrix.detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        loss = likelihood.weighted_cross_entropy(*given, targets, weights)
    for found, wanted, value in zip(torch.autograd.grad(loss, given), expected, given, strict=True):
        assert found.dtype == value.dtype
        torch.testing.assert_close(found.float(), wanted, rtol=0, atol=2**-7 * float(wanted.abs().max()))


def test_groups_hold_every_token_once_and_are_single_slices_in_fp32(monkeypatch):
    monkeypatch.setattr(likelihood, "SLICE_ENTRIES", 22)
    monkeypatch.setattr(likelihood, "SLICE_TOKENS", 1)
    monkeypatch.setattr(likelihood, "GROUP_ENTRIES", 44)
    rows = torch.zeros(11, 5)
    groups = likelihood._groups(torch.zeros(7, 5, dtype=torch.bfloat16), rows)
    assert groups == [(slice(0, 4), [slice(0, 2), slice(2, 4)]), (slice(4, 7), [slice(4, 6), slice(6, 7)])]
    assert [len(parts) for _, parts in likelihood._groups(torch.zeros(7, 5), rows)] == [1, 1, 1, 1]


def test_token_log_probabilities_are_logarithms_of_a_softmax(monkeypatch):
    monkeypatch.setattr(likelihood, "SLICE_ENTRIES", 22)
    monkeypatch.setattr(likelihood, "SLICE_TOKENS", 1)
    states, matrix, targets = torch.randn(7, 5), torch.randn(11, 5), torch.randint(0, 11, (7,))
    expected = (states @ matrix.T).log_softmax(-1)[torch.arange(7), targets]
    for way in (plain_log_probabilities, likelihood.token_log_probabilities):
        torch.testing.assert_close(way(states, matrix, targets), expected)


def test_a_second_backward_pass_is_refused_and_not_scaled_twice():
    states, matrix, targets, weights = values()
    loss = likelihood.weighted_cross_entropy(states, matrix, targets, weights)
    (2 * loss).backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="inplace"):
        loss.backward()


@pytest.mark.slow
def test_compiled_the_loss_and_its_gradients_are_the_same():
    states, matrix, targets, weights = values()
    expected = torch.autograd.grad(plain_cross_entropy(states, matrix, targets, weights), (states, matrix))
    loss = likelihood.weighted_cross_entropy(states, matrix, targets, weights, compiled=True)
    for found, wanted in zip(torch.autograd.grad(loss, (states, matrix)), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
