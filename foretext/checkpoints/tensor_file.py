"""A safetensors file written piece by piece: its bytes are hashed and looked at as they go to the disk, then read back.

    8 bytes   length of the header, little-endian
    header    JSON: {"__metadata__": {…}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
    bytes     of the tensors, one behind the other, those of wide types first so that each is aligned

Writing, hashing and reading work without holding Python's lock, and without the threads that compute: a thread that
writes beside a training takes none of its cores but its own.

Source: the format's description, https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from foretext.errors import ForetextError

PIECE = 1 << 22  # bytes at a time
ALIGNMENT = 8  # of the bytes behind the header
DTYPES = {
    torch.float64: "F64",
    torch.int64: "I64",
    torch.float32: "F32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
# The bits of the exponent, of which a number that is not finite has all.
EXPONENTS = {
    torch.float64: (np.uint64, 0x7FF0_0000_0000_0000),
    torch.float32: (np.uint32, 0x7F80_0000),
    torch.bfloat16: (np.uint16, 0x7F80),
    torch.float16: (np.uint16, 0x7C00),
}


class NotFinite(ForetextError):
    """Numbers that were to be written are not finite; the message names the tensor."""


def write_tensor_file(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> str:
    """The SHA-256 of `tensors` as a safetensors file, which is at `path` now, on the disk, and reads back the same.

    Raises:
        NotFinite: a tensor holds NaN or an infinity.
        ForetextError: what is read back differs.
        OSError: the system could not write.
    """
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for piece in _pieces(order, tensors, metadata):
            file.write(piece)
            digest.update(piece)
        file.flush()
        os.fsync(file.fileno())
    meant = digest.hexdigest()
    if _read_back(path) != meant:
        raise ForetextError(f"{path} does not read back as it was written; the disk may be failing: choose another")
    return meant


def _pieces(
    order: list[str], tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None
) -> Iterator[bytes | memoryview]:
    yield _header(order, tensors, metadata)
    for name in order:
        tensor = tensors[name].detach().cpu().contiguous().reshape(-1)
        content = tensor.view(torch.uint8).numpy()
        for first in range(0, len(content), PIECE):
            piece = content[first : first + PIECE]
            _refuse_not_finite(name, tensor.dtype, piece)
            yield piece.data


def _header(order: list[str], tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None) -> bytes:
    entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name in order:
        tensor = tensors[name]
        begin, end = end, end + tensor.nbytes
        entries[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return len(text).to_bytes(8, "little") + text


def _refuse_not_finite(name: str, dtype: torch.dtype, piece: np.ndarray) -> None:
    if dtype in EXPONENTS:
        kind, exponent = EXPONENTS[dtype]
        bits = piece.view(kind) & kind(exponent)
        if bool((bits == exponent).any()):
            raise NotFinite(f"{name} holds numbers that are not finite")


def _read_back(path: Path) -> str:
    """The SHA-256 of the file as it lies on the disk, where the system can be told to forget what it remembers."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()
