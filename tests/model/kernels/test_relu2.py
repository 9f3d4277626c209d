"""Squared ReLU with a gradient of its own gives what the plain version gives."""

from __future__ import annotations

import pytest
import torch

from foretext.model.kernels.relu2 import plain_relu2, relu2


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_values_and_gradients_are_those_of_the_plain_version(dtype):
    found = []
    for way in (plain_relu2, relu2):
        values = torch.tensor([-2.0, -0.0, 0.0, 0.5, 3.0], dtype=dtype).requires_grad_()
        squared = way(values)
        squared.pow(2).sum().backward()
        found.append((squared.detach(), values.grad))
    for one, other in zip(*found, strict=True):
        assert torch.equal(other, one)  # halves, threes and their products are exact in either type
