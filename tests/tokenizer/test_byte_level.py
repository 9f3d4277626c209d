"""Mode `bytes` loses nothing, whatever the text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from foretext.errors import ModelError
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.byte_level import ALPHABET

SENTENCES = (
    "The cat sat on the mat.\n",
    "Die Katze saß auf der Matte.\n",
    "猫はマットの上に座った。\n",
    "  The  cat!\t",
)
ANY = st.text(st.characters(codec=None) | st.sampled_from("\ud83d\ude00 \n\0é"))  # halves of surrogate pairs too


@pytest.fixture(scope="module")
def byte_tokenizer() -> Tokenizer:
    return Tokenizer.learn_from_texts(SENTENCES * 2, 300, mode="bytes")


@given(text=ANY)
def test_every_text_comes_back(byte_tokenizer: Tokenizer, text: str) -> None:
    ids = byte_tokenizer.encode(text)
    assert byte_tokenizer.decode(ids) == text
    assert all(0 <= number < byte_tokenizer.size for number in ids)


@pytest.mark.parametrize("text", ["", "\0", " ", "\ud800", "\ud83d\ude00", "a\udfffb é", "x" * 100_000, "日" * 100_000])
def test_odd_texts_come_back(byte_tokenizer: Tokenizer, text: str) -> None:
    assert byte_tokenizer.decode(byte_tokenizer.encode(text)) == text


def test_frequent_words_are_one_piece_with_the_space_before_them(byte_tokenizer: Tokenizer) -> None:
    pieces = [byte_tokenizer.vocabulary.pieces[number] for number in byte_tokenizer.encode("The cat sat on The cat")]
    assert "Ġcat" in pieces
    assert len(pieces) < len("The cat sat on The cat")


def test_case_and_white_space_decide_ids(byte_tokenizer: Tokenizer) -> None:
    texts = ["the cat", "The cat", "the  cat", "the cat ", "the\ncat"]
    assert len({tuple(byte_tokenizer.encode(text)) for text in texts}) == len(texts)


def test_the_line_break_is_the_byte_of_that_value(byte_tokenizer: Tokenizer) -> None:
    assert byte_tokenizer.newline == ord("\n")
    assert byte_tokenizer.decode([ord("\n")]) == "\n"


def test_a_byte_is_written_as_the_tokenizers_library_writes_it() -> None:
    assert set(ALPHABET) == set(pre_tokenizers.ByteLevel.alphabet())
    assert [ALPHABET[byte] for byte in (ord("A"), ord(" "), ord("\n"), 0xC3)] == ["A", "Ġ", "Ċ", "Ã"]


def test_bytes_that_are_no_character_are_shown_as_such(byte_tokenizer: Tokenizer) -> None:
    whole = list("é!".encode())
    assert byte_tokenizer.decode(whole) == "é!"
    assert byte_tokenizer.decode(whole[1:]) == "\ufffd!"
    assert byte_tokenizer.decode(whole[:1]) == "\ufffd"


def test_half_characters_are_kept_beside_bytes_that_are_no_character(byte_tokenizer: Tokenizer) -> None:
    ids = byte_tokenizer.encode("a\ud800")
    assert byte_tokenizer.decode([0xFF, *ids, 0xC3]) == "\ufffda\ud800\ufffd"


def test_special_tokens_are_shown_between_the_texts(byte_tokenizer: Tokenizer) -> None:
    ids = [byte_tokenizer.start, *byte_tokenizer.encode("a b"), byte_tokenizer.delimiter, byte_tokenizer.extract]
    assert byte_tokenizer.decode(ids) == "[s]a b[$][e]"


def test_no_text_reaches_the_special_tokens(byte_tokenizer: Tokenizer) -> None:
    assert max(byte_tokenizer.encode("[s] [$] [e] <unk> </w>")) < byte_tokenizer.size


def test_a_saved_vocabulary_of_bytes_comes_back(byte_tokenizer: Tokenizer, tmp_path: Path) -> None:
    byte_tokenizer.save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert (loaded.vocabulary, loaded.fingerprint) == (byte_tokenizer.vocabulary, byte_tokenizer.fingerprint)
    assert loaded.encode("Die  Katze\n") == byte_tokenizer.encode("Die  Katze\n")


def test_a_vocabulary_without_every_byte_is_refused(byte_tokenizer: Tokenizer) -> None:
    with pytest.raises(ModelError, match="2 of the 256 bytes are no piece"):
        Tokenizer(replace(byte_tokenizer.vocabulary, pieces=byte_tokenizer.vocabulary.pieces[2:]))
