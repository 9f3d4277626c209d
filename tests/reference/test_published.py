"""Configurations as their makers published them: the sizes that they have, nothing in them unknown, nothing guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foretext.checkpoints.families import read_shape
from foretext.checkpoints.fields import Fields
from foretext.checkpoints.planned import planned
from foretext.model.settings import SPECIALS, ModelSettings
from foretext.training.muon import Muon, matrices

CONFIG = Path("config.json")
USUAL = {"transformers_version": "4.40.0", "use_cache": True, "initializer_range": 0.02}
DISTILGPT2: dict[str, Any] = {
    "_num_labels": 1,
    "activation_function": "gelu_new",
    "architectures": ["GPT2LMHeadModel"],
    "attn_pdrop": 0.1,
    "bos_token_id": 50256,
    "embd_pdrop": 0.1,
    "eos_token_id": 50256,
    "id2label": {"0": "LABEL_0"},
    "label2id": {"LABEL_0": 0},
    "layer_norm_epsilon": 1e-05,
    "model_type": "gpt2",
    "n_ctx": 1024,
    "n_embd": 768,
    "n_head": 12,
    "n_layer": 6,
    "n_positions": 1024,
    "resid_pdrop": 0.1,
    "summary_activation": None,
    "summary_first_dropout": 0.1,
    "summary_proj_to_labels": True,
    "summary_type": "cls_index",
    "summary_use_proj": True,
    "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
    "vocab_size": 50257,
    **USUAL,
}
PYTHIA_70M: dict[str, Any] = {
    "architectures": ["GPTNeoXForCausalLM"],
    "bos_token_id": 0,
    "eos_token_id": 0,
    "hidden_act": "gelu",
    "hidden_size": 512,
    "intermediate_size": 2048,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 2048,
    "model_type": "gpt_neox",
    "num_attention_heads": 8,
    "num_hidden_layers": 6,
    "rotary_emb_base": 10000,
    "rotary_pct": 0.25,
    "tie_word_embeddings": False,
    "torch_dtype": "float16",
    "use_parallel_residual": True,
    "vocab_size": 50304,
    **USUAL,
}
SMOLLM2_135M: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 576,
    "initializer_range": 0.041666666666666664,
    "intermediate_size": 1536,
    "is_llama_config": True,
    "max_position_embeddings": 8192,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 9,
    "num_hidden_layers": 30,
    "num_key_value_heads": 3,
    "pad_token_id": 2,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_interleaved": False,
    "rope_scaling": None,
    "rope_theta": 100000,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16", "fp16": "float16"}},
    "vocab_size": 49152,
    "transformers_version": "4.42.3",
    "use_cache": True,
}
SMOLLM2_360M = {
    **SMOLLM2_135M,
    "hidden_size": 960,
    "initializer_range": 0.02,
    "intermediate_size": 2560,
    "num_attention_heads": 15,
    "num_hidden_layers": 32,
    "num_key_value_heads": 5,
}
QWEN3_06B: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 151643,
    "eos_token_id": 151645,
    "head_dim": 128,
    "hidden_act": "silu",
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "max_position_embeddings": 40960,
    "max_window_layers": 28,
    "model_type": "qwen3",
    "num_attention_heads": 16,
    "num_hidden_layers": 28,
    "num_key_value_heads": 8,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000,
    "sliding_window": None,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_sliding_window": False,
    "vocab_size": 151936,
    **USUAL,
}
# Their parameters as they are published, a tied output counted once.
PUBLISHED = {
    "distilgpt2": (DISTILGPT2, 81_912_576),
    "pythia-70m": (PYTHIA_70M, 70_426_624),
    "SmolLM2-135M": (SMOLLM2_135M, 134_515_008),
    "SmolLM2-360M": (SMOLLM2_360M, 361_821_120),
    "Qwen3-0.6B": (QWEN3_06B, 596_049_920),
}
BLOCK = ["attention.output", "attention.query_key_value", "feed_forward.contract", "feed_forward.expand"]


@pytest.fixture(params=PUBLISHED)
def published(request, caplog):
    """A configuration, how many parameters the model has, and ours of its shape, whose weights take no memory."""
    config, count = PUBLISHED[request.param]
    shape = read_shape(config["model_type"], Fields(config, CONFIG))
    assert not caplog.messages, caplog.messages
    return config, count, planned(ModelSettings(**shape), tensors=1_000, source=CONFIG)


def test_their_parameters_are_as_many_as_published_but_for_special_tokens(published):
    config, count, gpt = published
    matrices_with_specials = 1 if config.get("tie_word_embeddings", True) else 2
    assert gpt.parameter_count() == count + matrices_with_specials * SPECIALS * gpt.settings.width


def test_muon_moves_the_matrices_inside_their_layers_and_nothing_else(published, plan):
    """Embeddings, an output, gains and biases go to Adam; queries, keys and values are matrices of their own."""
    _, _, gpt = published
    shape, names = gpt.settings, {parameter: name for name, parameter in gpt.named_parameters()}
    gate = ["feed_forward.gate"] if shape.activation == "swiglu" else []
    found = {names[matrix]: rows for matrix, rows in matrices(gpt).items()}
    assert sorted(found) == sorted(
        f"blocks.{layer}.{one}.weight" for layer in range(shape.layers) for one in BLOCK + gate
    )
    key_rows = (shape.key_heads or shape.heads) * shape.head_size
    assert found["blocks.0.attention.query_key_value.weight"] == [shape.heads * shape.head_size, key_rows, key_rows]
    of_adam = {names[p] for group in Muon(gpt, plan(optimizer="muon")).adam.param_groups for p in group["params"]}
    assert of_adam == set(names.values()) - set(found)
    assert {"embedding", *(["output_matrix"] if shape.output == "own" else [])} <= of_adam
