"""GGUF files: written by the `gguf` library from tiny random models, as llama.cpp's converter lays them out."""

from __future__ import annotations

import json
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from foretext.checkpoints.decoder_folder import read_decoder
from foretext.checkpoints.gguf_file import Gguf, read_gguf
from foretext.errors import ModelError

gguf = pytest.importorskip("gguf")
pytest.importorskip("transformers")

Q = gguf.GGMLQuantizationType
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "transformer.wte": "token_embd",
    "transformer.wpe": "position_embd",
    "transformer.ln_f": "output_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "ln_1": "attn_norm",
    "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
    "gpt_neox.embed_in": "token_embd",
    "gpt_neox.final_layer_norm": "output_norm",
    "attention.query_key_value": "attn_qkv",
    "attention.dense": "attn_output",
    "mlp.dense_h_to_4h": "ffn_up",
    "mlp.dense_4h_to_h": "ffn_down",
}
ARCHITECTURES = {
    "llama": "llama",
    "llama, untied and with biases": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "gpt2": "gpt2",
    "neox": "gptneox",
}


def as_converted(architecture, name, tensor, config):
    """The name and numbers of a tensor as llama.cpp's converter writes them."""
    stem, _, kind = name.rpartition(".")
    layer = next((part for part in stem.split(".") if part.isdigit()), None)
    part = stem.split(f".{layer}.")[1] if layer else stem
    values = tensor.float().numpy()
    if architecture == "llama" and part in ("self_attn.q_proj", "self_attn.k_proj"):
        heads = config.num_attention_heads if "q_proj" in part else config.num_key_value_heads
        shape = values.shape
        values = values.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)
    if architecture == "gpt2" and part.split(".")[-1] in ("c_attn", "c_proj", "c_fc"):
        values = values.T
    if architecture == "gptneox" and part == "attention.query_key_value":
        heads = config.num_attention_heads
        by_head = values.reshape(heads, 3, -1, *values.shape[1:])
        values = np.concatenate([by_head[:, which].reshape(-1, *values.shape[1:]) for which in range(3)])
    return (f"blk.{layer}." if layer else "") + f"{NAMES[part]}.{kind}", np.ascontiguousarray(values)


def fields_of(architecture, config):
    """The sizes that a file states."""
    get = lambda *names: next(getattr(config, name) for name in names if getattr(config, name, None))  # noqa: E731
    width, heads = get("hidden_size"), get("num_attention_heads")
    fields = {
        "block_count": get("num_hidden_layers"),
        "context_length": get("max_position_embeddings"),
        "embedding_length": width,
        "feed_forward_length": get("intermediate_size") if architecture != "gpt2" else 4 * width,
        "attention.head_count": heads,
    }
    if architecture in ("gpt2", "gptneox"):
        fields["attention.layer_norm_epsilon"] = get("layer_norm_epsilon", "layer_norm_eps")
    else:
        fields["attention.layer_norm_rms_epsilon"] = config.rms_norm_eps
        fields["attention.head_count_kv"] = config.num_key_value_heads
        size = getattr(config, "head_dim", None) or width // heads
        fields |= {"attention.key_length": size, "attention.value_length": size}
    if architecture != "gpt2":
        fields["rope.freq_base"] = config.rope_parameters["rope_theta"]
    if architecture == "gptneox":
        fields |= {"rope.dimension_count": 4, "use_parallel_residual": config.use_parallel_residual}
    return fields


