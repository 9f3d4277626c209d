"""What is learned from texts, and that it is the same every time."""

from __future__ import annotations

import json
import logging
from collections import Counter
from pathlib import Path

import pytest

from foretext.corpus import Problems
from foretext.corpus.sources import find_sources
from foretext.errors import DataError, SettingsError
from foretext.tokenizer import Tokenizer, count_words, counting
from foretext.tokenizer.byte_level import ALPHABET
from foretext.tokenizer.learning import learn_byte_pieces, learn_pieces
from foretext.tokenizer.texts import read_texts, text_files


def test_words_are_counted_as_they_are_encoded() -> None:
    assert count_words(["The cat didn't.", "the CAT\nsat"]) == Counter(
        {"the": 2, "cat": 2, "did": 1, "n't": 1, ".": 1, "sat": 1}
    )


def test_words_are_counted_in_the_form_of_the_mode() -> None:
    text = "Café didn't.\n  The  CAT"
    assert count_words([text], "hf") == Counter(["cafe", "didn", "'", "t", ".", "the", "cat"])
    assert count_words([text], "bytes") == Counter(
        ["CafÃ©", "Ġdidn", "'t", ".", "ĊĠ", "ĠThe", "Ġ", "ĠCAT"]  # é is the bytes C3 A9, a space is Ġ
    )


