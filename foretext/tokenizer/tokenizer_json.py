"""The tokenizer of an imported decoder from its `tokenizer.json`, the file of the `tokenizers` library.

That file, read by that library, is what the ids of a model follow; `tokenizer_config.json` beside it only says which of
them end what the model writes. Read are files of byte-level byte-pair encoding; a part that cannot be reproduced to the
id is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from foretext.errors import ModelError
from foretext.tokenizer.imported import native
from foretext.tokenizer.modes import MODES
from foretext.tokenizer.pieces import Merge
from foretext.tokenizer.rules import REMEDY, AddedToken, Rules, Step, checked_normalizer, checked_pre_tokenizer
from foretext.tokenizer.storage import Vocabulary, read_json_file
from foretext.tokenizer.tokenizer import Tokenizer

FILE = "tokenizer.json"
MODE = "imported"

_MUST_BE: dict[str, tuple[Any, ...]] = {  # what would change ids
    "dropout": (None, 0.0),
    "byte_fallback": (None, False),
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
}
_FLAGS = ("special", "normalized", "lstrip", "rstrip", "single_word")


def read_tokenizer_json(folder: Path, *, rows: int | None = None, source: str = "") -> Tokenizer:
    """The tokenizer in a folder of `transformers`; `rows` is how many the model's embedding has, if that is known.

    Raises:
        ModelError: a file is missing or damaged, or asks for what cannot be reproduced here.
    """
    path = folder / FILE
    return tokenizer_from_json(
        read_json_file(path), where=str(path), rows=rows, source=source, ends=_named_ends(folder)
    )


def tokenizer_from_json(
    data: Any, *, where: str, rows: int | None = None, source: str = "", ends: Iterable[int | str] = ()
) -> Tokenizer:
    """The tokenizer that a parsed `tokenizer.json` describes; `where` names it in errors.

    It has a piece for each of the `rows` of the model's embedding: those behind its tokens stand for nothing. `ends`
    are the tokens, by text or id, at which what the model writes is over.

    Raises:
        ModelError: it is damaged, asks for what cannot be reproduced here, or has more tokens than `rows`.
    """
    model = _model(data, where)
    ids = _ids(model.get("vocab"), where)
    added = _added(data.get("added_tokens") or [], ids, where)
    _refuse_decoder(data.get("decoder"), where)
    texts = {**{number: piece for piece, number in ids.items()}, **{token.id: text for text, token in added.items()}}
    pieces, unused = filled(texts, rows, where=where)
    known = {**ids, **{text: token.id for text, token in added.items()}}
    rules = Rules(
        pre_tokenizer=checked_pre_tokenizer(data.get("pre_tokenizer"), where=where),
        normalizer=checked_normalizer(data.get("normalizer"), where=where),
        ignore_merges=bool(model.get("ignore_merges", False)),
        unknown=_unknown(model.get("unk_token"), ids, where),
        fuse_unknown=bool(model.get("fuse_unk", False)),
        added=tuple(added.values()),
        unused=unused,
        begins=_begins(data.get("post_processor"), known, where),
        ends=tuple(sorted({number for end in ends if (number := _end(end, known, len(pieces))) is not None})),
    )
    return imported_tokenizer(pieces, _merges(model.get("merges"), where), rules, where=where, source=source)


def imported_tokenizer(
    pieces: Iterable[str], merges: Iterable[Merge], rules: Rules, *, where: str, source: str
) -> Tokenizer:
    """A tokenizer of mode `imported`.

    Raises:
        ModelError: pieces, merges and rules do not fit together.
    """
    cleaning = MODES[MODE].cleaning
    vocabulary = Vocabulary(tuple(pieces), tuple(merges), mode=MODE, cleaning=cleaning, source=source, rules=rules)
    return Tokenizer(vocabulary, where=where)


def filled(texts: Mapping[int, str], rows: int | None, *, where: str) -> tuple[list[str], tuple[int, ...]]:
    """The pieces in the order of their ids, and the ids that stand for nothing; as many as `rows`, if given.

    Raises:
        ModelError: there are more tokens than rows, or two tokens are called alike.
    """
    size = max(texts, default=-1) + 1
    if rows is not None and size > rows:
        raise ModelError(
            f"{where}: the ids of its tokens go to {size - 1:,} ({texts[size - 1]!r}), and the model's embedding has "
            f"{rows:,} rows: these are the tokenizer of one model and the weights of another"
        )
    unused = tuple(number for number in range(size if rows is None else rows) if number not in texts)
    pieces = {**texts, **{number: f"<unused {number}>" for number in unused}}
    if len(set(pieces.values())) != len(pieces):
        raise ModelError(f"{where}: two of its tokens have the same text")
    return [pieces[number] for number in range(len(pieces))], unused


def to_tokenizer_json(tokenizer: Tokenizer) -> str:
    """An imported tokenizer as the `tokenizers` library writes it.

    Raises:
        ModelError: the tokenizer is of another mode.
    """
    vocabulary = tokenizer.vocabulary
    rules = vocabulary.rules
    if rules is None:
        raise ModelError(f"a tokenizer of mode {tokenizer.mode!r} cannot be written as the file of a decoder")
    data = json.loads(native(vocabulary, where="the tokenizer").to_str())
    data["normalizer"], data["pre_tokenizer"] = rules.normalizer, _written(rules.pre_tokenizer)
    data["decoder"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    data["post_processor"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    if rules.begins:
        data["post_processor"] = _template([vocabulary.pieces[number] for number in rules.begins], rules.begins)
    return json.dumps(data, ensure_ascii=False)


def _written(step: Step) -> Step:
    """A pre-tokenizer as the library writes it, which wants to know what changes no id, too."""
    if step["type"] == "Sequence":
        return {**step, "pretokenizers": [_written(each) for each in step["pretokenizers"]]}
    return {**step, "trim_offsets": False} if step["type"] == "ByteLevel" else step


def _template(names: Sequence[str], numbers: Sequence[int]) -> dict[str, Any]:
    """A post-processor that puts these tokens before a text."""
    before = [{"SpecialToken": {"id": name, "type_id": 0}} for name in names]
    text, other = ({"Sequence": {"id": which, "type_id": 0}} for which in "AB")
    tokens = {
        name: {"id": name, "ids": [number], "tokens": [name]} for name, number in zip(names, numbers, strict=True)
    }
    return {
        "type": "TemplateProcessing",
        "single": [*before, text],
        "pair": [*before, text, *before, other],
        "special_tokens": tokens,
    }


def _model(data: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(data, dict) or not isinstance(data.get("model"), dict):
        raise ModelError(f"{where} is no tokenizer.json of the tokenizers library: it has no model")
    model: Mapping[str, Any] = data["model"]
    if model.get("type") != "BPE":
        raise ModelError(
            f"{where}: model is {model.get('type')!r}, which cannot be reproduced here; known is BPE; {REMEDY}"
        )
    for name, good in _MUST_BE.items():
        if model.get(name) not in good:
            raise ModelError(
                f"{where}: model {name} is {model[name]!r}, which cannot be reproduced here; known is "
                f"{good[1]!r}; {REMEDY}"
            )
    return model


def _ids(vocabulary: Any, where: str) -> dict[str, int]:
    good = isinstance(vocabulary, dict) and vocabulary and all(type(number) is int for number in vocabulary.values())
    if not good or min(vocabulary.values()) < 0 or len(set(vocabulary.values())) != len(vocabulary):
        raise ModelError(f"{where} is damaged: model vocab must give each piece an id of its own, from 0")
    return dict(vocabulary)


def _merges(lines: Any, where: str) -> list[Merge]:
    if not isinstance(lines, list):
        raise ModelError(f"{where} is damaged: model merges must be a list")
    return [merge_of(line.split(" ") if isinstance(line, str) else line, where) for line in lines]


def merge_of(parts: Any, where: str) -> Merge:
    """The two pieces of a merge.

    Raises:
        ModelError: they are not two.
    """
    if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) and part for part in parts):
        raise ModelError(f"{where} is damaged: {parts!r} is not a merge of two pieces")
    return parts[0], parts[1]


def _added(listed: Any, ids: Mapping[str, int], where: str) -> dict[str, AddedToken]:
    """The added tokens by their text, in the order of the file."""
    found: dict[str, AddedToken] = {}
    taken = {number: piece for piece, number in ids.items()}
    for each in listed if isinstance(listed, list) else [listed]:
        text, number = (each.get("content"), each.get("id")) if isinstance(each, dict) else (None, None)
        if not isinstance(text, str) or not text or type(number) is not int or number < 0:
            raise ModelError(f"{where} is damaged: {each!r} among added_tokens has no content and id")
        if text in found or taken.get(number, text) != text or ids.get(text, number) != number:
            raise ModelError(f"{where} is damaged: the added token {text!r} has the id {number}, which is another's")
        taken[number] = text
        flags = {name: bool(each.get(name, False)) for name in _FLAGS}
        found[text] = AddedToken(number, **flags, piece=text in ids)
    return found


def _unknown(text: Any, ids: Mapping[str, int], where: str) -> str | None:
    if text is None:
        return None
    if text not in ids:
        raise ModelError(f"{where} is damaged: unk_token is {text!r}, which is not among the pieces")
    return str(text)


def _refuse_decoder(step: Any, where: str) -> None:
    """Nothing if ids become text as they do here, which undoes bytes alone."""
    if step is None or (isinstance(step, dict) and step.get("type") == "ByteLevel"):
        return
    kind = step.get("type") if isinstance(step, dict) else step
    if kind == "Sequence":
        kind = ", ".join(str(each.get("type")) for each in _objects(step.get("decoders"), "decoder decoders", where))
        if kind == "ByteLevel":
            return
    raise ModelError(f"{where}: decoder is {kind!r}, which cannot be reproduced here; known is ByteLevel; {REMEDY}")


def _begins(step: Any, ids: Mapping[str, int], where: str) -> tuple[int, ...]:
    """The ids that the post-processor puts before a text."""
    if step is None:
        return ()
    kind = step.get("type") if isinstance(step, dict) else step
    if kind == "ByteLevel":
        return ()
    if kind == "Sequence":
        parts = _objects(step.get("processors"), "post_processor processors", where)
        return tuple(number for part in parts for number in _begins(part, ids, where))
    if kind != "TemplateProcessing":
        raise ModelError(
            f"{where}: post_processor is {kind!r}, which is not known here; known are ByteLevel, TemplateProcessing, "
            f"Sequence; {REMEDY}"
        )
    found: list[int] = []
    for part in _objects(step.get("single"), "post_processor single", where):
        if "Sequence" in part:
            break
        token = part.get("SpecialToken")
        name = str(token.get("id")) if isinstance(token, dict) else ""
        if name not in ids:
            raise ModelError(f"{where}: post_processor puts {name!r} before a text, which is no token of it")
        found.append(ids[name])
    return tuple(found)


def _objects(value: Any, what: str, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ModelError(f"{where} is damaged: {what} must be a list of objects")
    return value


def _end(end: int | str, ids: Mapping[str, int], size: int) -> int | None:
    if isinstance(end, str):
        return ids.get(end)
    return end if 0 <= end < size else None


def _named_ends(folder: Path) -> list[int | str]:
    """The tokens that the files beside it call ends."""
    found: list[int | str] = []
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            data = read_json_file(folder / name)
            token = data.get("eos_token") if isinstance(data, dict) else None
            text = token.get("content") if isinstance(token, dict) else token
            found += [text] if isinstance(text, str) else []
    if (folder / "generation_config.json").is_file():
        data = read_json_file(folder / "generation_config.json")
        number = data.get("eos_token_id") if isinstance(data, dict) else None
        found += [each for each in (number if isinstance(number, list) else [number]) if type(each) is int]
    return found
