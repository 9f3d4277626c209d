"""Mode `imported`: text becomes ids as the tokenizer of an imported decoder has them, to the id.

Byte-level byte-pair encoding: the text is normalised, cut into parts, the parts written as bytes, and these merged; how
it is normalised and cut stands in the vocabulary's rules (`rules.py`). The `tokenizers` library does it; here each
different chunk is handed to it once. A chunk begins where a part begins whatever stands around it (`_chunk_starts`).

Tokens that control a model, such as `<|im_end|>`, are no part of any text: who spells one in a text gets the pieces of
these characters. Half a surrogate pair is its three bytes, as in mode `bytes`. A byte that has no piece is left out, as
the library does.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import chain

import tokenizers
from tokenizers import decoders, models

from foretext.errors import ModelError
from foretext.tokenizer.byte_level import ALPHABET, BYTE, DECODING_ERRORS, HALF_CHARACTER, encoded
from foretext.tokenizer.kept import Ids, Kept
from foretext.tokenizer.offsets import Span, Token
from foretext.tokenizer.pieces import SPECIALS, check_merges
from foretext.tokenizer.rules import Rules, Step, flat, made_normalizer, made_pre_tokenizer
from foretext.tokenizer.storage import Vocabulary

GPT2_SPLIT = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
QWEN2_SPLIT = LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")

# Characters that are a letter or a mark of punctuation in every version of Unicode and in every normal form.
_VISIBLE = r"[!-/:-~À-ÖØ-öø-ʯΑ-ΡΣ-Ωα-ωЀ-ҁ]"
_PATTERNS = {
    GPT2_SPLIT: "gpt-2",
    LLAMA3_SPLIT: "llama-3",
    QWEN2_SPLIT: "qwen2",
    r"\p{N}": "digits",
    r"\p{N}{1,3}": "digits",
}


class ImportedReading:
    """Text to ids and back in mode `imported`: each different chunk is worked out once."""

    def __init__(self, vocabulary: Vocabulary, *, where: str) -> None:
        rules = vocabulary.rules
        if rules is None:
            raise ModelError(f"{where}: the rules of the imported tokenizer are missing; take a fresh copy")
        self._native = native(vocabulary, where=where)
        self._id_of_byte = [self._native.model.token_to_id(character) for character in ALPHABET]
        self.missing = frozenset(byte for byte, number in enumerate(self._id_of_byte) if number is None)
        self.unknown = self._native.model.token_to_id(rules.unknown) if rules.unknown and self.missing else None
        breaks = self._native.encode("\n").ids
        self.newline = breaks[0] if len(breaks) == 1 else None
        self._normalises = rules.normalizer is not None
        self._starts = _chunk_starts(vocabulary.pieces, rules)
        self._bytes = _shown_bytes(vocabulary.pieces, rules)
        self._of_chunk = Kept(self._chunk_ids)
        self._tokens = Kept(self._chunk_tokens)

    def encode(self, text: str) -> list[int]:
        return list(chain.from_iterable(map(self._of_chunk.__getitem__, self._chunks(text))))

    def tokens(self, text: str) -> Iterator[Token]:
        start = 0
        for chunk in self._chunks(text):
            for token in self._tokens[chunk]:
                yield Token(token.id, start + token.start, start + token.end)
            start += len(chunk)

    def decode(self, ids: Sequence[int]) -> str:
        return b"".join(map(self._bytes.__getitem__, ids)).decode("utf-8", DECODING_ERRORS)

    def _chunks(self, text: str) -> list[str]:
        return [text] if self._starts is None else self._starts.split(text)

    def _chunk_ids(self, chunk: str) -> Ids:
        if chunk.isascii() or not HALF_CHARACTER.search(chunk):
            return tuple(self._native.encode(chunk).ids)
        return tuple(token.id for token in self._chunk_tokens(chunk))

    def _chunk_tokens(self, chunk: str) -> tuple[Token, ...]:
        found: list[Token] = []
        start = 0
        for number, part in enumerate(HALF_CHARACTER.split(chunk)):
            if number % 2:  # half a character
                ids = (self._id_of_byte[byte] for byte in encoded(part))
                found += [Token(id, start, start + 1) for id in ids if id is not None]
            else:
                found += self._part_tokens(part, start)
            start += len(part)
        return tuple(found)

    def _part_tokens(self, part: str, start: int) -> list[Token]:
        encoding = self._native.encode(part)
        spans = encoding.offsets
        if self._normalises:
            spans = _with_marks(part, spans, self.missing)
        return [Token(id, start + first, start + end) for id, (first, end) in zip(encoding.ids, spans, strict=True)]


def native(vocabulary: Vocabulary, *, where: str) -> tokenizers.Tokenizer:
    """What turns a text without half characters into ids.

    Raises:
        ModelError: pieces, merges and added tokens do not fit together.
    """
    rules, pieces = vocabulary.rules, vocabulary.pieces
    assert rules is not None, "what calls this has seen to it"
    check_merges(pieces, vocabulary.merges, where=where)
    left_out = {*rules.unused, *(token.id for token in rules.added if not token.piece)}
    ids = {piece: number for number, piece in enumerate(pieces) if number not in left_out}
    made = tokenizers.Tokenizer(
        models.BPE(
            vocab=ids,
            merges=list(vocabulary.merges),
            cache_capacity=0,
            ignore_merges=rules.ignore_merges,
            unk_token=rules.unknown,
            fuse_unk=rules.fuse_unknown,
        )
    )
    made.normalizer = made_normalizer(rules.normalizer)
    made.pre_tokenizer = made_pre_tokenizer(rules.pre_tokenizer, where=where)
    for token in rules.added:
        text = pieces[token.id]
        made.add_tokens(
            [
                tokenizers.AddedToken(
                    text,
                    special=token.special,
                    normalized=token.normalized,
                    lstrip=token.lstrip,
                    rstrip=token.rstrip,
                    single_word=token.single_word,
                )
            ]
        )
        if made.token_to_id(text) != token.id:
            raise ModelError(
                f"{where}: the added token {text!r} has id {token.id}, where the tokenizers library reads "
                f"{made.token_to_id(text)}: the ids of added tokens must follow the pieces without a gap"
            )
    made.encode_special_tokens = True
    made.decoder = decoders.ByteLevel()
    return made


def _shown_bytes(pieces: Sequence[str], rules: Rules) -> list[bytes]:
    """What each id stands for: the bytes of a piece, the text of an added token, nothing for an id without use."""
    added, unused = {token.id for token in rules.added}, set(rules.unused)
    shown = []
    for number, piece in enumerate(pieces):
        if number in unused:
            shown.append(b"")
        elif number in added or not BYTE.keys() >= set(piece):
            shown.append(piece.encode("utf-8", "surrogatepass"))
        else:
            shown.append(bytes(BYTE[character] for character in piece))
    return [*shown, *(special.encode() for special in SPECIALS)]


def _chunk_starts(pieces: Sequence[str], rules: Rules) -> re.Pattern[str] | None:
    """Where a text may be cut without changing an id; None if that is not known.

    A space before something visible begins a part under the patterns that are known, whatever stands around it. So
    does a line break under that of GPT-2; under the others the part ends behind it.
    """
    kinds = _split_kinds(rules)
    found = [token for token in rules.added if not token.special]
    texts = [pieces[token.id] for token in found]
    takes_blanks = any(token.lstrip or token.rstrip or token.single_word for token in found)
    if kinds is None or takes_blanks or any(re.search(r"\s", text) and not text.isspace() for text in texts):
        return None
    if texts and any(re.search(r"\s", pieces[token.id]) for token in rules.added if token.special):
        return None  # where such a text stands, the others are not looked for
    visible = _VISIBLE if "digits" in kinds else f"[0-9{_VISIBLE[1:]}"
    if texts:  # a blank before such a token belongs to the blanks before it
        visible = f"(?![{re.escape(''.join(sorted({text[0] for text in texts})))}]){visible}"
    alone = r"(?<=\S)" if any(text.isspace() for text in texts) else ""
    if any(step.get("add_prefix_space") for step in flat(rules.pre_tokenizer)):  # which a line break would get
        return re.compile(f"{alone}(?= {visible})")
    if "gpt-2" in kinds:
        return re.compile(f"{alone}(?=[ \n]{visible})")
    return re.compile(f"{alone}(?= {visible})|(?<=\n)(?={visible})")


def _split_kinds(rules: Rules) -> set[str] | None:
    """How the text is cut: by which pattern, and whether digits were set apart before; None if it is not known."""
    kinds: set[str] = set()
    for step in flat(rules.pre_tokenizer):
        kind = _split_kind(step)
        if kind is None:
            return None
        kinds.add(kind)
        if kind != "digits":  # what comes later cuts the parts that this one made
            return kinds
    return None


def _split_kind(step: Step) -> str | None:
    if step["type"] == "ByteLevel":
        return "gpt-2" if step["use_regex"] else None
    if step["type"] == "Digits":
        return "digits"
    known = step["behavior"] == "Isolated" and not step["invert"]
    return _PATTERNS.get(step["pattern"].get("Regex", "")) if known else None


def _with_marks(part: str, spans: Sequence[Span], missing: frozenset[int]) -> list[Span]:
    """The spans, each reaching over the marks behind it that a normaliser joined to its last character.

    The library gives them to none. A character that has no piece stays between the spans.
    """
    starts = sorted({first for first, _ in spans} | {len(part)})

    def end_of(end: int) -> int:
        following = starts[bisect_left(starts, end)]
        while end < following and missing.isdisjoint(part[end].encode()):
            end += 1
        return end

    return [(first, end_of(end)) for first, end in spans]
