"""Which device and precision there are to compute with, and how memory is kept."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

import torch
from torch import Tensor

from foretext.errors import SettingsError

_BF16_CPU_FEATURES = ("avx512_bf16", "amx_bf16")  # without one of these a CPU's bf16 products crawl

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


def gains_by_onednn(like: Tensor) -> bool:
    """Whether oneDNN multiplies such values, where they are, by a large matrix faster than torch does by itself.

    It does in fp32 where a CPU's vectors are short (AVX2): few rows, or many outputs, halve the speed of MKL, which
    torch takes (docs/log.md).
    """
    return (
        (like.device.type, like.dtype) == ("cpu", torch.float32)
        and torch.backends.cpu.get_cpu_capability() == "AVX2"
        and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    )


def lowered_type(values: Tensor) -> torch.dtype:
    """The type in which products take `values`: autocast's where it is on, else their own."""
    kind = values.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else values.dtype


def find_device(name: str) -> torch.device:
    """The device called `name`; auto takes CUDA, then Apple's, then the CPU.

    Raises:
        SettingsError: there is no such device here.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, present in available.items() if present))
    if name not in available:
        raise SettingsError(f"no device called {name!r}; use auto, cpu, cuda or mps")
    if not available[name]:
        raise SettingsError(f"device {name} was asked for, but torch {torch.__version__} finds none on this machine")
    return torch.device(name)


def find_precision(name: str, device: torch.device) -> str:
    """fp32 or bf16; auto takes bf16 where the hardware computes in it."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type == "cpu":
        features = torch.cpu.get_capabilities()
        return "bf16" if any(features.get(feature) for feature in _BF16_CPU_FEATURES) else "fp32"
    return "fp32"
