"""The optimizer against the released code's formula, written out."""

from __future__ import annotations

import math

import torch
from torch import nn

from foretext.model.gpt import GPT
from foretext.model.settings import HeadSettings, ModelSettings
from foretext.training.optimizer import Adam


def test_point_04_updates_are_those_of_the_released_code(plan):
    """In float64 over five updates with changing rates."""
    torch.manual_seed(0)
    module = nn.Linear(3, 2).double()
    optimizer = Adam(module, plan(epsilon=1e-3, weight_decay=0.1))  # large enough to be seen
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


def test_point_05_every_tensor_of_rank_above_1_decays_and_no_other(plan):
    """Without gradients the decay alone moves weights: rate 0.5 times decay 0.01, corrected as the rate is."""
    model = GPT(ModelSettings(vocabulary=20, context=6, layers=1, width=8, heads=2), HeadSettings(outputs=3), seed=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)  # so that biases are not 0
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer = Adam(model, plan())
    optimizer.prepare(0, 0.5)
    optimizer.step()
    left = 1 - 0.5 * 0.01 * math.sqrt(1 - 0.999) / (1 - 0.9)
    exempt = set()
    for name, parameter in model.named_parameters():
        if torch.equal(parameter, before[name]):
            exempt.add(name)
        else:
            torch.testing.assert_close(parameter.detach(), before[name] * left)
    assert exempt == {name for name in before if name.endswith((".bias", "norm.weight"))}
    assert "embedding" not in exempt  # tokens, special tokens and positions decay too


def test_adam_torch_is_torchs_own(plan):
    torch.manual_seed(0)
    ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    optimizer = Adam(ours, plan(adam="torch", epsilon=1e-3, weight_decay=0.1))  # large enough to be seen
    groups = [{"params": [theirs.weight], "weight_decay": 0.1}, {"params": [theirs.bias], "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, lr=0.1, eps=1e-3)
    for update in range(5):
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        optimizer.prepare(update, 0.1)
        optimizer.step()
        reference.step()
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


def test_a_decay_by_layer_gives_each_block_its_share_of_the_rate(plan):
    """By gradients of one value Adam moves each number by its rate, so that steps are the shares themselves."""
    sizes = ModelSettings(vocabulary=20, context=6, layers=2, width=8, heads=2, norm_at="before")
    model = GPT(sizes, HeadSettings(outputs=3), seed=1)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer = Adam(model, plan(layer_decay=0.5, weight_decay=0.0))
    optimizer.prepare(0, 0.1)
    optimizer.step()
    wanted = {"head": 0.1, "last_norm": 0.1, "blocks.1": 0.1, "blocks.0": 0.05, "embedding": 0.025}
    for name, parameter in model.named_parameters():
        share = next(step for part, step in wanted.items() if name.startswith(part))
        torch.testing.assert_close(before[name] - parameter.detach(), torch.full_like(parameter, share))


def test_without_a_decay_by_layer_there_are_two_groups_as_ever(plan):
    model = GPT(ModelSettings(vocabulary=20, context=6, layers=2, width=8, heads=2), HeadSettings(outputs=3), seed=1)
    assert [group["decays"] for group in Adam(model, plan()).param_groups] == [True, False]
