"""Task heads: how an example's sequences meet, and L2."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from foretext.batch import pack
from foretext.model.gpt import GPT
from foretext.model.heads import Grades, TaskHead
from foretext.model.sequences import Sequences
from foretext.model.settings import HeadSettings, ModelSettings


def head(**settings):
    made = TaskHead(HeadSettings(**settings), width=3).double().eval()
    torch.manual_seed(0)
    with torch.no_grad():
        made.linear.weight.normal_()
        made.linear.bias.normal_()
    return made


def sequences(counts, labels=None):
    return Sequences.of(pack([[[1, 2]] * count for count in counts], labels))


STATES = torch.tensor([[1.0, 2, 3], [4, 5, 6], [-1, 0, 2], [0.5, 0, 1], [2, 2, 2]], dtype=torch.float64)


def test_classes_are_scored_by_one_linear_layer():
    one = head(combine="one", outputs=4)
    scores = one(STATES, sequences([1] * 5))
    torch.testing.assert_close(scores.double(), STATES @ one.linear.weight.T + one.linear.bias, atol=1e-5, rtol=0)


def test_the_two_states_of_a_pair_are_added():
    add = head(combine="add", outputs=2)
    scores = add(STATES[:4], sequences([2, 2])).double()
    summed = torch.stack([STATES[0] + STATES[1], STATES[2] + STATES[3]])
    torch.testing.assert_close(scores, summed @ add.linear.weight.T + add.linear.bias, atol=1e-5, rtol=0)


def test_answers_of_one_question_share_a_softmax_and_questions_may_have_any_number():
    choose = head(combine="choose", outputs=1)
    batch = sequences([2, 3], labels=[1, 0])
    scores = choose(STATES, batch)
    expected = -(scores[:2, 0].log_softmax(0)[1] + scores[2:, 0].log_softmax(0)[0])
    torch.testing.assert_close(choose.loss(scores, batch), expected)


def test_the_loss_of_classes_is_the_negative_log_probability_of_the_labels():
    one = head(combine="one", outputs=3)
    batch = sequences([1] * 5, labels=[0, 2, 1, 1, 0])
    scores = one(STATES, batch)
    picked = scores.softmax(-1)[torch.arange(5), batch.labels]
    torch.testing.assert_close(one.loss(scores, batch), -picked.log().sum())


def test_point_16_a_score_between_two_grades_is_a_share_of_both():
    """STS-B: a soft choice among whole grades."""
    soft = Grades(HeadSettings(outputs=6, target="grades")).soft(torch.tensor([3.25, 0.0, 5.0]))
    expected = torch.tensor([[0, 0, 0, 0.75, 0.25, 0], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1.0]])
    torch.testing.assert_close(soft, expected)


def test_the_predicted_score_of_grades_is_the_expected_grade():
    grades = head(combine="one", outputs=3, target="grades", low=1.0, step=0.5)
    values = grades.decode(torch.log(torch.tensor([[0.2, 0.3, 0.5]])))
    torch.testing.assert_close(values, torch.tensor([[0.2 * 1 + 0.3 * 1.5 + 0.5 * 2, 0.2, 0.3, 0.5]]))


def test_a_value_is_learned_on_a_standard_scale_and_given_back_on_its_own():
    value = head(combine="one", outputs=1, target="value", low=10.0, step=4.0)
    batch = sequences([1] * 2, labels=np.array([14.0, 10.0]))
    scores = torch.tensor([[1.0], [2.0]])
    assert float(value.loss(scores, batch)) == pytest.approx((1 - 1) ** 2 + (2 - 0) ** 2)
    torch.testing.assert_close(value.decode(scores), torch.tensor([[14.0], [18.0]]))


def test_each_of_several_labels_has_a_sigmoid_of_its_own():
    several = head(combine="one", outputs=3, target="labels")
    wanted = torch.tensor([[1.0, 0, 1], [0, 0, 0]], dtype=torch.float64)
    batch = sequences([1, 1], labels=wanted.tolist())
    scores = several(STATES[:2], batch)
    likelihoods = torch.where(wanted > 0, scores.sigmoid(), 1 - scores.sigmoid())
    torch.testing.assert_close(several.loss(scores, batch), -likelihoods.log().sum())


@pytest.mark.parametrize(
    ("settings", "labels"),
    [
        ({"outputs": 3}, [0, 2]),
        ({"outputs": 1, "combine": "choose"}, [0, 0]),
        ({"outputs": 3, "target": "grades"}, [0.5, 2.0]),
        ({"outputs": 1, "target": "value"}, [0.5, 2.0]),
        ({"outputs": 3, "target": "labels"}, [[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]),
    ],
)
def test_an_example_of_weight_3_counts_as_three(settings, labels):
    made = head(**settings)

    def loss(counts: list[int], weights: list[float] | None = None) -> torch.Tensor:
        """With so many copies of the first example and of the second."""
        places = [0] * counts[0] + [1] * counts[1]
        batch = Sequences.of(pack([[[1, 2]]] * len(places), [labels[place] for place in places], weights=weights))
        return made.loss(made(STATES[places], batch), batch)

    torch.testing.assert_close(loss([1, 1], [3.0, 1.0]), loss([3, 1]))
    torch.testing.assert_close(loss([1, 1], [0.0, 2.0]), loss([0, 2]))


TAGGED = [[[1, 2, 3]], [[4, 5]]]


def test_an_example_whose_tokens_are_tagged_counts_by_its_weight_too():
    tagger = head(combine="one", outputs=2, target="tags", reads="tokens")
    tags = [[[-1, 0, 1]], [[1, -1]]]
    batch = Sequences.of(pack(TAGGED, tags=tags, weights=[3.0, 1.0]))
    logs = tagger(STATES, batch).log_softmax(-1)
    torch.testing.assert_close(
        tagger.loss(tagger(STATES, batch), batch), -(3 * (logs[1, 0] + logs[2, 1]) / 2 + logs[3, 1])
    )


def test_the_loss_of_tags_is_the_mean_over_the_tokens_of_an_example_that_have_one():
    tagger = head(combine="one", outputs=2, target="tags", reads="tokens")
    batch = Sequences.of(pack(TAGGED, tags=[[[-1, 0, 1]], [[1, -1]]]))
    scores = tagger(STATES, batch)
    logs = scores.log_softmax(-1)
    expected = -((logs[1, 0] + logs[2, 1]) / 2 + logs[3, 1])
    torch.testing.assert_close(tagger.loss(scores, batch), expected)
    torch.testing.assert_close(tagger.decode(scores), logs)


def test_an_example_without_a_tagged_token_adds_nothing():
    tagger = head(combine="one", outputs=2, target="tags", reads="tokens")
    batch = Sequences.of(pack(TAGGED, tags=[[[-1, -1, -1]], [[1, -1]]]))
    scores = tagger(STATES, batch)
    torch.testing.assert_close(tagger.loss(scores, batch), -scores[3].log_softmax(-1)[1])


def test_a_head_of_tags_reads_every_token_of_every_sequence_shared_or_not():
    settings = ModelSettings(vocabulary=20, context=30, layers=2, width=16, heads=2, initial_deviation=0.3)
    model = GPT(settings, HeadSettings(outputs=3, target="tags", reads="tokens"), seed=1).eval()
    batch = pack([[[*range(1, 13), 7]], [[*range(1, 13), 8, 9]]])
    apart, shared = (Sequences.of(batch, share_prefixes=share) for share in ("no", "in_batches"))
    assert len(shared.tokens) < len(apart.tokens) == 27
    with torch.no_grad():
        torch.testing.assert_close(model.read(apart), model.read(shared), rtol=0, atol=1e-5)
        alone = model.read(Sequences.of(pack([[[*range(1, 13), 8, 9]]])))
    torch.testing.assert_close(model.read(apart)[13:].detach(), alone, rtol=0, atol=1e-5)


def test_dropout_before_a_head_of_tags_draws_one_mask_an_example():
    tagger = TaskHead(HeadSettings(outputs=2, target="tags", reads="tokens", dropout=0.5), width=3).train()
    torch.manual_seed(1)
    scores = tagger(torch.ones(5, 3), Sequences.of(pack(TAGGED)))
    assert torch.equal(scores[0], scores[2])
    assert torch.equal(scores[3], scores[4])
    assert not torch.equal(scores[0], scores[3])


def test_point_12_classifier_dropout_draws_one_mask_an_example_for_all_its_choices():
    choose = TaskHead(HeadSettings(combine="choose", outputs=1, dropout=0.5), width=3).train()
    torch.manual_seed(1)
    same = torch.ones(6, 3)
    scores = choose(same, sequences([2, 2, 2]))
    assert all(scores[2 * k] == scores[2 * k + 1] for k in range(3))
    assert len(set(scores.ravel().tolist())) > 1


@pytest.mark.parametrize("reads", ["extract", "mean"])
def test_the_head_reads_the_extract_token_or_the_mean_of_all_states(reads):
    settings = ModelSettings(vocabulary=20, context=8, layers=1, width=16, heads=2)
    model = GPT(settings, HeadSettings(outputs=3, reads=reads), seed=1).eval()
    batch = Sequences.of(pack([[[1, 2, 3]], [[4, 5]]]))
    hidden = model(batch)
    read = {
        "extract": torch.stack([hidden.states[2], hidden.states[4]]),
        "mean": torch.stack([hidden.states[:3].mean(0), hidden.states[3:].mean(0)]),
    }
    torch.testing.assert_close(model.scores(hidden, batch), model.head.linear(read[reads]))


@pytest.mark.parametrize("reads", ["extract", "mean"])
@pytest.mark.parametrize("combine", ["one", "add", "choose"])
def test_scores_read_where_the_head_looks_are_those_of_a_whole_pass(combine, reads):
    outputs = 1 if combine == "choose" else 3
    settings = ModelSettings(vocabulary=20, context=8, layers=2, width=16, heads=2, initial_deviation=0.3)
    gpt = GPT(settings, HeadSettings(combine=combine, outputs=outputs, reads=reads), seed=1).eval()
    batch = Sequences.of(pack([[[1, 2, 3], [4, 5]], [[6], [7, 8, 9, 1]]] if combine != "one" else [[[1, 2, 3]], [[4]]]))
    with torch.no_grad():
        # Sums run in another order for other shapes: a few units in the last of float32's seven digits.
        torch.testing.assert_close(gpt.read(batch), gpt.scores(gpt(batch), batch), rtol=0, atol=1e-6)
