"""The embedding matrix in one pass gives what the plain version gives, gradients too."""

from __future__ import annotations

import pytest
import torch

from foretext.model.kernels import embedding
from foretext.model.kernels.embedding import embedded, plain_embedded

TOKENS, PLACES = torch.tensor([2, 0, 2, 4]), torch.tensor([5, 6, 7, 5])


def in_one_pass(matrix, probability):
    return embedded(matrix, TOKENS, PLACES, probability)


@pytest.mark.parametrize("places", [PLACES, None], ids=["learned positions", "none"])
@pytest.mark.parametrize("softmax", [True, False])
@pytest.mark.parametrize("probability", [0.0, 0.3])
def test_matrix_states_and_gradient_are_those_of_the_plain_version(probability, softmax, places):
    """With and without a softmax over the matrix, as where the auxiliary loss is left out."""
    found = []
    for way in (plain_embedded, embedded):
        torch.manual_seed(0)
        leaf = torch.randn(8, 6, dtype=torch.float64).requires_grad_()
        matrix, states = way(leaf, TOKENS, places, probability)
        loss = states.pow(2).sum()
        if softmax:
            loss = loss + (matrix @ states.T).logsumexp(0).sum() + matrix.pow(3).sum()
        (gradient,) = torch.autograd.grad(loss, leaf)
        found.append((matrix, states, gradient))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, rtol=0, atol=1e-12)


@pytest.mark.parametrize("probability", [0.0, 0.3])
def test_without_a_softmax_states_and_gradient_are_the_same_and_the_matrix_is_left_alone(probability):
    """To the bit, the mask too; and what comes out is the memory of the matrix, under autocast as well."""
    found = []
    for softmax in (True, False):
        torch.manual_seed(0)
        leaf = torch.randn(8, 6).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            matrix, states = embedded(leaf, TOKENS, PLACES, probability, softmax=softmax)
        assert (matrix.data_ptr() == leaf.data_ptr()) is not softmax
        (gradient,) = torch.autograd.grad(states.pow(2).sum(), leaf)
        found.append((states, gradient, torch.rand(1)))
    assert all(map(torch.equal, *found))


def test_gradients_of_two_passes_add_up():
    leaf = torch.ones(8, 6, dtype=torch.float64).requires_grad_()
    for _ in range(2):
        matrix, states = in_one_pass(leaf, 0.0)
        (matrix.sum() + states.sum()).backward()
    rows = torch.bincount(torch.cat([TOKENS, PLACES]), minlength=8)
    torch.testing.assert_close(leaf.grad, 2.0 * (1 + rows[:, None].double()).expand(8, 6))


def test_rows_taken_some_at_a_time_have_the_same_mask(monkeypatch):
    """5 values a row, so that the random words of 4 entries each would not end with a part of any number of rows."""
    found = []
    for entries in (1, 20, 45, 1 << 20):
        monkeypatch.setattr(embedding, "ENTRIES_AT_ONCE", entries)
        torch.manual_seed(0)
        leaf = torch.ones(30, 5, dtype=torch.float64).requires_grad_()
        matrix, states = in_one_pass(leaf, 0.3)
        (matrix.pow(2).sum() + states.pow(2).sum()).backward()
        found.append((matrix.detach(), states.detach(), leaf.grad))
    assert 0.5 < float((found[0][0] > 0).double().mean()) < 0.9
    for other in found[1:]:
        assert all(map(torch.equal, found[0], other))


@pytest.mark.parametrize("probability", [0.0, 0.3])
def test_under_autocast_the_matrix_is_rounded_once_and_states_and_gradient_are_not(probability):
    found = []
    for autocast in (False, True):
        torch.manual_seed(0)
        leaf = torch.randn(8, 6).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            matrix, states = in_one_pass(leaf, probability)
        slopes = torch.arange(48.0).view(8, 6)  # exact in bf16
        torch.autograd.backward([matrix, states], [slopes.to(matrix.dtype), torch.ones_like(states)])
        found.append((matrix, states, leaf.grad))
    exact, lowered = found
    assert lowered[0].dtype == torch.bfloat16
    assert torch.equal(lowered[0], exact[0].bfloat16())
    assert torch.equal(lowered[1], exact[1])
    assert torch.equal(lowered[2], exact[2])
