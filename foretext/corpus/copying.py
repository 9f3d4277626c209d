"""A finished corpus goes into an object store, from which many machines can learn from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from foretext.corpus.corpus import Corpus
from foretext.corpus.manifest import NAME, SPLITS, read_manifest
from foretext.errors import DataError, SettingsError
from foretext.progress import progress
from foretext.stores import Stored, place_at, put, told
from foretext.tokenizer.storage import FILE_NAME


def store_at(url: str) -> Stored:
    """The folder of an object store that a URL names.

    Raises:
        SettingsError: it is none, or no package for it is installed.
    """
    place = place_at(url)
    if not isinstance(place, Stored):
        raise SettingsError(f"{url} is no folder of an object store; give a URL, as s3://bucket/corpus")
    return place


def copy_corpus(corpus: Corpus, place: Stored) -> Corpus:
    """The same corpus in a folder of an object store; nothing is done where it is already.

    Its manifest is written last, so there is a corpus when all of it is there.

    Raises:
        DataError: another corpus is there, or nothing may be written.
        Unreachable: the store cannot be reached; the same call begins the copy again.
    """
    with told():
        is_there = (place / NAME).exists()
    if is_there and read_manifest(place).fingerprint != corpus.fingerprint:
        raise DataError(f"{place} holds another corpus; choose another place, or delete it")
    if not is_there:
        assert isinstance(corpus.folder, Path)
        names = list(_files(corpus))
        with progress("copy", len(names), unit="files") as bar, told():
            for name in names:
                put(corpus.folder / name, place / name)
                bar.advance()
    return Corpus.open(place)


def _files(corpus: Corpus) -> Iterator[str]:
    for shard in (shard for name in SPLITS for shard in corpus.manifest.splits[name]):
        yield from (shard.file, f"{shard.file}.index")
    yield from (FILE_NAME, NAME)
