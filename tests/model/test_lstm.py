"""The LSTM backbone: its cells are those of the textbook; the laws it shares with the Transformer stand there."""

from __future__ import annotations

import pytest
import torch

from foretext.errors import SettingsError
from foretext.model.gpt import GPT, transfer
from foretext.model.settings import SPECIALS, ModelSettings, ModelShape

SETTINGS = ModelSettings(vocabulary=20, context=12, backbone="lstm", layers=2, width=16, heads=4, lstm_units=24)


def test_the_states_of_an_lstm_are_those_of_the_formulas_written_out(enlarged, states):
    """Hochreiter and Schmidhuber's cell with a forget gate, gates in the order input, forget, cell, output."""
    model, ids = enlarged(SETTINGS), [3, 1, 4, 1]
    weights = {name: value.detach() for name, value in model.named_parameters()}
    table = weights["embedding"]
    read = [table[token] + table[20 + SPECIALS + place] for place, token in enumerate(ids)]
    for layer in range(2):
        w = {name.split(".", 2)[2]: value for name, value in weights.items() if name.startswith(f"blocks.{layer}.")}
        read = [normalised(x, w["input_norm.weight"], w["input_norm.bias"]) for x in read]
        hidden = cell = torch.zeros(24, dtype=torch.float64)
        for place, x in enumerate(read):
            gates = w["lstm.weight_ih_l0"] @ x + w["lstm.bias_ih_l0"]
            gates = gates + w["lstm.weight_hh_l0"] @ hidden + w["lstm.bias_hh_l0"]
            i, f, g, o = gates.split(24)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            hidden = torch.sigmoid(o) * torch.tanh(cell)
            out = w["output.weight"] @ hidden + w["output.bias"]
            read[place] = normalised(out, w["output_norm.weight"], w["output_norm.bias"])
    torch.testing.assert_close(states(model, ids), torch.stack(read), rtol=0, atol=1e-12)


def normalised(x, gain, bias):
    return (x - x.mean()) / torch.sqrt(x.var(correction=0) + 1e-5) * gain + bias


def test_the_papers_lstm_is_one_layer_of_2048_units():
    """Section 5; its width is not said, so it is the Transformer's."""
    shape = ModelShape(backbone="lstm")
    assert (shape.layers, shape.lstm_units, shape.width) == (1, 2_048, 768)
    assert ModelShape().layers == 12
    assert ModelShape(backbone="lstm", layers=3).layers == 3


def test_an_lstm_as_wide_as_the_model_needs_no_projection(states):
    same = GPT(SETTINGS.model_copy(update={"lstm_units": 16}))
    assert not [name for name, _ in same.named_parameters() if ".output." in name]
    assert states(same.eval(), [1, 2, 3]).shape == (3, 16)


def test_forget_gates_start_open_and_the_other_biases_at_zero():
    for name, parameter in GPT(SETTINGS, seed=3).named_parameters():
        if parameter.dim() == 1:
            expected = torch.full_like(parameter, float(name.endswith("norm.weight")))
            if name.endswith("bias_ih_l0"):
                expected[24:48] = 1.0
            assert torch.equal(parameter, expected), name


@pytest.mark.parametrize(("layers", "taken"), [(-1, ()), (0, ("embedding",)), (1, ("embedding", "blocks.0")),
                                               (None, ("embedding", "blocks"))])  # fmt: skip
def test_lstm_layers_are_transferred_as_blocks_are(layers, taken):
    source, target, fresh = GPT(SETTINGS, seed=1), GPT(SETTINGS, seed=2), GPT(SETTINGS, seed=2)
    transfer(source, target, layers)
    for name, parameter in target.named_parameters():
        if parameter.dim() < 2:
            continue  # biases and gains start alike everywhere
        origin = dict((source if name.startswith(taken) else fresh).named_parameters())[name].clone()
        if name == "embedding":
            origin[20:23] = fresh.embedding[20:23]
        assert torch.equal(parameter, origin), name


def test_a_transformer_takes_no_weights_of_an_lstm():
    transformer = GPT(SETTINGS.model_copy(update={"backbone": "transformer"}))
    with pytest.raises(SettingsError, match="same shape"):
        transfer(GPT(SETTINGS), transformer)
