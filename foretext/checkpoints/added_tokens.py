"""Tokens that somebody added to a GPT-1 of `transformers` for fine-tuning, and which of them we have a place for.

The published weights lack the paper's start, delimiter and extract tokens, so tutorials add them behind the pieces,
under names that have become usual, or in roles that `transformers` has for them. Here they are the special tokens. One
for padding, an end or a mask is never read here, and left out.
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
ROLES = {"bos_token": 0, "sep_token": 1, "cls_token": 2}  # the same, by what the configuration calls a token
NO_ROLES = ("pad_token", "eos_token", "mask_token")  # of tokens that have no use here

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AddedTokens:
    """The tokens behind the pieces, by name with their ids; `places` says which special token of ours one is."""

    ids: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, int] = field(default_factory=dict)

    def specials(self) -> dict[str, int]:
        """Those that are special tokens of ours: which, by name; of two for one place the first."""
        found: dict[str, int] = {}
        for name in self.ids:
            if name in self.places and self.places[name] not in found.values():
                found[name] = self.places[name]
        return found

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
            log.warning("left out, since there is no such token here: %s", ", ".join(left))


def split_added(folder: Path, ids: Mapping[str, int]) -> tuple[dict[str, int], AddedTokens]:
    """The pieces of a vocabulary, and what was added to it: in the vocabulary itself, or in the files beside it.

    Raises:
        ModelError: a token was added that is none of ours, or the ids leave a gap.
    """
    known = (*SPECIAL_NAMES, *PADDING)
    pieces = {name: number for name, number in ids.items() if name not in known}
    added = {name: number for name, number in ids.items() if name in known}
    added |= {name: number for name, number in _listed(folder).items() if name not in pieces}
    roles = _roles(folder)
    strange = sorted(added.keys() - set(known) - roles.keys())
    if strange:
        raise ModelError(
            f"{folder}: {', '.join(strange[:3])} was added to the vocabulary, and GPT-1's tokenizer here has no such "
            f"token; what can be read are {', '.join(SPECIAL_NAMES)}, or what the configuration of the tokenizer calls "
            f"{', '.join(ROLES)}"
        )
    expected = range(len(pieces), len(pieces) + len(added))
    if sorted(added.values(), key=str) != sorted(expected, key=str):
        raise ModelError(f"{folder}: {', '.join(added)} must have the ids right behind the {len(pieces):,} pieces")
    by_role = {name: ROLES[role] for name, role in roles.items() if role in ROLES}
    return pieces, AddedTokens(added, {**by_role, **SPECIAL_NAMES})


def _roles(folder: Path) -> dict[str, str]:
    """The role of each token that the configuration gives one of those we know; of several the first in our order."""
    named: dict[str, Any] = {}
    for file in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / file).is_file():
            named |= read_json(folder / file)
    found: dict[str, str] = {}
    for role in (*ROLES, *NO_ROLES):
        token = named.get(role)
        name = token.get("content") if isinstance(token, dict) else token
        if isinstance(name, str):
            found.setdefault(name, role)
    return found


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
