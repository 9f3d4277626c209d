"""A small model in the layouts of other programs, written here without our writers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from foretext.tokenizer import Tokenizer

LAYERS, WIDTH, HEADS, CONTEXT = 2, 8, 2, 6
TOKENIZER = Tokenizer.learn_from_texts(["the cat sat on the mat\nand the dog sat too"], 30)
BLOCK_SHAPES = [
    [1, WIDTH, 3 * WIDTH],
    [3 * WIDTH],
    [1, WIDTH, WIDTH],
    [WIDTH],
    [WIDTH],
    [WIDTH],
    [1, WIDTH, 4 * WIDTH],
    [4 * WIDTH],
    [1, 4 * WIDTH, WIDTH],
    [WIDTH],
    [WIDTH],
    [WIDTH],
]
BLOCK_NAMES = ["attn.c_attn", "attn.c_proj", "ln_1", "mlp.c_fc", "mlp.c_proj", "ln_2"]
NAMES = ["positions_embed.weight", "tokens_embed.weight"] + [
    f"h.{layer}.{part}.{kind}" for layer in range(LAYERS) for part in BLOCK_NAMES for kind in ("weight", "bias")
]


def shapes() -> list[list[int]]:
    return [[CONTEXT, WIDTH], [TOKENIZER.size, WIDTH], *(BLOCK_SHAPES * LAYERS)]


def arrays() -> list[np.ndarray]:
    """Random weights in the release's order and shapes."""
    draw = np.random.default_rng(5)
    return [draw.normal(0, 0.3, shape).astype(np.float32) for shape in shapes()]


def write_vocabulary(pieces: Path, merges: Path) -> None:
    known = TOKENIZER.vocabulary.pieces
    ids = {piece: number for number, piece in enumerate(known) if number} | {known[0]: 0}
    pieces.write_text(json.dumps(ids))
    merges.write_text("#version: 0.2\n" + "".join(f"{one} {other}\n" for one, other in TOKENIZER.vocabulary.merges))


@pytest.fixture
def weights() -> dict[str, np.ndarray]:
    """The random weights by their released names, as `transformers` shapes them."""
    return {name: array.reshape(array.shape[-2:]) for name, array in zip(NAMES, arrays(), strict=True)}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A folder in the layout of OpenAI's release."""
    folder = tmp_path / "release"
    folder.mkdir()
    flat = np.concatenate([array.ravel() for array in arrays()])
    for number, chunk in enumerate(np.array_split(flat, 10)):
        np.save(folder / f"params_{number}.npy", chunk)
    (folder / "params_shapes.json").write_text(json.dumps(shapes()))
    write_vocabulary(folder / "encoder_bpe_40000.json", folder / "vocab_40000.bpe")
    return folder


@pytest.fixture
def port(tmp_path: Path, weights: dict[str, np.ndarray]) -> Path:
    """A folder of `transformers`, as the published one is: names without a prefix, and the causal masks as buffers."""
    return write_port(tmp_path / "port", weights)


def write_port(folder: Path, weights: dict[str, np.ndarray]) -> Path:
    folder.mkdir()
    config = {"model_type": "openai-gpt", "afn": "gelu", "vocab_size": TOKENIZER.size, "n_positions": CONTEXT}
    config |= {"n_ctx": CONTEXT, "n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS, "attn_pdrop": 0.2}
    (folder / "config.json").write_text(json.dumps(config))
    masks = {f"h.{layer}.attn.bias": torch.ones(1, 1, CONTEXT, CONTEXT).tril() for layer in range(LAYERS)}
    tensors = {name: torch.from_numpy(array) for name, array in weights.items()} | masks
    save_file(tensors, folder / "model.safetensors")
    write_vocabulary(folder / "vocab.json", folder / "merges.txt")
    return folder


@pytest.fixture
def rewrite(port: Path) -> Callable[[dict[str, torch.Tensor | None]], Path]:
    """Changes tensors in the safetensors file of `port`; None takes one away."""

    def change(changes: dict[str, torch.Tensor | None]) -> Path:
        from safetensors.torch import load_file

        tensors: dict[str, torch.Tensor | None] = {**load_file(port / "model.safetensors"), **changes}
        save_file({name: value for name, value in tensors.items() if value is not None}, port / "model.safetensors")
        return port

    return change
