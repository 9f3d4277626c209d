"""RMSNorm in few passes gives what the plain version gives, gradients too, however many rows go at once."""

from __future__ import annotations

import pytest
import torch

from foretext.model.kernels import rms
from foretext.model.kernels.rms import plain_rms_norm, rms_norm


def drawn(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", [(7, 8), (5, 3, 8), (1, 8)], ids=str)
def test_values_and_gradients_are_those_of_the_plain_version(shape, dtype, monkeypatch):
    monkeypatch.setattr(rms, "ENTRIES_AT_ONCE", 24)  # three rows at once, the last part shorter
    found = []
    for way in (plain_rms_norm, rms_norm):
        states, gain = drawn(*shape, dtype=dtype).requires_grad_(), (drawn(8) + 2).requires_grad_()
        normed = way(states, gain, 1e-5)
        normed.pow(3).sum().backward()
        assert normed.dtype == dtype
        found.append((normed.detach(), states.grad, gain.grad))
    for one, other in zip(*found, strict=True):
        # Of the largest number: what nearly cancels has few digits left. Some roundings lie between the two.
        allowed = 8 * torch.finfo(dtype).eps * float(one.abs().max())
        torch.testing.assert_close(other, one, rtol=0, atol=allowed)


def test_a_part_of_a_larger_array_and_an_expanded_gradient_are_taken_as_they_lie():
    whole = drawn(6, 4, 8).requires_grad_()
    rms_norm(whole[:, 1:3], torch.ones(8, dtype=torch.float64), 1e-5).sum().backward()
    expected = torch.autograd.grad(plain_rms_norm(whole[:, 1:3], torch.ones(8).double(), 1e-5).sum(), whole)[0]
    torch.testing.assert_close(whole.grad, expected)


def test_states_of_zero_have_a_finite_gradient():
    states = torch.zeros(2, 8, requires_grad=True)
    rms_norm(states, torch.ones(8), 1e-5).sum().backward()
    assert torch.isfinite(states.grad).all()


def test_nothing_is_kept_for_a_gradient_that_nobody_wants():
    with torch.no_grad():
        assert rms_norm(drawn(2, 8).requires_grad_(), torch.ones(8).double(), 1e-5).grad_fn is None