@pytest.mark.parametrize("mode", ["paper", "hf", "bytes"])
@pytest.mark.parametrize("limit", ["CHUNKS_HELD", "LONG_HELD"])
def test_counts_do_not_depend_on_how_many_chunks_are_held(
    mode: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["well-known " + "ab-" * 100 + " (it's) " + "x" * 100] * 3
    counts = count_words(texts, mode)
    monkeypatch.setattr(counting, limit, 0)
    assert count_words(texts, mode) == counts


def test_the_most_frequent_pair_is_merged_first() -> None:
    _, merges = learn_pieces({"low": 5, "lower": 2, "newest": 6, "widest": 3}, 60)
    # es and st</w> occur 9 times each; then est</w>; Sennrich et al. 2016, figure 1
    assert merges[:2] in ([("e", "s"), ("es", "t</w>")], [("s", "t</w>"), ("e", "st</w>")])
    assert "low</w>" in {left + right for left, right in merges}


def test_ids_are_unknown_characters_ends_merges_and_the_line_break() -> None:
    pieces, merges = learn_pieces({"ab": 3, "b": 1}, 7)
    assert pieces == ["<unk>", "b", "a", "b</w>", "a</w>", "ab</w>", "\n</w>"]
    assert merges == [("a", "b</w>")]


def test_a_count_weighs_as_much_as_that_many_copies() -> None:
    assert learn_pieces({"ab": 25_000, "cd": 24_999, "ef": 1}, 15)[1] == [("a", "b</w>")]
    assert learn_pieces({"ab": 24_999, "cd": 25_000, "ef": 1}, 15)[1] == [("c", "d</w>")]


def test_learning_twice_gives_the_same_vocabulary() -> None:
    words = {f"{a}{b}{c}": 7 for a in "abcd" for b in "efgh" for c in "ijkl"}  # nothing but ties
    assert learn_pieces(words, 80) == learn_pieces(dict(reversed(words.items())), 80)


def test_learning_bytes_twice_gives_the_same_vocabulary() -> None:
    words = {f"Ġ{a}{b}{c}": 7 for a in "abcd" for b in "efgh" for c in "ijkl"}  # nothing but ties
    pieces, merges = learn_byte_pieces(words, 280)
    assert (pieces, merges) == learn_byte_pieces(dict(reversed(words.items())), 280)
    assert pieces[:256] == ALPHABET
    assert pieces[256:] == [left + right for left, right in merges]


def test_a_size_without_room_for_the_bytes_is_refused() -> None:
    with pytest.raises(SettingsError, match="a vocabulary of 255 is too small: 256 pieces are needed"):
        learn_byte_pieces({"ab": 3}, 255)


def test_every_word_is_encoded_to_learned_pieces_alone(tokenizer: Tokenizer) -> None:
    assert tokenizer.size == 90
    assert 0 not in tokenizer.encode("the dog didn't sleep")
    assert len(tokenizer.encode("the cat")) == 2


def test_characters_that_are_too_rare_get_no_piece(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="foretext")
    pieces, _ = learn_pieces({"ab": 200_000, "ж": 1}, 6)
    assert "ж" not in pieces
    assert "1 rare characters (1 occurrences) get no piece" in caplog.text


def test_fewer_pieces_than_asked_for_are_said(caplog: pytest.LogCaptureFixture) -> None:
    pieces, _ = learn_pieces({"ab": 3}, 500)
    assert len(pieces) == 7
    assert "yield 7 pieces, not the 500 asked for" in caplog.text


def test_a_size_without_room_for_the_characters_is_refused() -> None:
    with pytest.raises(SettingsError, match="a vocabulary of 5 is too small: 6 pieces are needed for the 2 characters"):
        learn_pieces({"ab": 3}, 5)


@pytest.mark.parametrize("mode", ["paper", "bytes"])
def test_a_size_beyond_any_vocabulary_is_refused(mode: str) -> None:
    with pytest.raises(SettingsError, match="1,000,000,000,000 is too large: give 1,048,576 pieces at most"):
        Tokenizer.learn_from_texts(["a cat"], 10**12, mode=mode)


def test_texts_without_words_are_refused() -> None:
    for mode, texts in {"paper": ["", " \n"], "hf": ["", " \n"], "bytes": [""]}.items():
        with pytest.raises(DataError, match="no words to learn a tokenizer from"):
            Tokenizer.learn_from_texts(texts, 300, mode=mode)


@pytest.mark.parametrize("mode", ["paper", "hf", "bytes"])
def test_counting_holds_a_bounded_number_of_words(
    mode: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(counting, "CHUNKS_HELD", 10)
    monkeypatch.setattr(counting, "WORDS_HELD", 20)
    counts = count_words((f"often {'x' * number} {'y' * number}" for number in range(1, 200)), mode)
    assert counts["often"] == 199
    assert len(counts) < 60
    assert "seen only once are not counted" in caplog.text


def test_files_and_texts_give_the_same_tokenizer(tmp_path: Path) -> None:
    texts = ["The cat sat.", "The dog sat on the cat."]
    (tmp_path / "one.txt").write_text(texts[0], encoding="utf-8")
    (tmp_path / "two.jsonl").write_text(json.dumps({"text": texts[1]}) + "\n", encoding="utf-8")
    learned = Tokenizer.learn([tmp_path / "one.txt", str(tmp_path / "two.jsonl")], 40)
    assert learned.fingerprint == Tokenizer.learn_from_texts(texts, 40).fingerprint


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.txt", None, "there is no file .*none.txt"),
        ("book.pdf", b"", "only .txt and .jsonl are read here"),
        ("latin.txt", b"caf\xe9", "latin.txt is not UTF-8 text"),
        ("bad.jsonl", b'{"text": "a"}\n{"text"\n', "bad.jsonl:2: not JSON"),
        ("field.jsonl", b'{"body": "a"}\n', "field.jsonl:1: no object with a field 'text'"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        Tokenizer.learn([tmp_path / name], 40)


def test_a_folder_or_one_path_is_learned_from_as_its_files_are(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a cat sat")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.jsonl").write_text('{"text": "a dog sat"}\n')
    (tmp_path / "c.doc").write_text("not read")
    files = [tmp_path / "a.txt", tmp_path / "more" / "b.jsonl"]
    expected = Tokenizer.learn(files, 30).fingerprint
    assert Tokenizer.learn(str(tmp_path), 30).fingerprint == Tokenizer.learn(tmp_path, 30).fingerprint == expected


def test_of_a_folder_the_same_files_are_read_as_by_the_command(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("b.TXT", "a/z.txt", ".hidden/x.txt", ".w.txt", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert text_files(tmp_path) == [Path(source.path) for source in find_sources([tmp_path], Problems().add)]
    assert list(read_texts(tmp_path / "b.TXT")) == ["b.TXT"]
    assert f"1 left out of {tmp_path}, of other formats or linked folders: {tmp_path / 'notes.md'}" in caplog.text


@pytest.mark.parametrize("name", ["c.txt.gz", "C.JSONL.ZST", "d.parquet"])
def test_a_folder_with_texts_that_only_the_command_reads_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.txt").write_text("a cat sat")
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=f"{name}: only .txt and .jsonl are read here"):
        Tokenizer.learn(tmp_path, 40)
