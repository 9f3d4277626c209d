"""Tokens that somebody added to a GPT-1 of `transformers` for fine-tuning, and which of them we have a place for.

The published weights lack the paper's start, delimiter and extract tokens, so tutorials add them under names of their
own, behind the pieces. Here they are the three special tokens. One for padding is never read, and left out.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foretext.checkpoints.tensors import read_json
from foretext.errors import ModelError

SPECIAL_NAMES = {"_start_": 0, "_delimiter_": 1, "_classify_": 2, "_extract_": 2}  # to which of our special tokens
PADDING = ("[PAD]", "<pad>", "<PAD>", "<|pad|>", "[pad]")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AddedTokens:
    """The tokens behind the pieces, by name with their ids."""

    ids: Mapping[str, int] = field(default_factory=dict)

    def specials(self) -> dict[str, int]:
        """Those that are special tokens of ours: which, by name."""
        return {name: SPECIAL_NAMES[name] for name in self.ids if name in SPECIAL_NAMES}

    def fill(self, specials: Tensor, rows: Tensor, source: Path) -> None:
        """Copies their embeddings, `rows` `(added, width)`, to those of our special tokens `(3, width)`.

        Raises:
            ModelError: a row is not finite.
        """
        first = min(self.ids.values(), default=0)
        for name, which in self.specials().items():
            row = rows[self.ids[name] - first]
            if not torch.isfinite(row).all():
                raise ModelError(f"{source}: the embedding of {name} holds values that are not finite")
            specials[which].copy_(row)
        left = sorted(self.ids.keys() - self.specials().keys())
        if left:
            log.warning("left out, since nothing is padded here: %s", ", ".join(left))


def split_added(folder: Path, ids: Mapping[str, int]) -> tuple[dict[str, int], AddedTokens]:
    """The pieces of a vocabulary, and what was added to it: in the vocabulary itself, or in the files beside it.

    Raises:
        ModelError: a token was added that is none of ours, or the ids leave a gap.
    """
    known = (*SPECIAL_NAMES, *PADDING)
    pieces = {name: number for name, number in ids.items() if name not in known}
    added = {name: number for name, number in ids.items() if name in known}
    added |= {name: number for name, number in _listed(folder).items() if name not in pieces}
    strange = sorted(added.keys() - set(known))
    if strange:
        raise ModelError(
            f"{folder}: {', '.join(strange[:3])} was added to the vocabulary, and GPT-1's tokenizer here has no such "
            f"token; what can be read are {', '.join(SPECIAL_NAMES)}"
        )
    expected = range(len(pieces), len(pieces) + len(added))
    if sorted(added.values(), key=str) != sorted(expected, key=str):
        raise ModelError(f"{folder}: {', '.join(added)} must have the ids right behind the {len(pieces):,} pieces")
    return pieces, AddedTokens(added)


def _listed(folder: Path) -> dict[str, Any]:
    """The added tokens as the three files tell of them that versions of `transformers` write."""
    found: dict[str, Any] = {}
    if (folder / "added_tokens.json").is_file():
        found |= read_json(folder / "added_tokens.json")
    if (folder / "tokenizer.json").is_file():
        listed = read_json(folder / "tokenizer.json").get("added_tokens") or []
        found |= {str(each.get("content")): each.get("id") for each in listed if isinstance(each, dict)}
    if (folder / "tokenizer_config.json").is_file():
        listed = read_json(folder / "tokenizer_config.json").get("added_tokens_decoder") or {}
        found |= {str(each.get("content")): int(number) for number, each in listed.items() if isinstance(each, dict)}
    return found
