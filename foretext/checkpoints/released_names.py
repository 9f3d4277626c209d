"""What the released code calls a model's weights, and how they lie there; its ports kept most of it.

    here                                     there                    shape there
    embedding, rows of positions             positions_embed.weight   (context, width)
    embedding, rows of pieces                tokens_embed.weight      (vocabulary, width)
    blocks.0.attention.query_key_value       h.0.attn.c_attn          weight (in, out), bias (out,)
    blocks.0.attention.output                h.0.attn.c_proj
    blocks.0.attention_norm                  h.0.ln_1                 weight and bias (width,)
    blocks.0.feed_forward.expand             h.0.mlp.c_fc
    blocks.0.feed_forward.contract           h.0.mlp.c_proj
    blocks.0.feed_forward_norm               h.0.ln_2

The three special tokens and the task head have no place there: both are new at fine-tuning.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from foretext.checkpoints.saved_model import SavedModel
from foretext.errors import ModelError
from foretext.model.gpt import GPT
from foretext.model.settings import SPECIALS, ModelSettings, said
from foretext.tokenizer import Tokenizer

PARTS = {
    "attention.query_key_value": "attn.c_attn",
    "attention.output": "attn.c_proj",
    "attention_norm": "ln_1",
    "feed_forward.expand": "mlp.c_fc",
    "feed_forward.contract": "mlp.c_proj",
    "feed_forward_norm": "ln_2",
}  # in the order of the release


def released_views(gpt: GPT) -> dict[str, Tensor]:
    """The memory of `gpt` by the released names, shaped as there and in the release's order: to read or to fill.

    Raises:
        ModelError: the backbone is none of Transformer blocks, or they have another form than the paper's.
    """
    if gpt.settings.backbone != "transformer":
        raise ModelError(f"a model with the backbone {gpt.settings.backbone} has no place in the layouts of GPT-1")
    if gpt.settings.own_form:
        form = said(gpt.settings.own_form)
        raise ModelError(f"the layouts of GPT-1 hold the paper's form alone, and this model has {form}")
    if gpt.attend == "both":
        raise ModelError(
            "the layouts of GPT-1 hold causal models alone, and this one was fine-tuned with --attend both"
        )
    vocabulary, matrix = gpt.settings.vocabulary, gpt.embedding.detach()
    views = {
        "positions_embed.weight": matrix[vocabulary + SPECIALS :],
        "tokens_embed.weight": matrix[:vocabulary],
    }
    for number, block in enumerate(gpt.blocks):
        for ours, theirs in PARTS.items():
            part = dict(block.get_submodule(ours).named_parameters())
            views[f"h.{number}.{theirs}.weight"] = part["weight"].detach().t()  # a gain stays as it is
            views[f"h.{number}.{theirs}.bias"] = part["bias"].detach()
    return views


def check_vocabulary(settings: ModelSettings, tokenizer: Tokenizer, source: Path, *, beside: int = 0) -> None:
    """Nothing if every piece has its row, and each of the tokens that stand `beside` them.

    Raises:
        ModelError: there are more pieces or more rows.
    """
    if tokenizer.size + beside != settings.vocabulary:
        added = f" and {beside} added tokens" if beside else ""
        raise ModelError(
            f"{source}: the vocabulary has {tokenizer.size:,} pieces{added}, but the token embeddings have "
            f"{settings.vocabulary:,} rows"
        )


def drawn_specials(settings: ModelSettings, seed: int, *, there: Iterable[str] = ()) -> str:
    """What importing put in the place of weights that are not there; `there` are the special tokens that are."""
    found = list(there)
    missing = SPECIALS - len(found)
    tokens = "special token" if missing == 1 else "special tokens"
    drawn = f"{missing} {tokens} drawn from N(0, {settings.initial_deviation:g}), seed {seed}"
    read = f"special tokens read from {', '.join(found)}"
    return drawn if not found else read if len(found) == SPECIALS else f"{read}; {drawn}"


def left_out(saved: SavedModel) -> list[str]:
    """What of `saved` has no place in the released layout."""
    head = saved.gpt.head
    parts = [f"the rows of the {SPECIALS} special tokens"]
    return parts + ([f"the task head ({head.settings.outputs} outputs)"] if head else [])
