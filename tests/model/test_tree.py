"""What sequences share is computed once, and nothing follows from that but less work."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention as kernel

from foretext.batch import pack
from foretext.model import tree
from foretext.model.gpt import GPT
from foretext.model.kernels import attention
from foretext.model.kernels.attention import attend
from foretext.model.sequences import Sequences
from foretext.model.settings import HeadSettings, ModelSettings
from foretext.model.tree import grow
from foretext.training.objectives import Counts, FineTuning, language_model_loss

DOCUMENT, OTHER = [20, 3, 1, 4, 1, 5, 9, 2, 6], [20, 8, 8, 7]
# Two questions about one document, with answers that begin alike and of which one occurs twice; one question about
# another document; sequences of one token.
EXAMPLES = [
    [[*DOCUMENT, 21, 5, 22], [*DOCUMENT, 21, 5, 3, 22], [*DOCUMENT, 21, 22]],
    [[*DOCUMENT, 11, 21, 7, 22], [*DOCUMENT, 11, 21, 7, 22]],
    [[*OTHER, 21, 1, 22], [*OTHER, 21, 2, 22], [*OTHER, 21, 3, 3, 22]],
    [[6], [6]],
]
LABELS = [2, 0, 1, 0]
BATCH = pack(EXAMPLES, LABELS)
COUNTS = Counts(BATCH.sequence_count, BATCH.example_count)
SETTINGS = ModelSettings(
    vocabulary=20,
    context=20,
    layers=2,
    width=16,
    heads=2,
    initial_deviation=0.3,
    embedding_dropout=0,
    attention_dropout=0,
    residual_dropout=0,
)

SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=2, max_size=9)


@pytest.fixture
def eager(monkeypatch):
    """Sharing wherever there is something to share, however little it saves."""
    monkeypatch.setattr(tree, "LEAST_SHARE", 1_000)
    monkeypatch.setattr(tree, "LEAST_SAVED", 1_000)
    monkeypatch.setattr(tree, "SCORES_A_TOKEN", 1_000_000)


def model(reads="extract"):
    return GPT(SETTINGS, HeadSettings(combine="choose", outputs=1, reads=reads, dropout=0), seed=1).double()


def joined(batch=BATCH):
    made = Sequences.of(batch, share_prefixes="in_batches")
    assert made.joined is not None
    return made


def test_the_worked_example_of_the_module(eager):
    grown = tree.grow(pack([[[7, 8, 1], [7, 8, 2, 3]], [[5, 6]]]))
    assert grown.row_lengths.tolist() == [5, 2]
    assert grown.row_sequences.tolist() == [2, 1]
    assert grown.places.tolist() == [0, 1, 2, 0, 1, 3, 4, 5, 6]
    assert grown.before.tolist() == [-1, 0, 1, 1, 3, -1, 5]
    assert grown.closes.tolist() == [5, 5, 3, 5, 5, 7, 7]
    assert joined(pack([[[7, 8, 1], [7, 8, 2, 3]], [[5, 6]]])).tokens.tolist() == [7, 8, 1, 2, 3, 5, 6]


@given(SEQUENCES)
def test_following_tokens_back_from_a_sequences_end_gives_the_sequence(ids):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "LEAST_SHARE", 1_000)
        patch.setattr(tree, "LEAST_SAVED", 1_000)
        patch.setattr(tree, "SCORES_A_TOKEN", 1_000_000)
        sequences = Sequences.of(pack([ids]), share_prefixes="in_batches")
    if sequences.joined is None:
        assert all(one[0] != other[0] for one, other in pairwise(ids))
        return
    tokens, before = sequences.tokens.tolist(), sequences.joined.before.tolist()
    row = [number for number, length in enumerate(sequences.row_lengths) for _ in range(length)]
    column = [place for length in sequences.row_lengths for place in range(length)]
    for end, wanted in zip(sequences.ends.tolist(), ids, strict=True):
        path = [end]
        while before[path[-1]] >= 0:
            path.append(before[path[-1]])
        assert [tokens[place] for place in reversed(path)] == wanted
        seen = sequences.visible[row[end], column[end]].nonzero().squeeze(1).tolist()
        assert seen == sorted(column[place] for place in path)


@pytest.mark.parametrize("reads", ["extract", "mean"])
@pytest.mark.parametrize("points", [{}, {"answer_losses": "right"}])
def test_states_scores_losses_and_gradients_are_those_of_the_sequences_by_themselves(eager, plan, points, reads):
    """L1 counts a shared token once for each sequence it stands in (recipe point 10)."""
    found = {}
    for name, sequences in {"alone": Sequences.of(BATCH), "shared": joined()}.items():
        gpt = model(reads)
        losses = FineTuning(gpt, plan(**points))(sequences, COUNTS)
        losses["loss"].backward()
        hidden = gpt(sequences)
        found[name] = {
            "states": sequences.unjoined(hidden.states),
            "scores": gpt.scores(hidden, sequences),
            **losses,
            **{parameter: value.grad for parameter, value in gpt.named_parameters()},
        }
    assert len(joined().tokens) < len(BATCH.tokens) * 2 // 3
    for name, wanted in found["alone"].items():
        # Scores are fp32, and what follows from them agrees to its last digits.
        exact = name in ("states", "text_loss")
        torch.testing.assert_close(found["shared"][name], wanted, rtol=0, atol=1e-12 if exact else 1e-6, msg=name)


def test_in_float64_throughout_gradients_agree_to_its_last_digits(eager):
    """L1, and the states that a head reads, without the head's fp32 scores."""
    gradients = []
    for sequences in (Sequences.of(BATCH), joined()):
        gpt = model()
        hidden = gpt(sequences)
        read = torch.cat([hidden.states[sequences.ends], sequences.mean(hidden.states)])
        text = language_model_loss(hidden, sequences, COUNTS, rows=SETTINGS.rows)
        (text + (read * torch.linspace(-1, 1, read.numel(), dtype=read.dtype).view_as(read)).sum()).backward()
        gradients.append({name: value.grad for name, value in gpt.named_parameters() if value.grad is not None})
    for name, wanted in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], wanted, rtol=0, atol=1e-12, msg=name)
    assert len(gradients[0]) == 1 + 2 * 12


