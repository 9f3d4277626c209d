"""A decoder in a GGUF file, as llama.cpp has it: sizes, tokenizer and weights in one, these often quantised.

    general.architecture          llama, qwen2, qwen3, gpt2, gptneox
    ARCHITECTURE.block_count …    sizes and form
    tokenizer.ggml.…              the tokenizer (tokenizer/gguf_tokens.py)
    token_embd.weight …           the weights (places.py)

The `gguf` library reads it and undoes every quantisation that it can; it is no dependency, since few need it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foretext.checkpoints.decoder_folder import built
from foretext.checkpoints.families import Shape, in_context
from foretext.checkpoints.fields import Fields
from foretext.checkpoints.history import History, Imported
from foretext.checkpoints.places import OF_GGUF
from foretext.checkpoints.released_names import drawn_specials
from foretext.checkpoints.saved_model import SavedModel
from foretext.errors import ModelError
from foretext.tokenizer.gguf_tokens import tokenizer_from_gguf

FORMAT = "gguf"
INSTALL = "pip install gguf"
ARCHITECTURE = "general.architecture"
TO_FAMILY = {"gptneox": "gpt_neox"}  # what transformers calls an architecture, where that is something else
FACTORS = "rope_freqs.weight"  # angles of scaled positions


class Gguf:
    """The tensors of a GGUF file, each undone when it is read; `metadata` are the plain values of its fields."""

    def __init__(self, path: Path) -> None:
        """Reads what the file says of itself.

        Raises:
            ModelError: there is no such file, it is none of GGUF, or it is cut short.
        """
        self.where = path
        self.gguf = _library(path)
        reader = self._reader()
        self.tensors = {tensor.name: tensor for tensor in reader.tensors}
        self.metadata: dict[str, Any] = {name: field.contents() for name, field in reader.fields.items()}
        self.shapes = {name: tuple(reversed(one.shape.tolist())) for name, one in self.tensors.items()}
        for name in {one.tensor_type: name for name, one in self.tensors.items()}.values():
            self._refuse_unknown(name)

    def _reader(self) -> Any:
        if not self.where.is_file():
            raise ModelError(f"there is no file {self.where}")
        try:
            return self.gguf.GGUFReader(self.where)
        except (ValueError, IndexError, KeyError, OverflowError, TypeError, OSError, MemoryError) as error:
            raise ModelError(
                f"{self.where} is no GGUF file, or it is damaged or cut short ({error}); fetch it again"
            ) from error

    def _refuse_unknown(self, name: str) -> None:
        """Nothing if the library undoes the type of this tensor; a block of it is tried."""
        tensor = self.tensors[name]
        try:
            self.gguf.dequantize(tensor.data.reshape(-1, tensor.data.shape[-1])[:1], tensor.tensor_type)
        except NotImplementedError:
            raise ModelError(
                f"{self.where}: {name} is of type {tensor.tensor_type.name}, which the gguf library does not undo; "
                "take a file in Q8_0, Q4_K_M or F16"
            ) from None

    def read(self, name: str) -> Tensor:
        """A tensor in fp32."""
        tensor = self.tensors[name]
        values = self.gguf.dequantize(tensor.data, tensor.tensor_type)
        return torch.from_numpy(np.require(values, np.float32, ["C", "W"])).view(self.shapes[name])

    def types(self) -> str:
        """Which types the weights are of, and how many of each."""
        names = [one.tensor_type.name for one in self.tensors.values()]
        return ", ".join(f"{names.count(name)} {name}" for name in sorted(set(names)))


def read_gguf(path: Path, *, seed: int = 0, context: int | None = None) -> SavedModel:
    """The language model in the GGUF file `path`; special tokens are drawn from `seed`.

    Raises:
        ModelError: the file is damaged, or of a model that cannot be expressed here.
    """
    source = Gguf(path)
    architecture = source.metadata.get(ARCHITECTURE)
    if architecture not in READERS:
        raise ModelError(f"{path}: {ARCHITECTURE} is {architecture!r}; what can be read are {', '.join(READERS)}")
    if FACTORS in source.tensors:
        raise ModelError(f"{path}: positions are scaled (by {FACTORS}), which is not known here")
    fields = Fields(source.metadata, path, prefix=f"{architecture}.")
    shape = READERS[architecture](fields, source.shapes)
    shape["output"] = "own" if _has_own_output(source) else "tied"
    shape = in_context(shape, context, path)
    fields.say_unread(HARMLESS)
    where = _origin(source.metadata, path)
    tokenizer = tokenizer_from_gguf(source.metadata, where=str(path), rows=shape["vocabulary"], source=f"from {where}")
    gpt = built(shape, OF_GGUF[architecture], source, path, seed=seed, context=context)
    record = Imported(
        format=FORMAT,
        source=where,
        seed=seed,
        drawn=drawn_specials(gpt.settings, seed),
        architecture=TO_FAMILY.get(architecture, architecture),
        license=source.metadata.get("general.license"),
        weights=source.types(),
    )
    return SavedModel(gpt, tokenizer, history=History(imported=record), folder=path.parent)


def _library(path: Path) -> Any:
    try:
        import gguf
    except ImportError as error:
        raise ModelError(f"reading {path} takes the library gguf, which is not installed: {INSTALL}") from error
    return gguf


def _has_own_output(source: Gguf) -> bool:
    """Whether there is an output that is not the embedding once more."""
    output, embedding = (source.tensors.get(name) for name in ("output.weight", "token_embd.weight"))
    if output is None or embedding is None:
        return output is not None
    same = output.tensor_type == embedding.tensor_type and output.data.shape == embedding.data.shape
    return not (same and np.array_equal(output.data, embedding.data))


def _origin(metadata: Mapping[str, Any], path: Path) -> str:
    """The file's name, and what it calls the model."""
    model = "/".join(str(metadata[name]) for name in ("general.organization", "general.name") if metadata.get(name))
    return f"{path.name} ({model})" if model else path.name


