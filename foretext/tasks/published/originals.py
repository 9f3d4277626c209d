"""Data sets that some repository holds as tables, some splits of which have a form of their own in the original."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from foretext.tasks.examples import Example
from foretext.tasks.published.splits import Files, Reader, Split, find_split


@dataclass(frozen=True)
class WithOriginals:
    """Reads tables, and by another function each file whose name, as in the table's `files`, is in `originals`."""

    table: Reader
    originals: Mapping[str, Callable[[Path], Iterator[Example]]]

    @property
    def files(self) -> Files:
        """The files of each split."""
        return self.table.files

    def __call__(self, folder: Path, split: Split) -> Iterator[Example]:
        """The examples of one split, in the order of the file.

        Raises:
            DataError: the file is not there or not as published.
        """
        path = find_split(folder, split, self.files)
        read = self.originals.get(path.relative_to(folder).as_posix())
        return self.table(folder, split) if read is None else read(path)
