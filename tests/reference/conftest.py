"""Tiny decoders of each family that is imported, made and saved by `transformers` itself.

Every weight, gain and bias is drawn at random, since zeros and ones hide what is left out or done in another order. 8
heads of queries share 2 of keys and values, where a family allows it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

ROWS = 300  # of the embedding: more than the tokenizer has tokens, as in Pythia and Qwen
TEXT = ["the cat sat on the mat and the dog sat too, in 2023"] * 3
LIKE_LLAMA = {
    "vocab_size": ROWS,
    "hidden_size": 64,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "max_position_embeddings": 600,
    "rms_norm_eps": 1e-6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 100_000.0},
    "tie_word_embeddings": True,
}
NEOX = {
    "vocab_size": ROWS,
    "hidden_size": 64,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.25},
}
BIASED = {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": False}
# The class of a configuration, and its fields.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", LIKE_LLAMA),
    "llama, untied and with biases": ("LlamaConfig", {**LIKE_LLAMA, **BIASED}),
    "mistral": ("MistralConfig", {**LIKE_LLAMA, "sliding_window": None, "tie_word_embeddings": False}),
    "qwen2": ("Qwen2Config", LIKE_LLAMA),
    "qwen3": ("Qwen3Config", {**LIKE_LLAMA, "head_dim": 16}),
    "gpt2": ("GPT2Config", {"vocab_size": ROWS, "n_positions": 64, "n_embd": 64, "n_layer": 2, "n_head": 4}),
    "neox": ("GPTNeoXConfig", NEOX),
    "neox, branches in turn": ("GPTNeoXConfig", {**NEOX, "use_parallel_residual": False}),
}


@pytest.fixture(scope="session")
def tokenizer_json(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A byte-level tokenizer as the `tokenizers` library writes it, with one token that controls a model."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=280, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    made.train_from_iterator(TEXT, trainer)
    return str(made.to_str())


def drawn(family: str, **others: Any) -> Any:
    """A model of `transformers` with random weights, in fp32."""
    transformers = pytest.importorskip("transformers")
    config, fields = FAMILIES[family]
    torch.manual_seed(1)
    model = transformers.AutoModelForCausalLM.from_config(getattr(transformers, config)(**{**fields, **others})).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape) * (0.3 if weight.dim() > 1 else 1.0))
    return model


@pytest.fixture(scope="session")
def decoder(tmp_path_factory: pytest.TempPathFactory, tokenizer_json: str) -> Callable[..., tuple[Any, Path]]:
    """Makes a model of a family, and the folder that it was saved in; `save` are words for `save_pretrained`."""

    def make(family: str, *, save: dict[str, Any] | None = None, **others: Any) -> tuple[Any, Path]:
        model, folder = drawn(family, **others), tmp_path_factory.mktemp("decoder")
        (model.to(torch.bfloat16) if save and save.pop("bf16", False) else model).save_pretrained(folder, **save or {})
        (folder / "tokenizer.json").write_text(tokenizer_json)
        return model, folder

    return make


@pytest.fixture
def change() -> Callable[..., None]:
    """Changes fields of the config.json in a folder; None takes one out."""

    def do(folder: Path, **fields: Any) -> None:
        config = {**json.loads((folder / "config.json").read_text()), **fields}
        config = {name: value for name, value in config.items() if value is not None}
        (folder / "config.json").write_text(json.dumps(config))

    return do
