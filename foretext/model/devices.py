"""Which device and precision there are to compute with."""

from __future__ import annotations

import os

import torch
from torch import Tensor

from foretext.errors import SettingsError

_BF16_CPU_FEATURES = ("avx512_bf16", "amx_bf16")  # without one of these a CPU's bf16 products crawl


def _one_thread() -> None:
    torch.set_num_threads(1)


# A process that forks leaves its threads behind, and OpenMP would wait for them for ever: a child computes by itself.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_one_thread)


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
