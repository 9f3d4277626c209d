"""Muon against its formulas written out, and what it must never do: miss its matrices, blow up, or half leave out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import nn

from foretext.model.gpt import GPT
from foretext.model.settings import HeadSettings, ModelSettings
from foretext.training.muon import Muon, matrices, orthogonal
from foretext.training.optimizer import Adam

SHAPE = ModelSettings(vocabulary=20, context=6, layers=2, width=8, heads=2)
LSTM = SHAPE.model_copy(update={"backbone": "lstm", "lstm_units": 12})
IN_A_BLOCK = ["attention.output", "attention.query_key_value", "feed_forward.contract", "feed_forward.expand"]

# Between 0.01 and 1 five steps of Jordan's polynomial give no less and no more than these, to three digits up.
LOWEST, HIGHEST = 0.68, 1.14
BF16_EPSILON = 2**-8


def polynomial(x, steps):
    for _ in range(steps):
        x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
    return x


def by_singular_values(matrix, steps):
    """What the steps come to, by another road: the polynomial, step upon step, of each singular value."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return left @ np.diag(polynomial(values / np.linalg.norm(matrix), steps)) @ right


def well_conditioned(rows, columns, *, least=0.2, seed=0):
    """A matrix with singular values from `least` to 1."""
    draw = np.random.default_rng(seed)
    left, _ = np.linalg.qr(draw.normal(size=(max(rows, columns), min(rows, columns))))
    right, _ = np.linalg.qr(draw.normal(size=(min(rows, columns),) * 2))
    made = left @ np.diag(np.linspace(least, 1, min(rows, columns))) @ right
    return made if rows >= columns else made.T


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (5, 1)])
@pytest.mark.parametrize("steps", [1, 5])
def test_the_steps_are_a_polynomial_of_the_singular_values(shape, steps):
    matrix = np.random.default_rng(1).normal(size=shape)
    made = orthogonal(torch.tensor(matrix), steps).numpy()
    np.testing.assert_allclose(made, by_singular_values(matrix, steps), rtol=0, atol=1e-10)


@pytest.mark.parametrize("shape", [(16, 16), (32, 16), (16, 48)])
def test_five_steps_come_near_the_polar_factor_as_far_as_the_coefficients_lead(shape):
    """The exact factor has singular values 1; the polynomial leaves 1 - 0.68 at most, in every direction."""
    matrix = well_conditioned(*shape)
    exact, _ = scipy.linalg.polar(matrix)
    made = orthogonal(torch.tensor(matrix), 5).numpy()
    assert np.linalg.norm(made - exact, 2) <= 1 - LOWEST
    lowered = orthogonal(torch.tensor(matrix, dtype=torch.float32), 5, torch.bfloat16).numpy()
    assert np.linalg.norm(lowered - exact, 2) <= 1 - LOWEST + 5 * 3 * BF16_EPSILON  # three products in each step
    values = np.linalg.svd(made, compute_uv=False)
    assert values.min() >= LOWEST
    assert values.max() <= HIGHEST


@pytest.mark.parametrize("factor", [1e-30, 1e-12, 1e-6, 3.0, 1e6, 1e30])
@pytest.mark.parametrize("lowered", [None, torch.bfloat16])
def test_how_large_a_matrix_is_changes_nothing(factor, lowered):
    matrix = torch.tensor(well_conditioned(12, 8), dtype=torch.float32)
    tolerance = 1e-5 if lowered is None else 5 * 3 * BF16_EPSILON
    torch.testing.assert_close(
        orthogonal(matrix * factor, 5, lowered), orthogonal(matrix, 5, lowered), rtol=0, atol=tolerance
    )


@pytest.mark.parametrize("lowered", [None, torch.bfloat16])
def test_zeros_stay_zeros(lowered):
    assert torch.equal(orthogonal(torch.zeros(3, 5), 5, lowered), torch.zeros(3, 5))


def with_gradients(model, draw):
    for parameter in model.parameters():
        parameter.grad = torch.tensor(draw.normal(size=parameter.shape), dtype=parameter.dtype)


