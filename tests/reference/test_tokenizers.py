"""Modes `hf` and `bytes` give the ids, spans and texts of the libraries they are named for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as NativeTokenizer
from tokenizers import decoders, models, pre_tokenizers

from foretext.tokenizer import Tokenizer

WHITE_SPACE = " \n\t\r\x0b\x1c\x85\xa0\u2028\u3000"
ODD = [
    *"<unk> <UNK> </w> İ ΑΣ ſ ﬁ 今日 한국 ไทย 🙂 👍🏽 's don't 9,99 --".split(),
    *"\0\u200b\ufeff\ufffd\u0301",
    "e\u0301",
]
TROUBLE = st.sampled_from([*ODD, *WHITE_SPACE, "\r\n"])
TEXTS = st.lists(TROUBLE | st.text(st.characters(codec="utf-8"), max_size=6), max_size=12).map("".join)


@pytest.fixture(scope="module")
def transformers_class() -> Any:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    return transformers.OpenAIGPTTokenizer


@pytest.fixture(scope="module")
def ours() -> Tokenizer:
    texts = ["The cat didn't sit; it slept!\nIt's cafe 9,99: <unk> 今日 한국 ΑΣ i̇ the end. [s] </w>"] * 3
    return Tokenizer.learn_from_texts(texts, 120, mode="hf")


@pytest.fixture(scope="module")
def theirs(ours: Tokenizer, transformers_class: Any) -> Any:
    return their_tokenizer(ours, transformers_class)


@pytest.fixture(scope="module")
def released(real_data: Path) -> Tokenizer:
    return Tokenizer.openai(real_data / "gpt1-bpe", mode="hf")


def their_tokenizer(tokenizer: Tokenizer, transformers_class: Any) -> Any:
    pieces = tokenizer.vocabulary.pieces
    ids = {piece: number for number, piece in enumerate(pieces)}
    return transformers_class(vocab=ids, merges=list(tokenizer.vocabulary.merges))


def agree(ours: Tokenizer, theirs: Any, text: str) -> bool:
    ids, spans = ours.encode_with_offsets(text)
    found = theirs(text, return_offsets_mapping=True)
    return (
        ours.encode(text) == ids == found["input_ids"]
        and spans == found["offset_mapping"]
        and ours.decode(ids) == theirs.decode(ids)
    )


@given(text=TEXTS)
def test_mode_hf_is_the_class_of_transformers(ours: Tokenizer, theirs: Any, text: str) -> None:
    assert agree(ours, theirs, text)


def test_mode_hf_is_the_class_of_transformers_on_every_golden_text(
    released: Tokenizer, real_data: Path, transformers_class: Any
) -> None:
    theirs = their_tokenizer(released, transformers_class)
    lines = (real_data / "gpt1-bpe" / "golden.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    assert len(texts) == 2000
    assert [text for text in texts if not agree(released, theirs, text)] == []


def test_a_vocabulary_learned_in_mode_hf_reads_its_texts_without_unknown_pieces(ours: Tokenizer, theirs: Any) -> None:
    text = "It's the cat, 9,99!"
    assert 0 not in ours.encode(text)
    assert theirs.decode(theirs(text)["input_ids"]) == "it ' s the cat , 9 , 99 !"


@pytest.fixture(scope="module")
def byte_tokenizer() -> Tokenizer:
    return Tokenizer.learn_from_texts(
        ["The cat didn't sit; it slept!\n\n  It's  a café, 今日.\n"] * 3, 300, mode="bytes"
    )


@pytest.fixture(scope="module")
def native(byte_tokenizer: Tokenizer) -> NativeTokenizer:
    """The byte-level tokenizer of the `tokenizers` library, which sees the whole text at once."""
    ids = {piece: number for number, piece in enumerate(byte_tokenizer.vocabulary.pieces)}
    tokenizer = NativeTokenizer(models.BPE(vocab=ids, merges=list(byte_tokenizer.vocabulary.merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


@given(text=TEXTS | st.text(alphabet=WHITE_SPACE + "a'é.1", max_size=20))
def test_mode_bytes_is_the_byte_level_of_tokenizers(
    byte_tokenizer: Tokenizer, native: NativeTokenizer, text: str
) -> None:
    ids = byte_tokenizer.encode(text)
    assert ids == native.encode(text).ids
    assert byte_tokenizer.decode(ids) == native.decode(ids)
