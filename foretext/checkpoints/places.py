"""Where the tensors of other programs lie in our model: one table of names for each layout.

    here                                llama                                       gpt2              gpt_neox
    embedding, rows of pieces           model.embed_tokens                          wte               embed_in
    embedding, rows of positions                                                    wpe
    output_matrix, rows of pieces       lm_head                                     lm_head           embed_out
    blocks.0.attention.query_key_value  self_attn.q_proj, k_proj, v_proj            attn.c_attn       query_key_value
    …

A place is a view of our memory that one of their tensors fits, to be filled or read. How numbers lie there:

    transposed   matrices of layers are inputs by outputs (GPT-2 in safetensors, not in GGUF)
    by_head      rows of queries, keys and values are those of the first head, then those of the second … (GPT-NeoX in
                 safetensors, not in GGUF)
    in_pairs     rows of queries and keys of a head stand in the order in which pairs are turned, 0, half, 1, half + 1 …
                 (Llama in GGUF)

Of our parameters only the rows of the three special tokens have no place there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from foretext.model.gpt import GPT

QKV = "attention.query_key_value"


class Place(NamedTuple):
    """Part of our memory, as a view that can be filled, and the shape of the tensor there whose numbers it holds."""

    memory: Tensor
    shape: tuple[int, ...]

    def fill(self, tensor: Tensor) -> None:
        """Copies their tensor here."""
        self.memory.copy_(tensor.reshape(self.memory.shape))

    def taken(self) -> Tensor:
        """Their tensor, of what is here."""
        return self.memory.reshape(self.shape)


@dataclass(frozen=True)
class Names:
    """What a layout calls our parameters; those of a layer stand behind `block` with its number."""

    embedding: str
    output: str
    last_norm: str
    block: str
    parts: Mapping[str, str | tuple[str, str, str]]  # query_key_value: one name, or one for each of the three
    positions: str = ""
    prefix: str = ""  # of all names but the output's; files of a model without its output may lack it
    transposed: bool = False
    by_head: bool = False
    in_pairs: bool = False
    ignored: tuple[str, ...] = ()  # patterns of tensors that hold no weights
    other_names: Mapping[str, str] = field(default_factory=dict)  # of what goes by two


LLAMA = Names(
    embedding="model.embed_tokens.weight",
    output="lm_head.weight",
    last_norm="model.norm",
    block="model.layers.{}.",
    prefix="model.",
    parts={
        QKV: ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        "attention.output": "self_attn.o_proj",
        "attention.placing.query_norm": "self_attn.q_norm",
        "attention.placing.key_norm": "self_attn.k_norm",
        "attention_norm": "input_layernorm",
        "feed_forward.gate": "mlp.gate_proj",
        "feed_forward.expand": "mlp.up_proj",
        "feed_forward.contract": "mlp.down_proj",
        "feed_forward_norm": "post_attention_layernorm",
    },
    ignored=(r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq", r"model\.rotary_emb\.inv_freq"),
)
GPT2 = Names(
    embedding="transformer.wte.weight",
    positions="transformer.wpe.weight",
    output="lm_head.weight",
    last_norm="transformer.ln_f",
    block="transformer.h.{}.",
    prefix="transformer.",
    parts={
        QKV: "attn.c_attn",
        "attention.output": "attn.c_proj",
        "attention_norm": "ln_1",
        "feed_forward.expand": "mlp.c_fc",
        "feed_forward.contract": "mlp.c_proj",
        "feed_forward_norm": "ln_2",
    },
    transposed=True,
    ignored=(r"transformer\.h\.\d+\.attn\.(bias|masked_bias)",),  # the causal mask
)
NEOX = Names(
    embedding="gpt_neox.embed_in.weight",
    output="embed_out.weight",
    last_norm="gpt_neox.final_layer_norm",
    block="gpt_neox.layers.{}.",
    prefix="gpt_neox.",
    parts={
        QKV: "attention.query_key_value",
        "attention.output": "attention.dense",
        "attention_norm": "input_layernorm",
        "feed_forward.expand": "mlp.dense_h_to_4h",
        "feed_forward.contract": "mlp.dense_4h_to_h",
        "feed_forward_norm": "post_attention_layernorm",
    },
    by_head=True,
    ignored=(
        r"gpt_neox\.layers\.\d+\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)",
        r"gpt_neox\.rotary_emb\.inv_freq",
    ),
    other_names={"lm_head.weight": "embed_out.weight"},  # transformers 5 in memory
)
OF_FAMILY = {**dict.fromkeys(("llama", "mistral", "qwen2", "qwen3"), LLAMA), "gpt2": GPT2, "gpt_neox": NEOX}

_GGUF_PARTS = {
    "attention.output": "attn_output",
    "attention.placing.query_norm": "attn_q_norm",
    "attention.placing.key_norm": "attn_k_norm",
    "attention_norm": "attn_norm",
    "feed_forward.gate": "ffn_gate",
    "feed_forward.expand": "ffn_up",
    "feed_forward.contract": "ffn_down",
    "feed_forward_norm": "ffn_norm",
}


def _gguf(*query_key_value: str, in_pairs: bool = False) -> Names:
    one, *others = query_key_value
    return Names(
        embedding="token_embd.weight",
        positions="position_embd.weight",
        output="output.weight",
        last_norm="output_norm",
        block="blk.{}.",
        parts={**_GGUF_PARTS, QKV: (one, others[0], others[1]) if others else one},
        in_pairs=in_pairs,
    )


OF_GGUF = {
    "llama": _gguf("attn_q", "attn_k", "attn_v", in_pairs=True),
    "qwen2": _gguf("attn_q", "attn_k", "attn_v"),
    "qwen3": _gguf("attn_q", "attn_k", "attn_v"),
    "gpt2": _gguf("attn_qkv"),
    "gptneox": _gguf("attn_qkv"),
}  # by general.architecture


def places(gpt: GPT, names: Names) -> dict[str, Place]:
    """The memory of `gpt` by the names of a layout; all of it but the rows of special tokens."""
    settings = gpt.settings
    matrix = gpt.embedding.detach()
    found = {names.embedding: _whole(matrix[: settings.vocabulary])}
    if settings.positions == "learned":
        found[names.positions] = _whole(matrix[settings.first_position :])
    if gpt.output_matrix is not None:
        found[names.output] = _whole(gpt.output_matrix.detach()[: settings.vocabulary])
    for number, block in enumerate(gpt.blocks):
        for name, parameter in block.named_parameters():
            part, _, kind = name.rpartition(".")
            for theirs, place in _of_part(gpt, names, part, parameter.detach()):
                found[f"{names.block.format(number)}{theirs}.{kind}"] = place
    if gpt.last_norm is not None:
        for kind, parameter in gpt.last_norm.named_parameters():
            found[f"{names.last_norm}.{kind}"] = _whole(parameter.detach())
    return found


def _of_part(gpt: GPT, names: Names, part: str, memory: Tensor) -> Iterator[tuple[str, Place]]:
    """The tensors that a weight or bias of a part of a block is made of, by their names there."""
    theirs = names.parts[part]
    if part != QKV:
        assert isinstance(theirs, str)
        yield theirs, _transposed(memory) if names.transposed else _whole(memory)
    elif isinstance(theirs, str):
        yield theirs, _together(gpt, names, memory)
    else:
        heads, size = gpt.settings.attention_heads, gpt.settings.head_size
        rows = torch.split(memory, [count * size for count in heads])
        for which, (name, count, of_one) in enumerate(zip(theirs, heads, rows, strict=True)):
            turned = names.in_pairs and which < 2  # values are not
            yield name, _in_pairs(of_one, count, size) if turned else _whole(of_one)


def _together(gpt: GPT, names: Names, memory: Tensor) -> Place:
    """Queries, keys and values in one tensor."""
    if not names.by_head:
        return _transposed(memory) if names.transposed else _whole(memory)
    heads, size = gpt.settings.heads, gpt.settings.head_size
    return Place(memory.view(3, heads, size, *memory.shape[1:]).transpose(0, 1), tuple(memory.shape))


def _in_pairs(memory: Tensor, heads: int, size: int) -> Place:
    """Rows of queries or keys: in a head those of the first half and of the second by turns."""
    return Place(memory.view(heads, 2, size // 2, *memory.shape[1:]).transpose(1, 2), tuple(memory.shape))


def _whole(memory: Tensor) -> Place:
    return Place(memory, tuple(memory.shape))


def _transposed(memory: Tensor) -> Place:
    """A gain or a bias stays as it is."""
    return _whole(memory.t() if memory.dim() > 1 else memory)