def test_updates_are_those_of_the_formulas_written_out(plan):
    """In float64 over four updates with changing rates: momentum, look ahead, clip, decay, factor, stacked matrices."""
    model = GPT(SHAPE, seed=1).double()
    made = plan(
        optimizer="muon", learning_rate=0.5, muon_rate=0.1, muon_momentum=0.9, weight_decay=0.2, muon_steps=4, clip=1.0
    )
    optimizer = Muon(model, made)
    found = {name: value for name, value in model.named_parameters() if value.dim() > 1 and name != "embedding"}
    expected = {name: value.detach().numpy().copy() for name, value in found.items()}
    momentum = {name: np.zeros_like(value) for name, value in expected.items()}
    draw = np.random.default_rng(2)
    for update, rate in enumerate([0.0, 0.25, 0.5, 0.125]):
        with_gradients(model, draw)
        gradients = {name: value.grad.numpy().copy() for name, value in model.named_parameters()}
        norm = math.sqrt(sum((gradient**2).sum() for gradient in gradients.values()))
        assert float(optimizer.clip(1.0)) == pytest.approx(norm)
        optimizer.prepare(update, rate)
        optimizer.step()
        for name, weight in expected.items():
            gradient = gradients[name] / norm  # which is above 1
            momentum[name] = 0.9 * momentum[name] + 0.1 * gradient
            ahead = 0.1 * gradient + 0.9 * momentum[name]
            parts = np.split(ahead, 3) if name.endswith("query_key_value.weight") else [ahead]
            steps = [math.sqrt(max(1, part.shape[0] / part.shape[1])) * by_singular_values(part, 4) for part in parts]
            expected[name] = weight - rate / 0.5 * 0.1 * (np.concatenate(steps) + 0.2 * weight)
    for name, parameter in found.items():
        np.testing.assert_allclose(parameter.detach().numpy(), expected[name], rtol=0, atol=1e-6)  # of the norm, fp32


def test_all_else_moves_as_under_adam_alone(plan):
    """With a rate of its own; nothing is clipped, since the norm is that of all."""
    found = {}
    for name in ("adam", "muon"):
        model = GPT(SHAPE, HeadSettings(outputs=3), seed=1)
        optimizer = {"adam": Adam, "muon": Muon}[name](model, plan(optimizer=name))
        draw = np.random.default_rng(3)
        for update in range(3):
            with_gradients(model, draw)
            optimizer.clip(0.0)
            optimizer.prepare(update, 1e-2)
            optimizer.step()
        found[name] = dict(model.named_parameters())
    same = {name for name, value in found["adam"].items() if torch.equal(value, found["muon"][name])}
    assert found["adam"].keys() - same == {f"blocks.{layer}.{name}.weight" for layer in range(2) for name in IN_A_BLOCK}


def test_the_first_step_of_a_matrix_has_singular_values_near_the_factor(plan):
    """From no momentum, at rate 1 and without decay; a part of what is stacked is a matrix of its own."""
    model = GPT(SHAPE, seed=1)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    optimizer = Muon(model, plan(optimizer="muon", learning_rate=1.0, muon_rate=1.0, weight_decay=0.0))
    for matrix, parts in matrices(model).items():
        made = [well_conditioned(rows, matrix.shape[1], seed=number) for number, rows in enumerate(parts)]
        matrix.grad = torch.tensor(np.concatenate(made), dtype=torch.float32)
    optimizer.clip(0.0)
    optimizer.prepare(0, 1.0)
    optimizer.step()
    for name, rows, factor in (
        ("attention.query_key_value", 8, 1.0),
        ("attention.output", 8, 1.0),
        ("feed_forward.expand", 32, 2.0),
        ("feed_forward.contract", 8, 1.0),
    ):
        full = f"blocks.1.{name}.weight"
        step = before[full] - dict(model.named_parameters())[full].detach()
        for part in step.split(rows):
            values = torch.linalg.svdvals(part) / factor
            assert LOWEST <= float(values.min()) <= float(values.max()) <= HIGHEST, name


@pytest.mark.parametrize("shape", [SHAPE, LSTM], ids=["transformer", "lstm"])
def test_its_matrices_are_those_inside_the_layers_and_all_else_is_adams(plan, shape):
    model = GPT(shape, HeadSettings(outputs=3), seed=1)
    names = {parameter: name for name, parameter in model.named_parameters()}
    inside = IN_A_BLOCK if shape is SHAPE else ["lstm.weight_ih_l0", "lstm.weight_hh_l0", "output"]
    wanted = {f"blocks.{layer}.{name}" for layer in range(2) for name in inside}
    assert {names[matrix].removesuffix(".weight") for matrix in matrices(model)} == wanted
    optimizer = Muon(model, plan(optimizer="muon"))
    of_adam = {names[p] for group in optimizer.adam.param_groups for p in group["params"]}
    assert of_adam == set(names.values()) - {names[matrix] for matrix in matrices(model)}
    assert {"embedding", "head.linear.weight", "head.linear.bias"} <= of_adam
    (line,) = optimizer.lines()
    said = line.removeprefix(f"muon moves {2 * len(inside)} matrices: ").split("; adam moves ")
    assert sorted(said[0].split(", ")) == sorted(inside)
    assert said[1].startswith("embedding, ")
    assert said[1].endswith("head.linear, head.linear.bias")


def test_queries_keys_and_values_are_matrices_of_their_own_and_so_are_the_gates_of_an_lstm():
    for shape, wanted in ((SHAPE, [[8, 8, 8], [8], [32], [8]]), (LSTM, [[12] * 4, [12] * 4, [8]])):
        assert list(matrices(GPT(shape, seed=1)).values()) == wanted * 2


