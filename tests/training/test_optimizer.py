"""The optimizer against the released code's formula, written out."""

from __future__ import annotations

import math

import torch
from torch import nn

from foretext.training.optimizer import Adam
from foretext.training.settings import OptimizerSettings


def test_updates_are_those_of_the_released_code():
    """Recipe points 4 and 5, in float64 over five updates with changing rates."""
    torch.manual_seed(0)
    module = nn.Linear(3, 2).double()
    settings = OptimizerSettings(epsilon=1e-3, weight_decay=0.1)  # large enough to be seen
    optimizer = Adam(module, settings)
    expected = {name: value.detach().clone() for name, value in module.named_parameters()}
    moments = {name: (torch.zeros_like(value), torch.zeros_like(value)) for name, value in expected.items()}
    for update, rate in enumerate([0.0, 0.1, 0.2, 0.05, 0.3]):
        gradients = {name: torch.randn_like(value) for name, value in expected.items()}
        for name, parameter in module.named_parameters():
            parameter.grad = gradients[name].clone()
        optimizer.prepare(update, rate)
        optimizer.step()
        t = update + 1
        rate_t = rate * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        for name, value in expected.items():
            m, v = moments[name]
            m.mul_(0.9).add_(0.1 * gradients[name])
            v.mul_(0.999).add_(0.001 * gradients[name] ** 2)
            decay = 0.1 if value.dim() > 1 else 0.0
            value -= rate_t * m / (v.sqrt() + 1e-3) + rate_t * decay * value
    for name, parameter in module.named_parameters():
        torch.testing.assert_close(parameter.detach(), expected[name], rtol=0, atol=1e-12)
