"""A corpus in an object store is the one on the disk: the same windows, documents, hashes and refusals."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from foretext.corpus import Corpus, Windows, prepare, sequential_windows
from foretext.corpus.copying import copy_corpus
from foretext.corpus.verification import Verification
from foretext.errors import DataError, SettingsError, Unreachable
from foretext.stores import Stored, place_at
from foretext.tokenizer import Tokenizer

TEXT = "the cat is in the barn. the dog is in the yard. "


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of several small shards in each split."""
    root = tmp_path_factory.mktemp("stored")
    for number in range(40):
        (root / f"{number:02}.txt").write_text(TEXT * (1 + number % 5))
    tokenizer = Tokenizer.learn(sorted(root.glob("*.txt")), 50)
    prepare([root], root / "corpus", tokenizer=tokenizer, workers=1, validation=0.3, shard_tokens=200)
    return root / "corpus"


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Iterator[str]:
    """The same corpus in each of the stores that fsspec brings with it."""
    if request.param == "file":
        shutil.copytree(folder, tmp_path / "corpus")
        yield f"file://{tmp_path / 'corpus'}"
        return
    fsspec.filesystem("memory").put(str(folder), "/bucket/corpus", recursive=True)
    yield "memory://bucket/corpus"
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


def changed(url: str, name: str, change: Callable[[bytes], bytes]) -> None:
    """Has a file of a store hold something else."""
    system, path = fsspec.core.url_to_fs(f"{url}/{name}")
    system.pipe_file(path, change(system.cat_file(path)))


def test_everything_that_is_read_is_what_the_folder_holds(url: str, folder: Path):
    stored, here = Corpus.open(url, verify=True), Corpus.open(folder)
    assert stored.fingerprint == here.fingerprint
    assert Tokenizer.load(stored.folder).fingerprint == Tokenizer.load(folder).fingerprint
    for name in ("train", "valid"):
        one, other = stored.split(name), here.split(name)
        assert len(one.shards) > 1
        assert [ids.tolist() for ids in one.documents()] == [ids.tolist() for ids in other.documents()]
        assert one.place(250, 300) == other.place(250, 300)
        both = [list(sequential_windows(split, 16, batch=3)) for split in (one, other)]
        assert [batch.tokens.tolist() for batch in both[0]] == [batch.tokens.tolist() for batch in both[1]]


def test_training_windows_are_the_same_whatever_is_asked_for_next(url: str, folder: Path):
    stored, here = (Windows(Corpus.open(place).split("train"), context=90, batch=7, seed=3) for place in (url, folder))
    asked = [(0, 0, 1, 0), (1, 0, 1, 0), (2, 1, 2, 0), (3, 1, 2, 0), (3, 0, 1, 1), (4, 0, 1, 1), (9, 5, 9, 0)]
    for update, rank, world, order in asked:
        found, known = (one.batch(update, rank=rank, world=world, order=order) for one in (stored, here))
        assert found.tokens.tolist() == known.tokens.tolist()


def test_no_more_is_read_than_the_windows(url: str, monkeypatch: pytest.MonkeyPatch):
    windows = Windows(Corpus.open(url).split("train"), context=16, batch=5, seed=1)
    system = type(fsspec.core.url_to_fs(url)[0])
    read, before = [], system.cat_file

    def cat_file(self: Any, path: str, start: int | None = None, end: int | None = None, **given: Any) -> bytes:
        read.append(len(part := before(self, path, start, end, **given)))
        return part

    monkeypatch.setattr(system, "cat_file", cat_file)
    windows.batch(0)
    windows._reader.shutdown()  # of the next
    assert sum(read) == 2 * 5 * 16 * np.dtype("<u2").itemsize


def test_what_is_damaged_or_gone_is_named(url: str):
    changed(url, "train/00001.ds", lambda data: bytes([data[0] ^ 1]) + data[1:])
    corpus = Corpus.open(url)
    with pytest.raises(DataError, match=rf"{url}/train/00001.ds is damaged: its SHA-256"):
        Corpus.open(url, verify=True)
    with pytest.raises(DataError, match="is not to be trusted"):
        Verification(corpus).wait()
    changed(url, "train/00000.ds", lambda data: data[:-2])
    with pytest.raises(DataError, match=r"train/00000.ds is damaged: \d+ bytes instead of"):
        Corpus.open(url)
    with pytest.raises(Unreachable, match="bytes came instead of"):
        corpus.split("train").read(0, corpus.split("train").token_count)
    system, path = fsspec.core.url_to_fs(f"{url}/train/00000.ds")
    system.rm(path)
    with pytest.raises(DataError, match=r"there is no such file .*00000.ds"):
        Corpus.open(url)
    with pytest.raises(DataError, match="is no prepared corpus: there is no manifest.json in it"):
        Corpus.open(f"{url}/train")


def test_a_store_that_fails_is_said_and_condemns_nothing(url: str, monkeypatch: pytest.MonkeyPatch):
    corpus = Corpus.open(url)
    system = type(fsspec.core.url_to_fs(url)[0])

    def cat_file(*_: Any, **__: Any) -> bytes:
        raise RuntimeError("connection reset\nby peer")

    monkeypatch.setattr(system, "cat_file", cat_file)
    windows = Windows(corpus.split("train"), context=16, batch=5, seed=1)
    with pytest.raises(Unreachable, match=r"the store fails \(connection reset by peer\)"):
        windows.batch(0)
    with pytest.raises(Unreachable, match="the store fails"):
        Verification(corpus).wait()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("memory://nothing/here", "there is no manifest.json in it"),
        ("nonsense://a/b", "of no store that fsspec knows"),
        ("oci://bucket/corpus", "takes a package that is not installed here .*: pip install ocifs"),
        ("simplecache::memory://a", "is a chain of stores"),
        ("ftp://me:secret@host/a", "a URL with a password in it"),
    ],
)
def test_what_cannot_be_opened_says_why(url: str, told: str):
    with pytest.raises((DataError, SettingsError), match=told) as error:
        Corpus.open(url)
    assert "secret" not in str(error.value)


def test_a_path_is_no_url(tmp_path: Path):
    assert place_at(str(tmp_path)) == tmp_path
    assert place_at("C:/corpus") == Path("C:/corpus")
    assert place_at("memory://a/b") == Stored("memory://a/b")
    assert Stored("memory://a/b").with_name("c") == Stored("memory://a/c")


def test_a_corpus_is_copied_into_a_store_of_folders_that_are_not_there_yet(folder: Path, tmp_path: Path):
    corpus = Corpus.open(folder)
    copied = copy_corpus(corpus, Stored(f"file://{tmp_path}/new/store"))
    assert copied.fingerprint == corpus.fingerprint
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        assert (tmp_path / "new" / "store" / file.relative_to(folder)).read_bytes() == file.read_bytes()