def _sizes(fields: Fields, shapes: Mapping[str, tuple[int, ...]], *, epsilon: str) -> Shape:
    """What all architectures have; the vocabulary is as large as the embedding."""
    embedding = shapes.get("token_embd.weight")
    if embedding is None:
        raise ModelError(f"{fields.file} lacks token_embd.weight, the embedding")
    return {
        "layers": fields.count("block_count"),
        "width": fields.count("embedding_length"),
        "heads": fields.count("attention.head_count"),
        "feed_forward": fields.count("feed_forward_length"),
        "context": fields.count("context_length"),
        "vocabulary": embedding[0],
        "norm_at": "before",
        "norm_epsilon": _as_written(fields.number(epsilon)),
        **dict.fromkeys(("embedding_dropout", "attention_dropout", "residual_dropout"), 0.0),
    }


def _turning(fields: Fields) -> Shape:
    """Rotary positions; the base must be said.

    Raises:
        ModelError: it is not, or positions are scaled.
    """
    scaling = fields.get("rope.scaling.type", "none")
    if scaling != "none":
        raise fields.wrong("rope.scaling.type", scaling, "none: positions that are scaled are not known here")
    if fields.number("rope.scale_linear", 1.0) != 1.0:
        raise fields.wrong("rope.scale_linear", fields.get("rope.scale_linear"), "1")
    return {"positions": "rotary", "rotary_base": fields.number("rope.freq_base")}


def _llama(fields: Fields, shapes: Mapping[str, tuple[int, ...]], *, query_key_norm: str = "none") -> Shape:
    shape = {**_sizes(fields, shapes, epsilon="attention.layer_norm_rms_epsilon"), **_turning(fields)}
    key_heads = fields.count("attention.head_count_kv", shape["heads"])
    size = fields.count("attention.key_length", max(1, shape["width"] // shape["heads"]))
    for name, wanted in (("attention.value_length", size), ("rope.dimension_count", size)):
        if fields.count(name, wanted) != wanted:
            raise fields.wrong(name, fields.get(name), f"{wanted}, as large as a head")
    if fields.get("expert_count"):
        raise fields.wrong("expert_count", fields.get("expert_count"), "0: mixtures of experts are not known here")
    window = fields.get("attention.sliding_window")
    if window and window < shape["context"]:
        shape["window"] = window
    queries, output, feed_forward = (f"blk.0.{part}.bias" in shapes for part in ("attn_q", "attn_output", "ffn_up"))
    return {
        **shape,
        "norm": "rms",
        "activation": "swiglu",
        "key_heads": key_heads,
        "head_width": size,
        "query_key_norm": query_key_norm,
        "biases": BIASES.get((queries, output, feed_forward), "none"),
    }


def _gpt2(fields: Fields, shapes: Mapping[str, tuple[int, ...]]) -> Shape:
    shape = _sizes(fields, shapes, epsilon="attention.layer_norm_epsilon")
    usual = dict.fromkeys(("embedding_dropout", "attention_dropout", "residual_dropout"), 0.1)  # as it was trained
    return {**shape, **usual}


def _neox(fields: Fields, shapes: Mapping[str, tuple[int, ...]]) -> Shape:
    shape = {**_sizes(fields, shapes, epsilon="attention.layer_norm_epsilon"), **_turning(fields)}
    size = max(1, shape["width"] // shape["heads"])
    return {
        **shape,
        "rotary_share": fields.count("rope.dimension_count") / size,
        "branches": "beside" if fields.flag("use_parallel_residual", True) else "in_turn",
        "activation": "gelu_erf",
    }


def _as_written(epsilon: float) -> float:
    """1e-5 where the file, which keeps fp32, has 9.99999974e-06."""
    return float(f"{epsilon:.6g}")


# By whether queries, the output of attention and the feed-forward layer have them.
BIASES = {
    (True, True, True): "all",
    (True, True, False): "attention",
    (True, False, False): "query_key_value",
    (False, False, True): "feed_forward",
}
READERS: dict[str, Callable[[Fields, Mapping[str, tuple[int, ...]]], Shape]] = {
    "llama": _llama,
    "qwen2": _llama,
    "qwen3": partial(_llama, query_key_norm="rms"),
    "gpt2": _gpt2,
    "gptneox": _neox,
}
HARMLESS = {"vocab_size", "tensor_data_layout", "attention.causal"}