@pytest.mark.parametrize("at_once", [attention.QUERIES_AT_ONCE, 3])
def test_attention_over_trees_written_out_is_the_kernels(monkeypatch, at_once):
    monkeypatch.setattr(attention, "QUERIES_AT_ONCE", at_once)
    visible = joined().visible
    rows, longest, _ = visible.shape
    drawn = torch.randn(3, rows, 2, longest, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    results = []
    for way in (partial(attend, probability=0.0, visible=visible), partial(kernel, attn_mask=visible[:, None])):
        parts = drawn.clone().requires_grad_()
        mixed = way(*parts)
        mixed.square().sum().backward()
        results.append((mixed.detach(), parts.grad))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=1e-14)


def batch_of(*sequences):
    return pack([[list(ids) for ids in sequences]])


def test_in_examples_what_an_example_shares_follows_from_it_alone():
    """The second begins as the first does, and in a batch of so much else nobody would make a tree of its answers."""
    story, other = list(range(10)), [[[20 + k] * 9] for k in range(40)]
    one = [[*story, 1], [*story, 2]]
    tree = grow(pack([one, [[*story, 3], [*story, 4]], *other]), share_prefixes="in_examples")
    assert tree is not None
    assert tree.row_lengths.tolist() == [12, 12, *[9] * 40]
    assert tree.row_sequences.tolist() == [2, 2, *[1] * 40]
    assert grow(pack([one]), share_prefixes="in_examples").places.tolist() == tree.places[:22].tolist()
    assert grow(pack(other), share_prefixes="in_examples") is None


def test_few_common_tokens_make_no_tree():
    """Similarity's two orders share their start token; the answers of a question their document."""
    a, b = list(range(1, 12)), list(range(30, 42))
    assert tree.grow(batch_of([20, *a, 21, *b, 22], [20, *b, 21, *a, 22])) is None
    assert tree.grow(batch_of([20, *a, 21, 5, 22], [20, *a, 21, 6, 22])) is not None
    assert tree.grow(pack([[[20, *a, 22]], [[20, *b, 22]]])) is None
    assert tree.grow(batch_of([20, *a, 22])) is None


def test_many_long_branches_begin_a_new_row_before_attention_costs_more_than_is_saved():
    stem = list(range(100, 130))
    branches = [[*stem, *range(1_000 * number, 1_000 * number + 60)] for number in range(1, 40)]
    rows = tree.grow(batch_of(*branches)).row_lengths
    assert len(rows) > 1
    assert rows.max() < 600


def test_the_places_of_padding_see_something_so_that_no_softmax_is_empty():
    assert bool(joined().visible.any(-1).all())


def test_an_lstm_shares_nothing():
    lstm = GPT(SETTINGS.model_copy(update={"backbone": "lstm", "lstm_units": 16}))
    assert lstm.sequences(BATCH).joined is None
    assert model().sequences(BATCH).joined is not None


def test_under_dropout_shared_tokens_have_one_state_for_all_their_sequences(eager):
    gpt = GPT(SETTINGS.model_copy(update={"residual_dropout": 0.5}), seed=1).train()
    states = [sequences.unjoined(gpt(sequences).states) for sequences in (Sequences.of(BATCH), joined())]
    first, second = (slice(0, len(DOCUMENT)), slice(12, 12 + len(DOCUMENT)))
    assert np.array_equal(BATCH.tokens[first], BATCH.tokens[second])
    assert not torch.equal(states[0][first], states[0][second])
    assert torch.equal(states[1][first], states[1][second])
