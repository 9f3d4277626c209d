"""The tokenizer of an imported decoder from the metadata of a GGUF file, `tokenizer.ggml.…`.

    model        gpt2: byte-level byte-pair encoding; no other is read
    pre          how text is cut, by a name for which `PRE` has the rules
    tokens       in the order of their ids, with token_type: 1 piece, 3 control, 4 found in text as it stands, 5 unused
    merges       "left right"

Source: the GGUF specification, and the cutting that llama.cpp does by these names (`llama-vocab.cpp`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from foretext.errors import ModelError
from foretext.tokenizer.imported import LLAMA3_SPLIT, QWEN2_SPLIT
from foretext.tokenizer.rules import REMEDY, AddedToken, Rules, Step
from foretext.tokenizer.tokenizer import Tokenizer
from foretext.tokenizer.tokenizer_json import filled, imported_tokenizer, merge_of

PREFIX = "tokenizer.ggml."
PIECE, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)

_BYTES: Step = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
_AS_GPT2: Step = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
_DIGITS: Step = {"type": "Digits", "individual_digits": True}


def _split(pattern: str) -> Step:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def _sequence(*steps: Step) -> Step:
    return {"type": "Sequence", "pretokenizers": list(steps)}


PRE: dict[str, Rules] = {
    "gpt-2": Rules(_AS_GPT2),
    "smollm": Rules(_sequence(_DIGITS, _AS_GPT2)),
    "llama-bpe": Rules(_sequence(_split(LLAMA3_SPLIT), _BYTES), ignore_merges=True),
    "qwen2": Rules(_sequence(_split(QWEN2_SPLIT), _BYTES), normalizer={"type": "NFC"}),
}
_BEGINS = {"llama-bpe"}  # put their start token before a document, unless add_bos_token says otherwise


def tokenizer_from_gguf(
    metadata: Mapping[str, Any], *, where: str, rows: int | None = None, source: str = ""
) -> Tokenizer:
    """The tokenizer that a GGUF file's metadata describes: plain values by their full names; `where` names the file.

    `rows` is how many the model's embedding has, if that is known.

    Raises:
        ModelError: a part is missing or damaged, or one that cannot be reproduced here.
    """
    _refuse_others(metadata, where)
    texts, types = _tokens(metadata, where)
    pieces, unused = filled(dict(enumerate(texts)), rows, where=where)
    added = tuple(
        AddedToken(number, special=kind == CONTROL)
        for number, kind in enumerate(types)
        if kind in (CONTROL, USER_DEFINED)
    )
    unused = (*(number for number, kind in enumerate(types) if kind == UNUSED), *unused)
    pre = metadata[PREFIX + "pre"]
    begins = metadata.get(PREFIX + "add_bos_token", pre in _BEGINS)
    start, end = (_number(metadata, f"{name}_token_id", len(texts), where) for name in ("bos", "eos"))
    if begins and start is None:
        raise ModelError(f"{where}: {PREFIX}add_bos_token is true, and {PREFIX}bos_token_id is missing")
    rules = replace(
        PRE[pre],
        added=added,
        unused=unused,
        begins=(start,) if begins and start is not None else (),
        ends=() if end is None else (end,),
    )
    merges = [merge_of(line.split(" "), where) for line in _strings(metadata, "merges", where)]
    return imported_tokenizer(pieces, merges, rules, where=where, source=source)


def _refuse_others(metadata: Mapping[str, Any], where: str) -> None:
    """Nothing if the tokenizer is of a kind that is known here.

    Raises:
        ModelError: it is not; the message says which are.
    """
    model, pre = (metadata.get(PREFIX + name) for name in ("model", "pre"))
    if model != "gpt2":
        raise ModelError(
            f"{where}: {PREFIX}model is {model!r}, which cannot be reproduced here; known is 'gpt2'; {REMEDY}"
        )
    if pre not in PRE:
        raise ModelError(
            f"{where}: {PREFIX}pre is {pre!r}, which does not say how text is to be cut; known are {', '.join(PRE)}; "
            "import the model from its folder with tokenizer.json, or take a file that a newer converter wrote"
        )
    if metadata.get(PREFIX + "add_space_prefix", False) is not False:
        raise ModelError(
            f"{where}: {PREFIX}add_space_prefix is {metadata[PREFIX + 'add_space_prefix']!r}; known is False; {REMEDY}"
        )


def _tokens(metadata: Mapping[str, Any], where: str) -> tuple[list[str], list[int]]:
    """The text and type of each token."""
    texts, types = _strings(metadata, "tokens", where), metadata.get(PREFIX + "token_type")
    types = [PIECE] * len(texts) if types is None else list(types)
    if len(types) != len(texts):
        raise ModelError(f"{where} is damaged: {len(texts):,} tokens, but {len(types):,} of {PREFIX}token_type")
    strange = [kind for kind in types if kind not in (PIECE, CONTROL, USER_DEFINED, UNUSED)]
    if strange:
        raise ModelError(
            f"{where}: {PREFIX}token_type has {strange[0]!r}; known are {PIECE} (piece), {CONTROL} (control), "
            f"{USER_DEFINED} (found in text) and {UNUSED} (unused); {REMEDY}"
        )
    return texts, types


def _strings(metadata: Mapping[str, Any], name: str, where: str) -> list[str]:
    values = metadata.get(PREFIX + name)
    if not isinstance(values, Sequence) or not values or not all(isinstance(value, str) for value in values):
        raise ModelError(f"{where} is damaged: {PREFIX}{name} must be a list of strings")
    return list(values)


def _number(metadata: Mapping[str, Any], name: str, size: int, where: str) -> int | None:
    number = metadata.get(PREFIX + name)
    if number is not None and not 0 <= number < size:
        raise ModelError(f"{where} is damaged: {PREFIX}{name} is {number}, and there are {size:,} tokens")
    return number
