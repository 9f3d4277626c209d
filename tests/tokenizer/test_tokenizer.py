"""Ids and what they stand for: agreement with the released code, round trips, laws."""

from __future__ import annotations

import json
import multiprocessing
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretext.errors import DataError, UnknownName
from foretext.tokenizer import Tokenizer, chunks, kept
from foretext.tokenizer.words import word_rules

ENGLISH = st.text(alphabet="abcdeghilmnopqrstuwyACDTW .,;!?\"'-\n\t", max_size=80)


@pytest.fixture(scope="module")
def released(real_data: Path) -> Tokenizer:
    return Tokenizer.openai(real_data / "gpt1-bpe")


def test_every_golden_text_gets_the_released_ids(released: Tokenizer, real_data: Path) -> None:
    lines = (real_data / "gpt1-bpe" / "golden.jsonl").read_text(encoding="utf-8").splitlines()
    golden = [json.loads(line) for line in lines]
    different = [item["text"] for item in golden if released.encode(item["text"]) != item["ids"]]
    assert len(golden) == 2000
    assert different == []


def test_the_released_vocabulary_has_the_papers_size(released: Tokenizer) -> None:
    assert (released.size, released.newline) == (40_478, 40_477)
    assert (released.start, released.delimiter, released.extract) == (40_478, 40_479, 40_480)


@given(text=ENGLISH)
def test_decoding_gives_the_standardised_words_back_in_lower_case_with_one_space_between(
    tokenizer: Tokenizer, standardise: Callable[[str], str], text: str
) -> None:
    ids = tokenizer.encode(text)
    lines = [map(str.lower, word_rules().split(line.split())) for line in standardise(text).split("\n")]
    if 0 not in ids:
        assert tokenizer.decode(ids) == " \n ".join(" ".join(line) for line in lines)


def test_a_run_of_line_breaks_is_one_id(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("the cat \n\n \n sat\n")
    assert ids.count(tokenizer.newline) == 1
    assert tokenizer.decode(ids) == "the cat \n sat"


@given(lines=st.lists(ENGLISH.filter(lambda text: text.strip() != "" and "\n" not in text), max_size=5))
def test_lines_are_encoded_one_by_one(tokenizer: Tokenizer, lines: list[str]) -> None:
    joined: list[int] = []
    for line in lines:
        joined += [tokenizer.newline or 0] * bool(joined) + tokenizer.encode(line)
    assert tokenizer.encode("\n".join(lines)) == joined


def test_what_is_kept_of_earlier_texts_changes_nothing(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["boys' 'em:x", "'em:x", "the cat's mat", "it didn't sit; 'em:x sat"]
    known = tokenizer.encode_batch(texts + texts)
    monkeypatch.setattr(kept, "MOST_KEPT", 1)
    assert Tokenizer(tokenizer.vocabulary).encode_batch(texts + texts) == known


def test_a_text_looked_up_in_blocks_is_that_of_its_lines(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["the cat sat", "boys' 'em:x", "a dog", "'em:x", "on the mat"] * 3  # some whose words depend on neighbours
    monkeypatch.setattr(chunks, "BLOCK", 4)
    ids = tokenizer.encode("\n".join(lines))
    assert tokenizer.newline is not None
    expected = [number for line in lines for number in (tokenizer.newline, *tokenizer.encode(line))]
    assert ids == expected[1:]


def test_a_character_without_a_piece_is_unknown(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("cat ☃")
    assert ids[-1] == 0
    assert tokenizer.decode(ids) == "cat <unk>"


def test_special_tokens_come_after_the_pieces_and_are_shown(tokenizer: Tokenizer) -> None:
    assert [tokenizer.start, tokenizer.delimiter, tokenizer.extract] == [90, 91, 92]
    ids = [tokenizer.start, *tokenizer.encode("cat"), tokenizer.delimiter, tokenizer.extract]
    assert tokenizer.decode(ids) == "[s] cat [$] [e]"


def test_no_text_reaches_the_special_tokens(tokenizer: Tokenizer) -> None:
    assert max(tokenizer.encode("[s] [$] [e] <unk> </w> cat</w>")) < tokenizer.size


@pytest.mark.parametrize("wrong", [-1, 93])
def test_an_id_out_of_range_is_refused(tokenizer: Tokenizer, wrong: int) -> None:
    with pytest.raises(DataError, match="ids go from 0 to 92"):
        tokenizer.decode([1, wrong])


def test_an_empty_text_has_no_ids(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode_batch(["", " \n\t\n"]) == [[], []]
    assert tokenizer.decode([]) == ""


def test_a_worker_process_gets_the_same_tokenizer(tokenizer: Tokenizer) -> None:
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy.fingerprint == tokenizer.fingerprint
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(tokenizer.encode, ["the cat"]) == tokenizer.encode("the cat")


def test_an_unknown_mode_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(UnknownName, match="no tokenizer mode called 'papr'; did you mean 'paper'"):
        Tokenizer.learn_from_texts(["a"], 10, mode="papr")
