"""What a safetensors file says it holds, read and checked without its numbers: names, types, shapes and places.

    8 bytes, little-endian      the length of the header
    the header                  JSON: {name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
    the numbers                 end to end, places counted from here

Source: the format's description in the repository huggingface/safetensors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from foretext.errors import ModelError

_LONGEST = 100_000_000  # bytes of a header that safetensors reads
_LENGTH_BYTES = 8
_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}  # of a number of each type
WEIGHTS = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}  # all exact in the fp32 that models are kept in


@dataclass(frozen=True)
class Held:
    """One tensor of a file: its type, by safetensors' name for it, and its shape."""

    dtype: str
    shape: tuple[int, ...]


def read_header(path: Path) -> dict[str, Held]:
    """The tensors of the safetensors file `path` by name.

    Raises:
        ModelError: the file is missing, is none of safetensors, or its parts do not fit together.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            if size < _LENGTH_BYTES or length > min(_LONGEST, size - _LENGTH_BYTES):
                raise ModelError(f"{path} is damaged: its header is longer than the file; restore it")
            header = json.loads(file.read(length).decode("utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path} is missing") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError):
        raise ModelError(f"{path} is damaged: its header is no JSON; restore it") from None
    if not isinstance(header, dict):
        raise ModelError(f"{path} is damaged: its header has no names; restore it")
    header.pop("__metadata__", None)
    places = sorted(_place(path, name, about) for name, about in header.items())
    _refuse_gaps(path, places, size - _LENGTH_BYTES - length)
    return {name: Held(about["dtype"], tuple(about["shape"])) for name, about in header.items()}


def refuse_no_weights(path: Path, held: Mapping[str, Held]) -> None:
    """Nothing if all tensors of a file are of a type that weights have.

    Raises:
        ModelError: one is not; it is named.
    """
    for name, tensor in held.items():
        if tensor.dtype not in WEIGHTS:
            raise ModelError(f"{path}: {name} is of type {tensor.dtype}; weights are {', '.join(WEIGHTS.values())}")


def _place(path: Path, name: str, about: Any) -> tuple[int, int, str]:
    """Where the numbers of a tensor begin and end, and its name."""
    offsets = about.get("data_offsets") if isinstance(about, dict) else None
    if not _counts(offsets) or len(offsets) != 2 or about.get("dtype") not in _BITS or not _counts(about.get("shape")):
        raise ModelError(f"{path} is damaged: its header does not say what {name!r} is; restore it")
    begin, end = offsets
    if 8 * (end - begin) != math.prod(about["shape"]) * _BITS[about["dtype"]]:
        raise ModelError(f"{path} is damaged: {name!r} has more or fewer bytes than its shape asks for; restore it")
    return begin, end, name


def _counts(values: Any) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _refuse_gaps(path: Path, places: list[tuple[int, int, str]], size: int) -> None:
    at = 0
    for begin, end, name in places:
        if begin != at or end > size:
            raise ModelError(f"{path} is damaged: {name!r} does not lie where it belongs in the file; restore it")
        at = end
    if at != size:
        raise ModelError(f"{path} is damaged: it ends with {size - at:,} bytes of no tensor; restore it")
