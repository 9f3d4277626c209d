"""L1, L2 and L3 against their definitions, written out token by token."""

from __future__ import annotations

import pytest
import torch

from foretext.batch import pack
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.model.settings import HeadSettings, ModelSettings
from foretext.training.objectives import Counts, FineTuning, LanguageModelling

SETTINGS = ModelSettings(vocabulary=20, context=12, layers=1, width=16, heads=2)
EXAMPLES = [[[1, 2, 3], [4, 5]], [[6, 7, 8, 9]], [[10, 11], [12, 13, 14], [15, 16]]]
LABELS = [1, 0, 2]


@pytest.fixture
def model():
    return GPT(SETTINGS, HeadSettings(combine="choose", outputs=1), seed=3).double().eval()


def batch(examples=EXAMPLES, labels=LABELS):
    return Sequences.of(pack(examples, labels))


def mean_over_sequences(model, rows, examples=EXAMPLES):
    losses = []
    for example in examples:
        for ids in example:
            states = model(Sequences.of(pack([[ids]]))).states
            logs = (states @ model.embedding[:rows].T).log_softmax(-1)
            losses.append(-torch.stack([logs[place, ids[place + 1]] for place in range(len(ids) - 1)]).mean())
    return torch.stack(losses).mean()


def test_point_10_l1_is_the_mean_over_targets_then_over_sequences(model):
    """In pre-training the softmax runs over the tokens alone."""
    loss = LanguageModelling(model)(batch(), Counts(6, 3))["loss"]
    torch.testing.assert_close(loss, mean_over_sequences(model, 20), rtol=0, atol=1e-10)


def test_point_09_l3_is_l2_plus_lambda_l1_with_the_softmax_over_specials_and_positions_too(model, plan):
    """The wrong answers' text counts as well (point 10)."""
    losses = FineTuning(model, plan())(batch(), Counts(6, 3))
    text = mean_over_sequences(model, 20 + 3 + 12)
    torch.testing.assert_close(losses["text_loss"], text.detach(), rtol=0, atol=1e-10)
    hidden = model(batch())
    task = model.head.loss(model.scores(hidden, batch()), batch()) / 3
    torch.testing.assert_close(losses["loss"], task + 0.5 * text, rtol=0, atol=1e-6)


@pytest.mark.parametrize("positions", [0, 4])
def test_the_softmax_runs_over_as_many_rows_as_the_plan_says(model, plan, positions):
    losses = FineTuning(model, plan(softmax_rows=20 + 3 + positions))(batch(), Counts(6, 3))
    expected = mean_over_sequences(model, 20 + 3 + positions).detach()
    torch.testing.assert_close(losses["text_loss"], expected, rtol=0, atol=1e-10)


def test_only_the_text_of_right_answers_may_count(model, plan):
    losses = FineTuning(model, plan(answer_losses="right"))(batch(), Counts(6, 3))
    right = [[example[label]] for example, label in zip(EXAMPLES, LABELS, strict=True)]
    expected = mean_over_sequences(model, 20 + 3 + 12, right).detach()
    torch.testing.assert_close(losses["text_loss"], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("answer_losses", ["all", "right"])
def test_an_example_of_weight_3_counts_as_three_in_both_losses(model, plan, answer_losses):
    objective = FineTuning(model, plan(answer_losses=answer_losses))
    counts = Counts(6, 3)
    weighted = Sequences.of(pack(EXAMPLES, LABELS, weights=[3.0, 1.0, 0.0]))
    repeated = batch([EXAMPLES[0]] * 3 + [EXAMPLES[1]], [LABELS[0]] * 3 + [LABELS[1]])
    for name, loss in objective(weighted, counts).items():
        torch.testing.assert_close(loss, objective(repeated, counts)[name], rtol=0, atol=1e-6)


def test_where_nothing_is_chosen_the_text_of_all_sequences_counts(plan):
    pair = GPT(SETTINGS, HeadSettings(combine="add", outputs=3), seed=3).double().eval()
    examples = batch([[[1, 2, 3], [4, 5]], [[6, 7, 8, 9], [3, 4]]], [0, 2])
    right, every = (FineTuning(pair, plan(answer_losses=which)) for which in ("right", "all"))
    assert torch.equal(right(examples, Counts(4, 2))["loss"], every(examples, Counts(4, 2))["loss"])


def test_without_the_auxiliary_loss_only_the_task_counts(model, plan):
    losses = FineTuning(model, plan(language_model_weight=0.0))(batch(), Counts(6, 3))
    assert set(losses) == {"loss", "task_loss"}
    assert torch.equal(losses["loss"], losses["task_loss"])


@pytest.mark.parametrize("points", [{}, {"answer_losses": "right", "softmax_rows": 20 + 3}])
def test_micro_batches_add_up_to_the_gradient_of_the_whole_batch(model, plan, points):
    objective, whole = FineTuning(model, plan(**points)), pack(EXAMPLES, LABELS)
    objective(Sequences.of(whole), Counts(6, 3))["loss"].backward()
    expected = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    for part in whole.split(2):
        objective(Sequences.of(part), Counts(6, 3))["loss"].backward()
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=1e-7)  # scores are fp32
