"""Laws of the decoder, of either backbone: causality, independence of sequences, agreement with the formulas."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
import torch

from foretext.batch import pack
from foretext.errors import SettingsError
from foretext.model.gpt import BACKBONES, GPT, transfer
from foretext.model.sequences import Sequences
from foretext.model.settings import SPECIALS, ModelSettings

SETTINGS = ModelSettings(vocabulary=20, context=12, layers=2, width=16, heads=4)


@pytest.fixture
def model(enlarged):
    return enlarged(SETTINGS)


@pytest.fixture(params=BACKBONES)
def either(request, enlarged):
    """A model of each backbone."""
    return enlarged(SETTINGS.model_copy(update={"backbone": request.param, "lstm_units": 24}))


def test_a_position_never_sees_the_future(either, states):
    one, other = states(either, [1, 2, 3, 4, 5]), states(either, [1, 2, 3, 9, 8])
    torch.testing.assert_close(one[:3], other[:3], rtol=0, atol=1e-14)
    assert (one[3:] - other[3:]).abs().min() > 0


def test_point_11_a_sequence_is_the_same_alone_and_among_others(either, states):
    alone = states(either, [4, 5, 6])
    among = states(either, [1, 2, 3, 4, 5, 6, 7], [4, 5, 6], [9])
    torch.testing.assert_close(among[7:10], alone, rtol=0, atol=1e-14)


@pytest.mark.parametrize("training", [True, False])
def test_evaluating_is_without_dropout_and_leaves_a_model_as_it_was_whatever_happens(model, training):
    model.train(training)
    with suppress(KeyboardInterrupt), model.evaluating():
        assert not any(module.training for module in model.modules())
        raise KeyboardInterrupt
    assert all(module.training is training for module in model.modules())


@pytest.mark.parametrize("layers", [0, 1, 2])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_states_asked_for_alone_are_those_of_a_pass_for_all(enlarged, layers, backbone):
    model = enlarged(SETTINGS.model_copy(update={"backbone": backbone, "lstm_units": 24, "layers": layers}))
    sequences, at = Sequences.of(pack([[[1, 2, 3]], [[4, 5]]])), torch.tensor([4, 2, 0])
    with torch.no_grad():
        torch.testing.assert_close(model(sequences, at).states, model(sequences).states[at], rtol=0, atol=1e-14)


def test_point_01_the_states_are_those_of_the_formulas_written_out(model, states):
    """An independent forward pass: loops over heads and positions, straight from the formulas."""
    ids = [3, 1, 4, 1, 5]
    weights = {name: value.detach() for name, value in model.named_parameters()}
    table = weights["embedding"]
    h = torch.stack([table[token] + table[20 + SPECIALS + place] for place, token in enumerate(ids)])
    for layer in range(2):
        w = {name.split(".", 2)[2]: value for name, value in weights.items() if name.startswith(f"blocks.{layer}.")}
        q, k, v = (h @ w["attention.query_key_value.weight"].T + w["attention.query_key_value.bias"]).split(16, dim=-1)
        mixed = torch.zeros_like(h)
        for head in range(4):
            part = slice(4 * head, 4 * head + 4)
            for i in range(len(ids)):
                seen = torch.stack([q[i, part] @ k[j, part] / math.sqrt(4) for j in range(i + 1)])
                mixed[i, part] = torch.softmax(seen, 0) @ v[: i + 1, part]
        a = mixed @ w["attention.output.weight"].T + w["attention.output.bias"]
        n = normalised(h + a, w["attention_norm.weight"], w["attention_norm.bias"])
        m = gelu(n @ w["feed_forward.expand.weight"].T + w["feed_forward.expand.bias"])
        m = m @ w["feed_forward.contract.weight"].T + w["feed_forward.contract.bias"]
        h = normalised(n + m, w["feed_forward_norm.weight"], w["feed_forward_norm.bias"])
    torch.testing.assert_close(states(model, ids), h, rtol=0, atol=1e-12)


def normalised(x, gain, bias):
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5) * gain + bias


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def test_the_paper_model_has_the_papers_number_of_parameters():
    paper = ModelSettings()
    with torch.device("meta"):
        blocks = GPT.__new__(GPT)
        torch.nn.Module.__init__(blocks)
        from foretext.model.transformer import Block

        count = sum(parameter.numel() for parameter in Block(paper).parameters())
    assert count == 7_087_872
    assert (paper.vocabulary + paper.context) * paper.width + paper.layers * count == 116_534_784


def test_weights_start_normal_with_deviation_002_biases_0_gains_1():
    fresh = GPT(ModelSettings(vocabulary=500, context=16, layers=1, width=64, heads=4), seed=5)
    for name, parameter in fresh.named_parameters():
        if parameter.dim() > 1:
            # The deviation of n samples' deviation is 0.02 / sqrt(2 n); five of those.
            assert abs(float(parameter.std()) - 0.02) < 5 * 0.02 / math.sqrt(2 * parameter.numel()), name
        else:
            assert torch.equal(parameter, torch.full_like(parameter, float(name.endswith("norm.weight")))), name


def test_a_sequence_longer_than_the_context_is_refused(model, states):
    with pytest.raises(SettingsError, match="13 tokens is longer than the context of 12"):
        states(model, list(range(13)))


def test_point_08_embedding_dropout_is_drawn_once_on_the_matrix_for_input_and_softmax():
    """The same entries of a token's row are missing at both ends."""
    model = GPT(
        ModelSettings(vocabulary=20, context=4, layers=0, width=64, heads=4, embedding_dropout=0.5), seed=1
    ).train()
    hidden = model(Sequences.of(pack([[[7, 7]]])))
    row = hidden.matrix[7]
    position = hidden.matrix[20 + SPECIALS]
    assert 10 < int((row == 0).sum()) < 54
    torch.testing.assert_close(hidden.states[0], row + position)


