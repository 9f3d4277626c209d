"""GELU in place is the plain one, and torch's."""

from __future__ import annotations

import torch
from torch.nn import functional

from foretext.model.kernels.gelu import gelu_, plain_gelu


def test_gelu_in_place_is_the_plain_one_and_torchs():
    """More rows than are taken at once, and values at which it is x, 0 and in between."""
    values = torch.linspace(-30, 30, 10_001)
    found = gelu_(values.clone()[:, None])[:, 0]
    torch.testing.assert_close(found, plain_gelu(values.double()).float())
    torch.testing.assert_close(found, functional.gelu(values, approximate="tanh"))
