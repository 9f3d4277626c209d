"""Which file of a folder holds a split, and what to say when it is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from foretext.errors import DataError, UnknownName

Split = Literal["train", "valid", "test"]
Files = Mapping[Split, Sequence[str]]  # the names that a split's file may have, best first


def find_split(folder: Path, split: Split, files: Files) -> Path:
    """The file of `split` in `folder`: the first of its names that is there.

    Raises:
        UnknownName: the data set has no such split.
        DataError: none of the files is there.
    """
    if split not in files:
        raise UnknownName("split", split, files)
    for name in files[split]:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"there is no {' or '.join(files[split])} in {folder}")