def test_embedding_dropout_may_be_drawn_for_each_token_and_spare_the_softmax():
    settings = ModelSettings(vocabulary=20, context=4, layers=0, width=64, heads=4, embedding_dropout=0.5)
    model = GPT(settings.model_copy(update={"embedding_dropout_on": "input"}), seed=1).train()
    hidden = model(Sequences.of(pack([[[7], [7]]])))
    assert torch.equal(hidden.matrix, model.embedding)
    one, other = hidden.states == 0
    assert 10 < int(one.sum()) < 54
    assert not torch.equal(one, other)


def test_point_07_one_matrix_holds_the_pieces_then_the_special_tokens_then_the_positions():
    model = GPT(ModelSettings(vocabulary=20, context=4, layers=0, width=8, heads=2), seed=1).eval()
    assert model.embedding.shape == (20 + 3 + 4, 8)
    start, extract = 20, 22
    hidden = model(Sequences.of(pack([[[start, 5, extract]]])))
    first_position = 20 + 3
    for place, token in enumerate([start, 5, extract]):
        row = model.embedding[token] + model.embedding[first_position + place]
        torch.testing.assert_close(hidden.states[place], row)


def test_point_07_special_tokens_start_afresh_with_deviation_002():
    shape = ModelSettings(vocabulary=20, context=4, layers=0, width=4096, heads=1)
    source, target = GPT(shape, seed=1), GPT(shape, seed=2)
    transfer(source, target)
    new = target.embedding[20:23].detach()
    assert not torch.isclose(new, source.embedding[20:23]).all(dim=1).any()
    assert torch.equal(target.embedding[:20], source.embedding[:20])
    # The deviation of n samples' deviation is 0.02 / sqrt(2 n); five of those.
    assert abs(float(new.std()) - 0.02) < 5 * 0.02 / math.sqrt(2 * new.numel())


def test_special_tokens_may_start_from_three_pieces():
    source, target = GPT(SETTINGS, seed=1), GPT(SETTINGS, seed=2)
    transfer(source, target, special_tokens_from=[5, 7, 5])
    assert torch.equal(target.embedding[20:23], source.embedding[[5, 7, 5]])
    untouched = GPT(SETTINGS, seed=2)
    transfer(source, untouched, -1, special_tokens_from=[5, 7, 5])  # from scratch there is nothing to start from
    assert torch.equal(untouched.embedding, GPT(SETTINGS, seed=2).embedding)


def test_pieces_and_special_tokens_may_have_a_deviation_of_their_own():
    shape = ModelSettings(vocabulary=20, context=8, layers=1, width=64, heads=1)
    plain = GPT(shape)
    wide = GPT(shape.model_copy(update={"embedding_deviation": 0.06}))
    torch.testing.assert_close(wide.embedding[:23], 3 * plain.embedding[:23])
    wide.embedding.data[:23] = plain.embedding[:23]
    for name, parameter in wide.named_parameters():
        assert torch.equal(parameter, plain.get_parameter(name)), name


@pytest.mark.parametrize(("layers", "taken"), [(-1, []), (0, ["embedding"]), (1, ["embedding", "blocks.0"]),
                                               (None, ["embedding", "blocks.0", "blocks.1"])])  # fmt: skip
def test_point_15_layer_transfer_takes_the_embeddings_and_the_lowest_blocks(layers, taken):
    """The special tokens always start afresh (point 7)."""
    source, target, fresh = GPT(SETTINGS, seed=1), GPT(SETTINGS, seed=2), GPT(SETTINGS, seed=2)
    transfer(source, target, layers)
    for name, parameter in target.named_parameters():
        if parameter.dim() < 2:
            continue  # biases and gains start alike everywhere
        origin = source if any(name.startswith(prefix) for prefix in taken) else fresh
        expected = dict(origin.named_parameters())[name].clone()
        if name == "embedding":
            expected[20:23] = fresh.embedding[20:23]
        assert torch.equal(parameter, expected), name


def test_more_layers_than_there_are_cannot_be_transferred():
    with pytest.raises(SettingsError, match="has 2"):
        transfer(GPT(SETTINGS), GPT(SETTINGS), 3)
