"""The weights of the release as files: ten flat arrays, params_0.npy … params_9.npy, that follow one another.

Where the cuts lie, and how the header of a .npy file is padded, differs between versions of NumPy. Both are kept, as
records in a model's history, so that a release that was read can be written again to the byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from foretext.checkpoints.history import ChunkRecord
from foretext.errors import ModelError

Floats = npt.NDArray[np.float32]

CHUNKS = tuple(f"params_{number}.npy" for number in range(10))


@dataclass(frozen=True)
class Chunk:
    """One params_*.npy: its values, and the bytes before them."""

    values: Floats
    header: bytes

    def record(self) -> ChunkRecord:
        """What a history keeps of it."""
        return ChunkRecord(len(self.values), self.header.decode("latin-1"))


def read_chunks(folder: Path) -> list[Chunk]:
    """The ten chunks in `folder`, their values left on disk.

    Raises:
        ModelError: a file is missing, damaged, does not belong there, or holds NaN.
    """
    strangers = sorted({path.name for path in folder.glob("params_*.npy")} - set(CHUNKS))
    if strangers:
        raise ModelError(f"{folder / strangers[0]} does not belong to the release, which ends at {CHUNKS[-1]}")
    return [_read_chunk(folder / name) for name in CHUNKS]


def _read_chunk(path: Path) -> Chunk:
    if not path.is_file():
        raise ModelError(f"{path} is missing")
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ModelError(f"{path} is damaged or no array of NumPy: {error}") from error
    if not isinstance(values, np.memmap) or values.ndim != 1 or values.dtype != np.dtype("<f4"):
        raise ModelError(f"{path} must hold one flat array of float32")
    if path.stat().st_size != values.offset + values.nbytes:
        raise ModelError(f"{path} is damaged: there are bytes behind its {len(values):,} numbers")
    if not np.isfinite(values).all():
        raise ModelError(f"{path} holds values that are not finite, the first at {int(np.isfinite(values).argmin()):,}")
    with path.open("rb") as file:
        return Chunk(values, file.read(values.offset))


def cut(values: Floats, known: Sequence[ChunkRecord]) -> list[Chunk]:
    """`values` in ten chunks: cut as the records in `known` say, or else of one size, give or take one."""
    sizes = [chunk.values for chunk in known]
    if len(sizes) == len(CHUNKS) and sum(sizes) == len(values):
        parts = np.split(values, np.cumsum(sizes)[:-1])
        return [Chunk(part, chunk.header.encode("latin-1")) for part, chunk in zip(parts, known, strict=True)]
    return [Chunk(part, b"") for part in np.array_split(values, len(CHUNKS))]


def write_chunks(folder: Path, chunks: Sequence[Chunk]) -> None:
    """Writes the ten files into `folder`, which must be one that is still being made."""
    for name, chunk in zip(CHUNKS, chunks, strict=True):
        with (folder / name).open("wb") as file:
            if chunk.header:
                file.write(chunk.header)
            else:
                form = np.lib.format
                form.write_array_header_1_0(file, form.header_data_from_array_1_0(chunk.values))
            file.write(chunk.values.astype("<f4").data)  # unlike NumPy's own writing, this says when a disk is full
