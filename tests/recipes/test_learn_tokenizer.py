"""Learning a tokenizer from files, as a command does it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foretext.errors import DataError, SettingsError
from foretext.recipes.learn_tokenizer import learn_tokenizer
from foretext.recipes.settings.learn_tokenizer import LearnTokenizerSettings
from foretext.tokenizer import Tokenizer

TEXT = "The cat sat on the mat.\nThe dog sat on the cat.\n"


@pytest.fixture
def books(tmp_path: Path) -> Path:
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "one.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "books" / "two.jsonl").write_text(json.dumps({"body": TEXT}) + "\nnonsense\n", encoding="utf-8")
    return tmp_path / "books"


def test_the_tokenizer_is_saved_and_described(books: Path, tmp_path: Path) -> None:
    learned = learn_tokenizer(
        LearnTokenizerSettings(inputs=(str(books),), out=tmp_path / "tokenizer", size=35, field="body")
    )
    assert Tokenizer.load(tmp_path / "tokenizer").fingerprint == learned.tokenizer.fingerprint
    assert learned.lines()[:2] == [
        "35 pieces learned from 28 words (7 different)",
        f"read: 2 documents, {2 * len(TEXT)} characters",
    ]
    assert any("two.jsonl:2" in line for line in learned.lines())
    json.dumps(learned.to_json())


def test_the_same_tokenizer_is_learned_in_python(books: Path, tmp_path: Path) -> None:
    one = books / "one.txt"
    learned = learn_tokenizer(LearnTokenizerSettings(inputs=(str(one),), out=tmp_path / "tokenizer", size=35))
    assert learned.tokenizer.vocabulary == Tokenizer.learn([one], 35).vocabulary


def test_a_limit_on_what_is_read_is_said(books: Path, tmp_path: Path) -> None:
    learned = learn_tokenizer(
        LearnTokenizerSettings(
            inputs=(str(books),), out=tmp_path / "tokenizer", size=30, field="body", max_megabytes=24e-6
        )
    )
    assert learned.characters == 24
    assert learned.stopped
    assert "stopped at --max-megabytes" in learned.lines()[1]


def test_a_limit_that_is_not_reached_is_not_said(books: Path, tmp_path: Path) -> None:
    learned = learn_tokenizer(
        LearnTokenizerSettings(
            inputs=(str(books / "one.txt"),), out=tmp_path / "tokenizer", size=30, max_megabytes=len(TEXT) / 1e6
        )
    )
    assert not learned.stopped


def test_a_tokenizer_that_models_may_depend_on_is_not_replaced(books: Path, tmp_path: Path) -> None:
    settings = LearnTokenizerSettings(inputs=(str(books / "one.txt"),), out=tmp_path / "tokenizer", size=30)
    learn_tokenizer(settings)
    with pytest.raises(SettingsError, match="holds a tokenizer already"):
        learn_tokenizer(settings)


def test_nothing_is_written_when_there_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match="no words"):
        learn_tokenizer(LearnTokenizerSettings(inputs=(str(tmp_path / "empty.txt"),), out=tmp_path / "tokenizer"))
    assert not (tmp_path / "tokenizer").exists()


def test_a_size_beyond_any_vocabulary_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is too large"):
        learn_tokenizer(LearnTokenizerSettings(inputs=("no such file",), out=tmp_path / "out", size=10**12))
    assert not (tmp_path / "out").exists()
