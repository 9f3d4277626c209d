"""RMSNorm in every type, beside the one of `transformers`' Llama."""

from __future__ import annotations

import pytest
import torch

from foretext.model.norms import RMSNorm

llama = pytest.importorskip("transformers.models.llama.modeling_llama")


def normed(kind: type, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What a norm with a drawn gain makes of the states, and the gradient of their squares' sum."""
    made = kind(states.shape[-1], eps=1e-5).to(states.dtype)
    with torch.no_grad():
        made.weight.copy_(torch.randn(states.shape[-1], generator=torch.Generator().manual_seed(7)))
    given = states.clone().requires_grad_()
    found = made(given)
    found.square().sum().backward()
    return found.detach(), given.grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("size", [1e-3, 1.0, 300.0])
def test_it_is_llamas_to_the_bit_in_bf16_and_to_its_last_digit_in_fp32(dtype, size):
    """Rounded to bf16 before the gain: rounding after it moves a third of all numbers."""
    states = (size * torch.randn(50, 96, generator=torch.Generator().manual_seed(1))).to(dtype)
    (ours, gradient), (theirs, their_gradient) = normed(RMSNorm, states), normed(llama.LlamaRMSNorm, states)
    assert ours.dtype == dtype
    if dtype is torch.bfloat16:
        assert torch.equal(ours, theirs)
    torch.testing.assert_close(ours, theirs)
    exact = normed(RMSNorm, states.double())[1]
    error, their_error = ((one.double() - exact).norm() for one in (gradient, their_gradient))
    assert error <= 1.5 * their_error  # both round; where autograd rounds at each step, ours does once


def test_the_mean_of_squares_is_taken_in_fp32_whatever_the_type():
    """4,096 numbers of 1 have squares whose sum bf16 cannot count to."""
    states = torch.ones(1, 4_096, dtype=torch.bfloat16)
    assert torch.equal(RMSNorm(4_096, eps=1e-5).to(torch.bfloat16)(states), states)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
def test_what_goes_in_is_left_as_it_was(dtype):
    states = torch.randn(5, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)
    before = states.clone()
    assert RMSNorm(16, eps=1e-5).to(dtype)(states).dtype == dtype
    assert torch.equal(states, before)


def test_under_autocast_values_in_halves_stay_in_halves():
    """Keys and queries come so from a product; the gain is in fp32."""
    with torch.autocast("cpu", torch.bfloat16):
        assert RMSNorm(16, eps=1e-5)(torch.ones(2, 16, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_where_nothing_is_learned_it_is_llamas_too_and_leaves_what_goes_in(dtype: torch.dtype):
    states = torch.randn(50, 96, generator=torch.Generator().manual_seed(1)).to(dtype)
    before, gain = states.clone(), torch.randn(96, generator=torch.Generator().manual_seed(7))
    ours, theirs = (kind(96, eps=1e-5).to(dtype) for kind in (RMSNorm, llama.LlamaRMSNorm))
    with torch.no_grad():
        for made in (ours, theirs):
            made.weight.copy_(gain)
        one, other = ours(states), theirs(states)
    assert torch.equal(states, before)
    assert one.dtype == dtype
    torch.testing.assert_close(one, other)
    assert dtype is torch.float32 or (one != other).float().mean() < 0.01
