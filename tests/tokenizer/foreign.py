"""Tokenizers of other people's decoders, made small: one a family, each as its real tokenizer.json is laid out."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SENTENCES = [
    "The cat's here; it DIDN'T see 12345 mats on 3 May 2023.\n\nThe dog said: \"I'll go!\"\r\n",
    "  def run(self):\n\t    return self.walk(10, 20)  # the cat\n",
    "Café déjà vu, naïve façade — über 5 Straßen. 猫はマットの上に座った。 кот сидел на мате",
    "the the the  then   there    where     here ... !!! ??? the cat sat on the mat the end 🙂🙃",
] * 3
FAMILIES = ("gpt2", "prefix", "smollm2", "llama3", "qwen2", "neox", "odd")

_BYTES = {"add_prefix_space": False}
_SPLITTING = {
    "gpt2": lambda: pre_tokenizers.ByteLevel(**_BYTES),
    "prefix": lambda: pre_tokenizers.ByteLevel(add_prefix_space=True),
    "smollm2": lambda: pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(**_BYTES)]
    ),
    "llama3": lambda: split(LLAMA3),
    "qwen2": lambda: split(QWEN2),
    "neox": lambda: pre_tokenizers.ByteLevel(**_BYTES),
    "odd": lambda: split(r"\s?\w+|\s?[^\s\w]+|\s+", behavior="merged_with_next"),  # no pattern that is known here
}
_NORMALIZING = {
    "qwen2": normalizers.NFC,
    "neox": lambda: normalizers.Sequence([normalizers.NFC()]),
    "odd": normalizers.NFKC,
}


def split(pattern: str, behavior: str = "isolated") -> pre_tokenizers.PreTokenizer:
    """Cut by a pattern, then into bytes, as Llama 3 and Qwen have it."""
    return pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), behavior), pre_tokenizers.ByteLevel(use_regex=False, **_BYTES)]
    )


@cache
def made(family: str) -> str:
    """The text of a tokenizer.json of this family."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _SPLITTING[family]()
    if family in _NORMALIZING:
        tokenizer.normalizer = _NORMALIZING[family]()
    tokenizer.decoder = decoders.ByteLevel()
    first = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] if family == "smollm2" else []
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    if family == "smollm2":  # the real one has no piece for some bytes, among them 4
        alphabet = [character for character in alphabet if character not in "Ąńñ"]
    tokenizer.train_from_iterator(
        SENTENCES,
        trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, special_tokens=first, show_progress=False),
    )
    tokenizer.add_special_tokens(first or ["<|endoftext|>", "<|im_end|>"])
    if family == "qwen2":
        tokenizer.add_tokens([AddedToken("<think>", normalized=False), AddedToken("</think>", normalized=False)])
    if family == "neox":
        tokenizer.add_tokens([AddedToken(" " * count, normalized=True) for count in range(24, 1, -1)])
    if family == "odd":
        tokenizer.add_tokens([AddedToken("cat", single_word=True), AddedToken("<mask>", lstrip=True)])
    data = json.loads(tokenizer.to_str())
    end = tokenizer.token_to_id("<|endoftext|>")
    if family == "llama3":
        data["model"]["ignore_merges"] = True
        template = processors.TemplateProcessing(single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", end)])
        tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
        data["post_processor"] = json.loads(tokenizer.to_str())["post_processor"]
    return json.dumps(data)


def parsed(family: str) -> dict[str, Any]:
    """The same, parsed."""
    data: dict[str, Any] = json.loads(made(family))
    return data


def reference(text: str) -> tokenizers.Tokenizer:
    """What the `tokenizers` library reads from a tokenizer.json, control tokens in a text being text."""
    tokenizer = tokenizers.Tokenizer.from_str(text)
    tokenizer.encode_special_tokens = True
    tokenizer.post_processor = processors.Sequence([])
    return tokenizer


def fuzzed(count: int, seed: int) -> Iterator[str]:
    """Texts of all that people were bitten by."""
    draw = random.Random(seed)
    words = (
        "The cat's DIDN'T i'll it'S 2023 12345 1 22 x the cat dog naïve Café cafe\u0301 猫は кот ½ ² Ⅳ ٣ ３ ﬁ ™ ſ ı İ"
    )
    blanks = "\n|\r\n|\r|\t| |  |   |     |\u00a0|\u3000|\u200b|\u2028|\x85|\x1c|\0"
    tokens = "<|endoftext|> <|im_end|> <think> </think> <mask> cat"
    marks = "\u0301 \u0327 a\u0327\u0301 🙂 👩‍👩‍👧 🇩🇪 \ufffd \ufeff ... !! -- ¨ ´ # _ \u1100\u1161\u11a8 \x04"
    atoms = [*words.split(), *blanks.split("|"), *tokens.split(), *marks.split(), " ¨"]
    for _ in range(count):
        parts = []
        for _ in range(draw.randint(1, 14)):
            kind = draw.random()
            if kind < 0.7:
                parts.append(draw.choice(atoms))
            elif kind < 0.8:
                parts.append(" " * draw.randint(1, 30))
            elif kind < 0.9:
                parts.append(chr(draw.choice([draw.randrange(0x250), draw.randrange(0x3000)])))
            else:
                point = draw.randrange(0x110000)
                parts.append(chr(point) if not 0xD800 <= point < 0xE000 else "?")
            if draw.random() < 0.4:
                parts.append(" ")
        yield "".join(parts)


def of_every_code_point(step: int = 1, further_step: int = 0) -> Iterator[str]:
    """All of Unicode, each code point alone and between letters and digits, some hundred a text.

    Of every `step` points one; behind the two planes where new letters and signs are given places, of every
    `further_step`.
    """
    places = [*range(0, 0x20000, step), *range(0x20000, 0x110000, further_step or step)]
    points = [chr(point) for point in places if not 0xD800 <= point < 0xE000]
    for start in range(0, len(points), 200):
        yield "".join(f" {point} a{point}b 1{point}\n{point}" for point in points[start : start + 200])
