"""A tokenizer comes back from disk as it was saved, or is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foretext.errors import ModelError
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.storage import Vocabulary

Edit = Callable[[dict[str, Any]], object]


def test_a_saved_tokenizer_comes_back(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert loaded.vocabulary == tokenizer.vocabulary
    assert loaded.fingerprint == tokenizer.fingerprint
    assert loaded.encode("the cat didn't") == tokenizer.encode("the cat didn't")


def test_saving_again_gives_the_same_bytes(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "one")
    Tokenizer.load(tmp_path / "one").save(tmp_path / "two")
    assert (tmp_path / "one/tokenizer.json").read_bytes() == (tmp_path / "two/tokenizer.json").read_bytes()


def test_the_fingerprint_depends_on_what_decides_ids_and_on_nothing_else(tokenizer: Tokenizer) -> None:
    vocabulary = tokenizer.vocabulary
    same = replace(vocabulary, source="elsewhere")
    others = [
        replace(vocabulary, mode="other"),
        replace(vocabulary, cleaning=99),
        replace(vocabulary, merges=vocabulary.merges[:-1]),
        replace(vocabulary, pieces=(*vocabulary.pieces, "more")),
    ]
    assert same.fingerprint() == vocabulary.fingerprint()
    assert len({vocabulary.fingerprint(), *(other.fingerprint() for other in others)}) == 5


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"there is no tokenizer.json in {tmp_path}"):
        Tokenizer.load(tmp_path)


def test_a_truncated_file_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="tokenizer.json is damaged or truncated"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda data: data.pop("format"), "not a tokenizer file of Foretext"),
        (lambda data: data.update(format=None, model={}), "looks like one of Hugging Face's"),
        (lambda data: data.pop("pieces"), "'pieces' must be a list of strings"),
        (lambda data: data["pieces"].append(7), "'pieces' must be a list of strings"),
        (lambda data: data["merges"].append("abc"), "'abc' is not a merge of two pieces"),
        (lambda data: data["pieces"].append("more"), "does not match its own fingerprint"),
        (lambda data: data.update(mode="other"), "does not match its own fingerprint"),
    ],
)
def test_a_changed_file_is_refused(tokenizer: Tokenizer, tmp_path: Path, edit: Edit, message: str) -> None:
    tokenizer.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    edit(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ModelError, match=message):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("pieces", "merges", "message"),
    [
        (("a", "<unk>"), (), "the first piece must be '<unk>'"),
        ((), (), "the first piece must be '<unk>'"),
        (("<unk>", "a", "a"), (), "the piece 'a' comes twice"),
        (
            ("<unk>", "a", "b</w>"),
            (("a", "b</w>"),),
            "merge 1 is 'a' \\+ 'b</w>', but 'ab</w>' is not among the pieces",
        ),
    ],
)
def test_pieces_and_merges_must_fit(pieces: tuple[str, ...], merges: tuple[tuple[str, str], ...], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Tokenizer(Vocabulary(pieces, merges))


def test_other_cleaning_rules_are_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ModelError, match="made with cleaning rules 99"):
        Tokenizer(replace(tokenizer.vocabulary, cleaning=99))


def test_the_released_files_are_read(tmp_path: Path) -> None:
    write_released(tmp_path, {"<unk>": 0, "a": 1, "b": 2, "b</w>": 3, "ab</w>": 4, "\n</w>": 5}, "a b</w>\n")
    tokenizer = Tokenizer.openai(tmp_path)
    assert tokenizer.encode("AB b\nab") == [4, 3, 5, 4]
    assert tokenizer.newline == 5


def test_released_ids_with_a_gap_are_refused(tmp_path: Path) -> None:
    write_released(tmp_path, {"<unk>": 0, "a": 2}, "")
    with pytest.raises(ModelError, match="must map every piece to its id, from 0 without gaps"):
        Tokenizer.openai(tmp_path)


def test_a_merge_cut_short_is_refused(tmp_path: Path) -> None:
    write_released(tmp_path, {"<unk>": 0, "a": 1}, "a a\nb")
    with pytest.raises(ModelError, match=r"vocab_40000.bpe is damaged: 'b' is not a merge"):
        Tokenizer.openai(tmp_path)


def write_released(folder: Path, ids: dict[str, int], merges: str) -> None:
    (folder / "encoder_bpe_40000.json").write_text(json.dumps(ids), encoding="utf-8")
    (folder / "vocab_40000.bpe").write_text("#version: 0.2\n" + merges, encoding="utf-8")