def test_a_model_without_layers_has_no_matrices(plan):
    model = GPT(SHAPE.model_copy(update={"layers": 0}), seed=1)
    optimizer = Muon(model, plan(optimizer="muon"))
    assert optimizer.lines() == ["muon moves 0 matrices: there is none; adam moves embedding"]
    with_gradients(model, np.random.default_rng(0))
    before = model.embedding.detach().clone()
    optimizer.clip(1.0)
    optimizer.prepare(0, 0.1)
    optimizer.step()
    assert not torch.equal(model.embedding, before)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1.0])
def test_an_update_that_is_left_out_changes_nothing_be_it_the_first_or_a_later_one(plan, value):
    """What is decided is a tensor, which an accelerator does not read; the next update goes on as if there was none."""
    whole, hit = GPT(SHAPE, seed=1), GPT(SHAPE, seed=1)
    optimizers = {model: Muon(model, plan(optimizer="muon")) for model in (whole, hit)}

    def update(model, number, draw):
        with_gradients(model, draw)
        optimizers[model].clip(1.0)
        optimizers[model].prepare(number, 1e-2)
        optimizers[model].step()

    def leave_one_out(number):
        for parameter in hit.parameters():
            parameter.grad = torch.full_like(parameter, value)
        optimizers[hit].clip(1.0)
        optimizers[hit].leave_out(torch.tensor(1.0))
        optimizers[hit].prepare(number, 1e-2)
        optimizers[hit].step()
        optimizers[hit].leave_out(None)

    draws = {model: np.random.default_rng(4) for model in (whole, hit)}
    for number in range(3):
        leave_one_out(number)
        for model in (whole, hit):
            update(model, number, draws[model])
    for one, other in zip(whole.parameters(), hit.parameters(), strict=True):
        assert torch.equal(one, other)
        mine, its = optimizers[whole].state[one], optimizers[hit].state[other]
        assert mine.keys() == its.keys() == set(optimizers[whole].kept(one))
        assert all(torch.equal(mine[name], its[name]) for name in mine)


def test_a_decision_not_to_leave_out_changes_no_bit(plan):
    """An accelerator has a 0 there, where a CPU has nothing."""
    made = [GPT(SHAPE, seed=1) for _ in range(2)]
    for model, decided in zip(made, (None, torch.tensor(0.0)), strict=True):
        optimizer = Muon(model, plan(optimizer="muon"))
        with_gradients(model, np.random.default_rng(5))
        optimizer.clip(1.0)
        optimizer.leave_out(decided)
        optimizer.prepare(0, 1e-2)
        optimizer.step()
    for one, other in zip(made[0].parameters(), made[1].parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_has_no_gradient_stays(plan):
    model = GPT(SHAPE, seed=1)
    with_gradients(model, np.random.default_rng(6))
    still: nn.Parameter = model.layers[0].feed_forward.expand.weight
    still.grad, before = None, still.detach().clone()
    optimizer = Muon(model, plan(optimizer="muon"))
    optimizer.clip(1.0)
    optimizer.prepare(0, 0.1)
    optimizer.step()
    assert torch.equal(still, before)
    assert not optimizer.state[still]


def test_its_rate_is_twenty_times_that_of_all_else_unless_it_is_set(plan):
    assert plan(learning_rate=1e-3).matrix_rate == pytest.approx(0.02)
    assert plan(learning_rate=1e-3, muon_rate=0.01).matrix_rate == 0.01


def test_a_decay_by_layer_gives_each_matrix_its_share_of_the_rate(plan):
    """Two blocks with the same numbers and gradients: the lower moves half as far."""
    sizes = ModelSettings(vocabulary=20, context=6, layers=2, width=8, heads=2)
    model = GPT(sizes, seed=1)
    with torch.no_grad():
        model.blocks[0].load_state_dict(model.blocks[1].state_dict())
    generator = torch.Generator().manual_seed(0)
    for parameter, other in zip(model.blocks[0].parameters(), model.blocks[1].parameters(), strict=True):
        parameter.grad = torch.randn(parameter.shape, generator=generator)
        other.grad = parameter.grad.clone()
    optimizer = Muon(model, plan(optimizer="muon", layer_decay=0.5, weight_decay=0.0))
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer.prepare(0, 0.01)
    optimizer.step()
    moved = {name: before[name] - parameter.detach() for name, parameter in model.named_parameters()}
    for matrix in optimizer.matrices:
        name = optimizer.names[matrix]
        if name.startswith("blocks.0."):
            upper = moved[name.replace("blocks.0.", "blocks.1.")]
            torch.testing.assert_close(moved[name], upper / 2, rtol=1e-3, atol=1e-6)  # fp32, by a difference