@pytest.fixture(scope="session")
def write(tokenizer_json):
    """Writes a model of theirs to a file; `types` says how tensors are quantised, `changed` alters fields."""

    def do(path, family, theirs, *, types=None, changed=None, more=None):
        architecture, model = ARCHITECTURES[family], json.loads(tokenizer_json)["model"]
        writer = gguf.GGUFWriter(path, architecture)
        fields = {f"{architecture}.{name}": value for name, value in fields_of(architecture, theirs.config).items()}
        tokens = sorted(model["vocab"], key=model["vocab"].get)
        fields |= {
            "general.license": "apache-2.0",
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": "gpt-2",
            "tokenizer.ggml.tokens": tokens,
            "tokenizer.ggml.token_type": [3, *[1] * (len(tokens) - 1)],
            "tokenizer.ggml.merges": [" ".join(merge) for merge in model["merges"]],
        }
        for name, value in {**fields, **(changed or {})}.items():
            add(writer, name, value)
        weights = dict(theirs.named_parameters())
        for name, weight in weights.items():
            theirs_name, values = as_converted(architecture, name, weight.detach(), theirs.config)
            kind = (types or {}).get(theirs_name, Q.F32)
            if kind == Q.F32:
                writer.add_tensor(theirs_name, values)
            else:
                writer.add_tensor(theirs_name, gguf.quantize(values, kind), raw_dtype=kind)
        for name, values in (more or {}).items():
            writer.add_tensor(name, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return do


def add(writer, name, value):
    """A field of the type that the format has for such values; None leaves it out."""
    if value is None or name == "general.architecture":
        return
    kinds = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
    (writer.add_array if isinstance(value, list) else kinds[type(value)])(name, value)


@pytest.mark.parametrize("family", ARCHITECTURES)
def test_a_file_and_a_folder_are_one_model(family, decoder, write, tmp_path):
    theirs, folder = decoder(family)
    one, other = read_decoder(folder), read_gguf(write(tmp_path / "model.gguf", family, theirs))
    pieces = one.gpt.settings.vocabulary
    assert other.gpt.settings.own_form == one.gpt.settings.own_form
    assert other.history.imported.license == "apache-2.0"
    for (name, mine), weight in zip(one.gpt.named_parameters(), other.gpt.parameters(), strict=True):
        if name in ("embedding", "output_matrix"):  # but for the special tokens
            assert torch.equal(mine[:pieces], weight[:pieces])
            assert torch.equal(mine[pieces + 3 :], weight[pieces + 3 :])
        else:
            assert torch.equal(mine, weight), name
    assert one.tokenizer.encode("the cat sat in 2023") == other.tokenizer.encode("the cat sat in 2023")


UNDONE = [Q.F16, Q.BF16, Q.Q8_0, Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1]


@pytest.mark.parametrize("kind", UNDONE, ids=lambda kind: kind.name)
def test_a_quantised_tensor_is_what_the_library_undoes(kind, decoder, write, tmp_path):
    theirs, _ = decoder("llama")
    name = "blk.0.ffn_gate.weight"  # 48 rows of 64
    path = write(tmp_path / "model.gguf", "llama", theirs, types={name: kind})
    values = dict(theirs.named_parameters())["model.layers.0.mlp.gate_proj.weight"].detach().numpy()
    wanted = torch.from_numpy(gguf.dequantize(gguf.quantize(values, kind), kind).reshape(values.shape).copy())
    saved = read_gguf(path)
    assert torch.equal(saved.gpt.blocks[0].feed_forward.gate.weight, wanted)
    assert f"1 {kind.name}" in saved.history.imported.weights


K_TYPES = [kind for kind in Q if kind.name.endswith("_K") or kind.name.startswith(("IQ", "TQ"))]


@pytest.mark.parametrize("kind", K_TYPES, ids=lambda kind: kind.name)
def test_every_type_that_the_library_undoes_is_read_to_the_bit_and_others_are_refused(kind, tmp_path):
    """A random block of each."""
    size, bytes_of_a_block = gguf.GGML_QUANT_SIZES[kind]
    block = np.random.default_rng(1).integers(0, 60, (2, bytes_of_a_block), dtype=np.uint8)
    writer = gguf.GGUFWriter(tmp_path / "one.gguf", "llama")
    writer.add_tensor("one", block, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    try:
        wanted = gguf.dequantize(block, kind)
    except NotImplementedError:
        with pytest.raises(ModelError, match=f"one is of type {kind.name}, which the gguf library does not undo"):
            Gguf(tmp_path / "one.gguf")
        return
    assert torch.equal(Gguf(tmp_path / "one.gguf").read("one"), torch.from_numpy(wanted.reshape(2, size)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"llama.rope.freq_base": None}, "model.gguf lacks llama.rope.freq_base"),
        ({"llama.rope.scaling.type": "yarn"}, "llama.rope.scaling.type is 'yarn'; it must be none"),
        ({"llama.rope.dimension_count": 4}, "llama.rope.dimension_count is 4; it must be 8, as large as a head"),
        ({"llama.rope.scale_linear": 2.0}, "llama.rope.scale_linear is 2.0; it must be 1"),
        ({"llama.attention.sliding_window": 8}, "sliding_window is 8, below the context of 600"),
        ({"llama.expert_count": 8}, "llama.expert_count is 8; it must be 0"),
        ({"llama.block_count": 3}, "it lacks blk.2.attn_k.weight"),
        ({"tokenizer.ggml.pre": "default"}, "tokenizer.ggml.pre is 'default'"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(changed, message, decoder, write, tmp_path):
    theirs, _ = decoder("llama")
    with pytest.raises(ModelError, match=message):
        read_gguf(write(tmp_path / "model.gguf", "llama", theirs, changed=changed))


def test_an_architecture_that_is_not_known_and_files_that_are_none_are_refused(decoder, write, tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "other.gguf", "mamba")
    writer.add_tensor("one", np.zeros(4, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelError, match="general.architecture is 'mamba'; what can be read are llama, qwen2, qwen3"):
        read_gguf(tmp_path / "other.gguf")
    with pytest.raises(ModelError, match="there is no file"):
        read_gguf(tmp_path / "none.gguf")
    theirs, _ = decoder("llama")
    whole = write(tmp_path / "model.gguf", "llama", theirs).read_bytes()
    for length in (0, 3, 20, 500, len(whole) // 2, len(whole) - 40):
        (tmp_path / "cut.gguf").write_bytes(whole[:length])
        with pytest.raises(ModelError, match="cut.gguf is no GGUF file, or it is damaged or cut short"):
            read_gguf(tmp_path / "cut.gguf")


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ModelError, match="takes the library gguf, which is not installed: pip install"):
        read_gguf(tmp_path / "model.gguf")


def test_angles_that_a_tensor_scales_are_refused_though_no_field_says_so(decoder: Any, write: Any, tmp_path: Path):
    theirs, _ = decoder("llama")
    factors = {"rope_freqs.weight": np.ones(4, dtype=np.float32)}  # as in files of Llama 3.1
    with pytest.raises(ModelError, match=r"positions are scaled \(by rope_freqs.weight\)"):
        read_gguf(write(tmp_path / "model.gguf", "llama", theirs, more=factors))


def test_no_tensor_is_kept_while_the_next_is_read(
    decoder: Any, write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    theirs, _ = decoder("llama")
    path = write(tmp_path / "model.gguf", "llama", theirs, types={"token_embd.weight": Q.Q8_0})
    alive, read = [], Gguf.read

    def watched(self: Gguf, name: str) -> torch.Tensor:
        assert not [one for one in alive if one() is not None], name
        tensor = read(self, name)
        alive.append(weakref.ref(tensor))
        return tensor

    monkeypatch.setattr(Gguf, "read", watched)
    read_gguf(path)
    assert len(alive) == 20  # 9 of each layer, the embedding, the last norm
