"""Memory of freed tensors on a CPU: kept by the process for the next ones, or given back to the system."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # what mallopt may be told, in glibc's malloc.h
_NEVER = -1
ENOUGH_FREE = 8 << 30  # bytes: twice what fine-tuning the paper's model takes
# Shapes whose products oneDNN keeps a program for, at up to 1 MB each. Packed batches hardly ever have a shape again,
# so its own number of 1,024 would fill memory with programs that nobody runs.
PRODUCTS_KEPT = 128


def prepare_cpu(free: int) -> bool:
    """Settles how this process uses memory, where `free` bytes are free; whether memory of freed tensors is kept.

    glibc by itself gives large blocks back to the system at once, and every new one then costs a fault for each page:
    an eighth of an update of fine-tuning (docs/log.md). Kept, blocks that fit no later tensor add up to a higher peak,
    so it is done where there is enough, and `give_back_freed_memory` is to be called when there no longer is.
    FORETEXT_KEEP_MEMORY (1 or 0) decides otherwise.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(PRODUCTS_KEPT))
    wanted = os.environ.get("FORETEXT_KEEP_MEMORY")
    if wanted == "0" or (wanted is None and free < ENOUGH_FREE):
        return False
    set_option = _of_glibc("mallopt")
    return set_option is not None and bool(set_option(_MMAP_MAX, 0)) and bool(set_option(_TRIM_THRESHOLD, _NEVER))


def give_back_freed_memory() -> None:
    """Gives all of it back to the system, once."""
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(ctypes.c_size_t(0))


def _of_glibc(name: str) -> Any:
    """The function of that name, or None where the C library is another."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
