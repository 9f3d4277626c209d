"""A corpus that is not what `prepare` wrote is found: by its sizes at once, by its bytes before or beside training."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foretext.corpus import Corpus, prepare
from foretext.corpus.shards import index_path
from foretext.corpus.verification import Verification
from foretext.corpus.windows import Windows
from foretext.errors import DataError
from foretext.files import sha256
from foretext.tokenizer import Tokenizer


@pytest.fixture
def folder(stories: Callable[..., Path], tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """A corpus of three shards and more."""
    prepare([stories(range(20))], tmp_path / "corpus", tokenizer=tokenizer, workers=1, shard_tokens=300)
    return tmp_path / "corpus"


def write_ids(folder: Path, change: Callable[[np.ndarray], Any], *, rehash: bool) -> Path:
    """Changes the ids of a shard; with `rehash` the manifest agrees."""
    path = folder / "train/00001.ds"
    ids = np.fromfile(path, "<u2")
    change(ids)
    old, _ = sha256(path), ids.tofile(path)
    if rehash:
        manifest = folder / "manifest.json"
        manifest.write_text(manifest.read_text().replace(old, sha256(path)))
    return path


def edited(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_sound_corpus_is_verified(folder: Path) -> None:
    corpus = Corpus.open(folder, verify=True)
    assert len(corpus.manifest.splits["train"]) >= 3
    Verification(corpus).wait()


def test_a_shuffled_shard_is_found_beside_training_and_stays_found(folder: Path) -> None:
    write_ids(folder, np.random.default_rng(0).shuffle, rehash=False)
    verification = Verification(Corpus.open(folder))
    with pytest.raises(DataError, match=r"00001\.ds is damaged: its SHA-256 .* checkpoints too, is not to be trusted"):
        verification.wait()
    with pytest.raises(DataError, match="SHA-256"):
        verification.check()


def test_a_file_that_goes_away_is_found_beside_training(folder: Path) -> None:
    corpus = Corpus.open(folder)
    (folder / "train/00002.ds").unlink()
    with pytest.raises(DataError, match=r"00002\.ds"):
        Verification(corpus).wait()


@pytest.mark.parametrize("name", ["00002.ds", "00002.ds.index"])
def test_a_file_that_grows_by_a_byte_after_it_was_opened_is_found_beside_training(folder: Path, name: str) -> None:
    corpus = Corpus.open(folder)
    with (folder / "train" / name).open("ab") as file:
        file.write(b"!")
    with pytest.raises(DataError, match=rf"{re.escape(name)} is damaged: its SHA-256"):
        Verification(corpus).wait()


def test_a_bug_in_the_verification_is_not_taken_for_a_sound_corpus(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("foretext.corpus.verification.verify_corpus", fails)
    with pytest.raises(ZeroDivisionError):
        Verification(Corpus.open(folder)).wait()


def test_an_id_that_is_none_of_the_tokenizers_is_found_by_reading_all_and_by_learning_from_it(folder: Path) -> None:
    write_ids(folder, lambda ids: ids.__setitem__(7, 60_000), rehash=True)
    with pytest.raises(DataError, match=r"00001\.ds is damaged: it holds the id 60,000, and the tokenizer has \d+"):
        Corpus.open(folder, verify=True)
    split = Corpus.open(folder).split("train")
    with pytest.raises(DataError, match=r"00001\.ds is damaged: token 7 has the id 60,000"):
        Windows(split, context=split.token_count, batch=1, seed=0).batch(0)
    with pytest.raises(DataError, match="has the id 60,000"):
        list(split.documents())


@pytest.mark.parametrize(
    ("ends", "message"),
    [(lambda ends: ends[::-1], "do not rise"), (lambda ends: ends - 1, "its last document ends at")],
    ids=["falling", "too early"],
)
def test_document_ends_that_do_not_rise_to_the_last_token_are_found(
    folder: Path, ends: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    path = index_path(folder / "train/00000.ds")
    old = sha256(path)
    ends(np.fromfile(path, "<u8")).tofile(path)
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace(old, sha256(path)))
    with pytest.raises(DataError, match=message):
        Corpus.open(folder, verify=True)


@pytest.mark.parametrize("name", ["/etc/passwd", "../other/00000.ds", "train/../../x.ds", "train//x.ds", ""])
def test_the_names_in_a_manifest_stay_in_its_folder(folder: Path, name: str) -> None:
    edited(folder, lambda manifest: manifest["splits"]["train"][0].update(file=name))
    with pytest.raises(DataError, match=r"splits\.train\.0\.file: .*is no name of a file in the corpus"):
        Corpus.open(folder)


def test_a_link_out_of_the_corpus_is_refused_and_one_to_the_corpus_is_not(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    Corpus.open(tmp_path / "link", verify=True)
    (folder / "train/00000.ds").rename(tmp_path / "elsewhere.ds")
    (folder / "train/00000.ds").symlink_to(tmp_path / "elsewhere.ds")
    with pytest.raises(DataError, match=r"00000\.ds is a link to .*elsewhere\.ds, out of the corpus"):
        Corpus.open(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda manifest: manifest["plan"].update(vocabulary=70_000), "do not fit into the type <u2"),
        (lambda manifest: manifest["plan"].update(separator_id=-1), "the separator -1 is no id"),
        (lambda manifest: manifest["counts"].update(tokens=1), "its shards and its counts are of different numbers"),
        (lambda manifest: manifest["splits"]["train"][0].update(tokens=-4), "greater than or equal to 1"),
        (lambda manifest: manifest["splits"].pop("valid"), "damaged"),
        (lambda manifest: manifest["splits"]["train"].append(manifest["splits"]["train"][0]), "damaged"),
    ],
)
def test_a_manifest_whose_parts_do_not_fit_together_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    edited(folder, change)
    with pytest.raises(DataError, match=message):
        Corpus.open(folder)


def test_preparing_again_looks_whether_what_is_there_is_sound(
    folder: Path, stories: Callable[..., Path], tokenizer: Tokenizer
) -> None:
    write_ids(folder, np.random.default_rng(0).shuffle, rehash=False)
    with pytest.raises(DataError, match="its SHA-256"):
        prepare([stories(range(20))], folder, tokenizer=tokenizer, workers=1, shard_tokens=300)


@pytest.mark.parametrize("name", ["../train/0.ds", "/etc/passwd", "train/../../x", "train\\0.ds", "train//0", ""])
def test_a_manifest_names_no_file_out_of_its_folder(folder: Path, name: str) -> None:
    edited(folder, lambda manifest: manifest["splits"]["train"][0].update(file=name))
    with pytest.raises(DataError, match=r"manifest\.json is damaged: .* is no name of a file in the corpus"):
        Corpus.open(folder)


@pytest.mark.parametrize("name", ["train/00000.ds", "train/00000.ds.index", "train"])
def test_a_link_out_of_the_corpus_is_not_followed(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"is a link to .*elsewhere.*, out of the corpus; put the file itself there"):
        Corpus.open(folder)
