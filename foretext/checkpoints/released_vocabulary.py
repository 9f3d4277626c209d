"""A vocabulary as the release and its ports write it: pieces with their ids as JSON, merges as lines of text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from foretext.checkpoints.added_tokens import AddedTokens, split_added
from foretext.checkpoints.tensors import read_json
from foretext.errors import ModelError
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.pieces import WORD_END, Merge
from foretext.tokenizer.storage import Vocabulary

MERGES_VERSION = "#version: 0.2"  # the first line of the released merges
EXPORTABLE_MODES = ("paper", "hf")  # pieces are characters with </w> at word ends, as there


def pieces_text(tokenizer: Tokenizer) -> str:
    """Every piece with its id, in the release's order: the unknown piece, id 0, comes last.

    Raises:
        ModelError: the pieces are of another kind, such as bytes.
    """
    if tokenizer.mode not in EXPORTABLE_MODES:
        raise ModelError(f"a vocabulary of mode {tokenizer.mode!r} cannot be written as GPT-1's; its pieces differ")
    unknown, *pieces = tokenizer.vocabulary.pieces
    return json.dumps({**{piece: number for number, piece in enumerate(pieces, 1)}, unknown: 0})


def merges_text(tokenizer: Tokenizer) -> str:
    """A line with the version, then one merge a line."""
    return "\n".join([MERGES_VERSION, *map(" ".join, tokenizer.vocabulary.merges)]) + "\n"


def read_port_vocabulary(folder: Path, source: str) -> tuple[Tokenizer, AddedTokens]:
    """The tokenizer of a folder of `transformers`, and the tokens that somebody added to it.

    It is in vocab.json and merges.txt, or within tokenizer.json, and cuts text as the paper did (mode "paper"): the
    weights were trained on those ids.

    Raises:
        ModelError: a file is missing, damaged, or of another kind of tokenizer.
    """
    if (folder / "vocab.json").is_file():
        place, ids = folder / "vocab.json", read_json(folder / "vocab.json")
        merges = _merge_lines(folder / "merges.txt")
    else:
        place = folder / "tokenizer.json"
        if not place.is_file():
            raise ModelError(f"{folder} has no vocabulary: neither vocab.json with merges.txt nor tokenizer.json")
        ids, merges = _of_tokenizer_json(place)
    ids, added = split_added(folder, ids)
    numbers = list(ids.values())
    if not all(type(number) is int for number in numbers) or sorted(numbers) != list(range(len(numbers))):
        raise ModelError(f"{place} must map every piece to its id, from 0 without gaps")
    pieces = tuple(sorted(ids, key=lambda piece: int(ids[piece])))
    return Tokenizer(Vocabulary(pieces, tuple(merges), source=source), where=str(place)), added


def _merge_lines(path: Path) -> list[Merge]:
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except FileNotFoundError:
        raise ModelError(f"{path} is missing") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if lines[0].startswith("#version"):
        lines = lines[1:]
    return [_merge(line.split(" "), path) for line in lines]


def _of_tokenizer_json(path: Path) -> tuple[dict[str, int], list[Merge]]:
    model = read_json(path).get("model")
    if not isinstance(model, dict) or model.get("type") != "BPE" or model.get("end_of_word_suffix") != WORD_END:
        raise ModelError(f"{path} is not a tokenizer of GPT-1: it must be byte-pair encoding with {WORD_END}")
    ids, merges = model.get("vocab"), model.get("merges")
    if not isinstance(ids, dict) or not isinstance(merges, list):
        raise ModelError(f"{path} is damaged: vocab or merges are missing")
    return ids, [_merge(merge.split(" ") if isinstance(merge, str) else merge, path) for merge in merges]


def _merge(parts: Any, path: Path) -> Merge:
    if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) and part for part in parts):
        raise ModelError(f"{path} is damaged: {parts!r} is not a merge of two pieces")
    return parts[0], parts[1]
