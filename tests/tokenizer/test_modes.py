"""A mode is part of a tokenizer: it is stored, it decides the fingerprint, and none takes the place of another."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from foretext.errors import ModelError, UnknownName
from foretext.recipes.settings.learn_tokenizer import LearnTokenizerSettings
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.modes import LEARNING
from foretext.tokenizer.storage import read_vocabulary, write_vocabulary

from .conftest import SENTENCES

MODEL = Path(__file__).parents[2] / "models" / "foretext-mini" / "foretext_mini"


def test_the_command_offers_every_mode() -> None:
    assert get_args(LearnTokenizerSettings.model_fields["mode"].annotation) == tuple(LEARNING)


@pytest.mark.parametrize("mode", LEARNING)
def test_the_mode_is_stored_with_the_tokenizer(mode: str, tmp_path: Path) -> None:
    learned = Tokenizer.learn_from_texts(SENTENCES * 2, 280, mode=mode)
    learned.save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert loaded.mode == mode == json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))["mode"]
    assert loaded.encode(SENTENCES[1]) == learned.encode(SENTENCES[1])


def test_the_same_pieces_read_in_another_mode_are_another_tokenizer(tokenizer: Tokenizer) -> None:
    other = Tokenizer(replace(tokenizer.vocabulary, mode="hf"))
    assert other.fingerprint != tokenizer.fingerprint
    assert other.encode("can't\n") != tokenizer.encode("can't\n")


def test_the_shipped_tokenizer_has_the_fingerprint_it_was_shipped_with() -> None:
    shipped = Tokenizer.load(MODEL)
    assert shipped.mode == "paper"
    assert shipped.fingerprint == json.loads((MODEL / "model.json").read_text())["tokenizer_fingerprint"]


def test_a_file_of_an_unknown_mode_is_refused_by_name(tokenizer: Tokenizer, tmp_path: Path) -> None:
    write_vocabulary(replace(tokenizer.vocabulary, mode="syllables"), tmp_path)
    assert read_vocabulary(tmp_path).mode == "syllables"
    with pytest.raises(ModelError, match=f"{tmp_path} is of the tokenizer mode 'syllables', which this version"):
        Tokenizer.load(tmp_path)


def test_a_vocabulary_of_words_is_not_read_as_one_of_bytes(tokenizer: Tokenizer) -> None:
    with pytest.raises(ModelError, match="is no piece of bytes; the vocabulary was learned in another mode"):
        Tokenizer(replace(tokenizer.vocabulary, mode="bytes"))


def test_a_vocabulary_of_bytes_is_not_read_as_one_of_words() -> None:
    of_bytes = Tokenizer.learn_from_texts(SENTENCES, 280, mode="bytes")
    for mode in ("paper", "hf"):
        with pytest.raises(ModelError, match="the first piece must be '<unk>'"):
            Tokenizer(replace(of_bytes.vocabulary, mode=mode))


def test_an_unknown_mode_for_the_released_vocabulary_is_refused(real_data: Path) -> None:
    with pytest.raises(UnknownName, match="no tokenizer mode called 'HF'"):
        Tokenizer.openai(real_data / "gpt1-bpe", mode="HF")
    with pytest.raises(ModelError, match="is no piece of bytes"):
        Tokenizer.openai(real_data / "gpt1-bpe", mode="bytes")


@pytest.mark.parametrize("mode", LEARNING)
def test_half_characters_stop_no_mode(mode: str) -> None:
    learned = Tokenizer.learn_from_texts([*SENTENCES, "a\ud800b"] * 2, 280, mode=mode)
    assert len(learned.encode("cat \udc00\ud83d\ude00 mat")) > 0


@pytest.mark.parametrize("mode", LEARNING)
@pytest.mark.parametrize("text", ["x" * 60_000, "é" * 60_000, "- " * 30_000, "\n" * 60_000, " " * 60_000])
def test_a_long_text_of_one_kind_takes_no_long_time(mode: str, text: str) -> None:
    learned = Tokenizer.learn_from_texts(SENTENCES * 2, 280, mode=mode)
    ids, spans = learned.encode_with_offsets(text)
    assert ids == learned.encode(text)
    assert len(spans) == len(ids)
