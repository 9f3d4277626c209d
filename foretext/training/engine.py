"""Where training runs: device, precision and processes, behind Lightning Fabric, which is loaded only when used."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from foretext.errors import SettingsError

_BF16_CPU_FEATURES = ("avx512_bf16", "amx_bf16")  # without one of these a CPU's bf16 products crawl


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


@dataclass(frozen=True)
class Engine:
    """Runs an objective on a device, in a precision, over all processes of the run."""

    fabric: Any
    device: torch.device
    precision: str

    @classmethod
    def start(cls, device: str = "auto", precision: str = "auto") -> Engine:
        """An engine on `device`; under torchrun or Slurm it joins the other processes.

        Raises:
            SettingsError: there is no such device here.
        """
        from lightning_fabric import Fabric

        found = find_device(device)
        chosen = find_precision(precision, found)
        fabric = Fabric(
            accelerator=found.type,
            devices=1,
            precision="bf16-mixed" if chosen == "bf16" else "32-true",
        )
        fabric.launch()
        return cls(fabric=fabric, device=fabric.device, precision=chosen)

    @property
    def rank(self) -> int:
        return int(self.fabric.global_rank)

    @property
    def world(self) -> int:
        return int(self.fabric.world_size)

    def describe(self) -> dict[str, Any]:
        """What the run runs on, for its record."""
        return {
            "device": str(self.device),
            "processor": torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else platform.machine(),
            "precision": self.precision,
            "threads": torch.get_num_threads(),
            "processes": self.world,
            "torch": torch.__version__,
        }

    def setup(self, objective: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        """The objective and optimizer, moved and wrapped for device, precision and processes."""
        wrapped: tuple[nn.Module, Any] = self.fabric.setup(objective, optimizer)
        return wrapped

    @contextmanager
    def accumulating(self, objective: nn.Module, more_to_come: bool) -> Iterator[None]:
        """Holds back the exchange of gradients between processes while micro-batches are still to come."""
        with self.fabric.no_backward_sync(objective, enabled=more_to_come):
            yield

    def backward(self, loss: Tensor) -> None:
        self.fabric.backward(loss)

    def sum_over_processes(self, values: Tensor) -> Tensor:
        return values if self.world == 1 else self.fabric.all_reduce(values, reduce_op="sum")


def seed_update(seed: int, update: int, rank: int) -> None:
    """Sets torch's random state for one update from (seed, update, rank) alone: nothing to save for a resume."""
    digest = hashlib.sha256(f"{seed}/{update}/{rank}".encode()).digest()
    torch.manual_seed(int.from_bytes(digest[:8], "little") >> 1)
