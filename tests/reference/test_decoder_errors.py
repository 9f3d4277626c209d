"""What cannot be read of a decoder's folder is refused by name: the file, the field, what it says and what is known."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from foretext.checkpoints.decoder_folder import read_decoder
from foretext.errors import ModelError

pytest.importorskip("transformers")

FILE = "model.safetensors"


@pytest.fixture(scope="module")
def saved(decoder):
    """A folder of each of three families."""
    return {family: decoder(family)[1] for family in ("llama", "mistral", "qwen3", "neox", "gpt2")}


@pytest.fixture
def folder(saved, tmp_path):
    """A copy of one of them."""
    return lambda family: shutil.copytree(saved[family], tmp_path / family)


@pytest.mark.parametrize(
    ("family", "fields", "message"),
    [
        (
            "llama",
            {"model_type": "falcon"},
            "config.json: model_type is 'falcon'; what can be read are openai-gpt, llama,",
        ),
        ("llama", {"num_hidden_layers": None}, "config.json lacks num_hidden_layers"),
        ("llama", {"hidden_act": "gelu"}, "config.json: hidden_act is 'gelu'; it must be one of silu"),
        ("llama", {"num_attention_heads": "8"}, "num_attention_heads is '8'; it must be a whole number above 0"),
        ("llama", {"rope_parameters": None}, "lacks rope_theta, and rope_parameters with rope_theta"),
        (
            "llama",
            {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0}},
            "rope_parameters: rope_type is 'yarn'; it must be default: positions that are scaled are not known",
        ),
        ("llama", {"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_scaling: rope_type is 'linear'"),
        ("llama", {"rope_theta": 10_000.0}, "rope_theta is given as 10000.0 and as 100000.0"),
        ("llama", {"rope_interleaved": True}, "rope_interleaved is True; it must be False"),
        ("llama", {"quantization_config": {"bits": 4}}, "quantization_config is {'bits': 4}"),
        ("llama", {"num_key_value_heads": 3}, "config.json: heads 8 is not a multiple of key heads 3"),
        ("llama", {"hidden_size": 32}, "embed_tokens.weight has shape"),
        (
            "llama",
            {"num_hidden_layers": 1},
            r"has model.layers.1.input_layernorm.weight, .* which nothing there asks for",
        ),
        ("llama", {"num_hidden_layers": 3}, "it lacks model.layers.2.input_layernorm.weight"),
        ("llama", {"attention_bias": True}, r"it lacks model.layers.0.self_attn.k_proj.bias, .*o_proj.bias"),
        ("llama", {"tie_word_embeddings": False}, "it lacks lm_head.weight"),
        ("mistral", {"sliding_window": 500}, "sliding_window is 500, below the context of 600.* --context 500"),
        ("qwen3", {"head_dim": None}, "config.json lacks head_dim"),
        ("qwen3", {"use_sliding_window": True, "sliding_window": 8, "layer_types": None}, "sliding_window is 8, below"),
        ("neox", {"rope_parameters": {"rope_theta": 1e4}}, "lacks rotary_pct, and rope_parameters with partial_rotary"),
        (
            "gpt2",
            {"scale_attn_by_inverse_layer_idx": True},
            "scale_attn_by_inverse_layer_idx is True; it must be False",
        ),
        (
            "gpt2",
            {"activation_function": "tanh"},
            "activation_function is 'tanh'; it must be one of gelu_new, gelu, relu",
        ),
    ],
)
def test_a_configuration_that_cannot_be_read_is_refused(family, fields, message, folder, change):
    changed = folder(family)
    change(changed, **fields)
    with pytest.raises(ModelError, match=message):
        read_decoder(changed)


def test_a_window_that_is_not_in_effect_changes_nothing(folder, change):
    mistral = folder("mistral")
    change(mistral, sliding_window=600)
    assert read_decoder(mistral).gpt.settings.context == 600
    change(mistral, sliding_window=500)
    assert read_decoder(mistral, context=500).gpt.settings.context == 500


@pytest.mark.parametrize(
    "fields",
    [
        {"use_sliding_window": False, "layer_types": None},
        {"use_sliding_window": True, "layer_types": ["full_attention"] * 2},
    ],
    ids=["switched off", "of no layer"],
)
def test_a_window_that_a_file_names_and_no_layer_has_is_none(fields: dict[str, Any], folder: Any, change: Any):
    qwen3 = folder("qwen3")
    change(qwen3, sliding_window=8, **fields)
    assert read_decoder(qwen3).gpt.settings.context == 600


def test_the_context_grows_with_rotary_positions_alone(folder):
    assert read_decoder(folder("llama"), context=2_000).gpt.settings.context == 2_000
    gpt2 = folder("gpt2")
    short = read_decoder(gpt2, context=32).gpt
    assert torch.equal(short.embedding[303:], read_decoder(gpt2).gpt.embedding[303 : 303 + 32])
    with pytest.raises(ModelError, match="learned positions for 64 tokens, and none for a context of 65"):
        read_decoder(gpt2, context=65)


@pytest.mark.parametrize("family", ["llama", "neox", "gpt2"])
def test_a_tensor_that_is_renamed_added_or_lost_is_named(family, folder):
    changed = folder(family)
    tensors = load_file(changed / FILE)
    name = sorted(tensors)[3]
    for other, message in (
        ({("other." + key if key == name else key): value for key, value in tensors.items()}, f"lacks {name} and has"),
        ({**tensors, "score.weight": torch.zeros(2, 64)}, "it has score.weight, which nothing there asks for"),
        ({key: value for key, value in tensors.items() if key != name}, f"lacks {name}"),
    ):
        save_file(other, changed / FILE)
        with pytest.raises(ModelError, match=f"{FILE} .*{message}"):
            read_decoder(changed)


def test_tensors_without_weights_and_names_without_prefix_are_known(folder):
    """As in the files of GPT-2 on the Hub."""
    gpt2 = folder("gpt2")
    before, tensors = read_decoder(gpt2).gpt, load_file(gpt2 / FILE)
    bare = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    save_file({**bare, "h.0.attn.bias": torch.ones(1, 1, 8, 8).tril().to(torch.uint8)}, gpt2 / FILE)
    after = read_decoder(gpt2).gpt
    assert all(torch.equal(one, other) for one, other in zip(before.parameters(), after.parameters(), strict=True))
    save_file({**bare, **{name: tensor.clone() for name, tensor in tensors.items()}}, gpt2 / FILE)
    with pytest.raises(ModelError, match="are the same part of a model"):
        read_decoder(gpt2)


def test_masks_and_angles_in_a_file_of_neox_are_no_weights(folder):
    """As in the files of Pythia, which have one number for what is hidden."""
    neox = folder("neox")
    before, tensors = read_decoder(neox).gpt, load_file(neox / FILE)
    layer = "gpt_neox.layers.0.attention"
    more = {
        f"{layer}.bias": torch.ones(1, 1, 8, 8).tril().bool(),
        f"{layer}.masked_bias": torch.tensor(-1e4, dtype=torch.float16),
        f"{layer}.rotary_emb.inv_freq": torch.ones(2),
    }
    save_file({**tensors, **more}, neox / FILE)
    after = read_decoder(neox).gpt
    assert all(torch.equal(one, other) for one, other in zip(before.parameters(), after.parameters(), strict=True))


def test_a_tied_output_may_stand_there_if_it_is_the_embedding(folder):
    llama = folder("llama")
    tensors = load_file(llama / FILE)
    embedding = tensors["model.embed_tokens.weight"]
    save_file({**tensors, "lm_head.weight": embedding.clone()}, llama / FILE)
    assert read_decoder(llama).gpt.output_matrix is None
    save_file({**tensors, "lm_head.weight": embedding + 1}, llama / FILE)
    with pytest.raises(ModelError, match="lm_head.weight is not model.embed_tokens.weight, though tie_word_embeddings"):
        read_decoder(llama)


def test_numbers_that_are_none_and_files_cut_short_are_refused(folder):
    llama = folder("llama")
    tensors = load_file(llama / FILE)
    tensors["model.norm.weight"][3] = float("nan")
    save_file(tensors, llama / FILE)
    with pytest.raises(ModelError, match="model.norm.weight holds values that are not finite"):
        read_decoder(llama)
    whole = (llama / FILE).read_bytes()
    (llama / FILE).write_bytes(whole[:-1_000])
    with pytest.raises(ModelError, match=f"{FILE} is damaged"):
        read_decoder(llama)


def test_a_pickle_is_not_read(folder):
    llama = folder("llama")
    (llama / FILE).rename(llama / "pytorch_model.bin")
    with pytest.raises(
        ModelError, match=r"neither model.safetensors nor .* pytorch_model.bin is of a format that can run"
    ):
        read_decoder(llama)


def test_a_tokenizer_of_another_model_is_refused(folder, change):
    llama = folder("llama")
    change(llama, vocab_size=100)
    with pytest.raises(ModelError, match="the model's embedding has 100 rows"):
        read_decoder(llama)


def test_fields_that_are_not_known_are_said(folder, change, caplog):
    llama = folder("llama")
    with caplog.at_level("WARNING"):
        read_decoder(llama)
    assert not caplog.messages, caplog.messages
    change(llama, logit_softcapping=30.0)
    with caplog.at_level("WARNING"):
        read_decoder(llama)
    (said,) = caplog.messages
    assert "fields that are not known here were not read: logit_softcapping" in said


def test_descriptions_cut_short_are_named(folder: Any):
    llama = folder("llama")
    (llama / FILE).rename(llama / "model-00001.safetensors")
    (llama / f"{FILE}.index.json").write_text('{"weight_map": {')
    with pytest.raises(ModelError, match=f"{FILE}.index.json cannot be read as JSON"):
        read_decoder(llama)
    (llama / "config.json").write_text((llama / "config.json").read_text()[:-20])
    with pytest.raises(ModelError, match="config.json cannot be read as JSON"):
        read_decoder(llama)
