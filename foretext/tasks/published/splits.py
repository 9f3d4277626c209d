"""Which file or folder holds a split of a published data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from foretext.errors import DataError, UnknownName
from foretext.tasks.examples import Example

Split = str  # train, valid or test; where test data come in parts, also "test PART", as "test mismatched"
Files = Mapping[Split, Sequence[str]]  # the names that a split's file or folder may have, best first
Reader = Callable[[Path, Split], Iterator[Example]]  # folder, split → the examples in the order of the file


def find_split(folder: Path, split: Split, files: Files) -> Path:
    """The file or folder of `split` in `folder`: the first of its names that is there.

    Raises:
        UnknownName: the data set has no such split.
        DataError: none of them is there.
    """
    if split not in files:
        raise UnknownName("split", split, files)
    for name in files[split]:
        if (folder / name).exists():
            return folder / name
    raise DataError(f"there is no {' or '.join(files[split])} in {folder}")


def is_part(path: Path) -> bool:
    """Whether a file is by its name a part of a published split, not the whole of it."""
    return path.stem.endswith("_subset")
