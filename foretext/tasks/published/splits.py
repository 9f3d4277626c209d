"""Which file or folder holds a split of a published data set, and what a reader of one is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from foretext.errors import DataError, UnknownName
from foretext.tasks.examples import Example

Split = str  # train, valid or test; where test data come in parts, also "test PART", as "test mismatched"
Files = Mapping[Split, Sequence[str]]  # the names that a split's file or folder may have, best first


class Reader(Protocol):
    """Reads a published data set, one split at a time."""

    @property
    def files(self) -> Files:
        """The files or folders of each split."""

    def __call__(self, folder: Path, split: Split) -> Iterator[Example]:
        """The examples of one split, in the order of the file.

        Raises:
            UnknownName: the data set has no such split.
            DataError: the file is not there or not as published.
        """


@dataclass(frozen=True)
class SplitReader:
    """Reads a data set of which each split is one file or folder, whose path is all that `read` has to know."""

    files: Files
    read: Callable[[Path], Iterator[Example]]

    def __call__(self, folder: Path, split: Split) -> Iterator[Example]:
        """The examples of one split, in the order of the file."""
        return self.read(find_split(folder, split, self.files))


def find_split(folder: Path, split: Split, files: Files) -> Path:
    """The file or folder of `split` in `folder`: the first of its names that is there.

    Raises:
        UnknownName: the data set has no such split.
        DataError: none of them is there.
    """
    if split not in files:
        raise UnknownName("split", split, files)
    found = split_in(folder, split, files)
    if found is None:
        raise DataError(f"there is no {' or '.join(files[split])} in {folder}")
    return found


def split_in(folder: Path, split: Split, files: Files) -> Path | None:
    """The same, or None where there is none."""
    return next((folder / name for name in files.get(split, ()) if (folder / name).exists()), None)


def is_part(path: Path) -> bool:
    """Whether a file is by its name a part of a published split, not the whole of it."""
    return path.stem.endswith("_subset")
