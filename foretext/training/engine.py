"""Where training runs: device, precision and processes, behind Lightning Fabric, which is loaded only when used."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from foretext.batch import Attend, Batch
from foretext.checkpoints.history import EngineRecord
from foretext.errors import SettingsError
from foretext.group import ALONE, Group, current
from foretext.model.devices import find_device, find_precision
from foretext.model.sequences import Sequences
from foretext.neighbours import share_cores
from foretext.training.freed_memory import ENOUGH_FREE, give_back_freed_memory, prepare_cpu
from foretext.training.memory import free_memory
from foretext.training.objectives import Objective
from foretext.training.sharded import Shards

if TYPE_CHECKING:
    from foretext.model.tree import SharePrefixes
    from foretext.training.optimizer import Optimizer
    from foretext.training.plan import Plan


@dataclass(frozen=True)
class Engine:
    """Runs an objective on a device, in a precision, over all processes of the run."""

    fabric: Any
    device: torch.device
    precision: str
    keeps_memory: bool = False  # freed tensors' memory, on a CPU
    group: Group = ALONE
    strategy: Literal["ddp", "fsdp"] = "ddp"

    @classmethod
    def start(cls, device: str = "auto", precision: str = "auto", strategy: Literal["ddp", "fsdp"] = "ddp") -> Engine:
        """An engine on `device`, of all processes that this one has joined (`foretext.group`).

        Raises:
            SettingsError: there is no such device here, or not one for each process.
        """
        from lightning_fabric import Fabric

        found, group = find_device(device), current()
        chosen = find_precision(precision, found)
        if found.type == "cuda" and group.launch.local_world > torch.cuda.device_count():
            raise SettingsError(
                f"{group.launch.local_world} processes were started on this machine, which has "
                f"{torch.cuda.device_count()} GPUs: each process needs one of its own"
            )
        fabric = Fabric(
            accelerator=found.type,
            devices=group.launch.local_world,
            num_nodes=-(-group.world // group.launch.local_world),
            strategy=_strategy(group),
            plugins=[_precision(chosen, found), _environment(group)],
        )
        fabric.launch()
        if group.world > 1 and (fabric.world_size, fabric.global_rank) != (group.world, group.rank):
            raise SettingsError(
                f"{group.world} processes were started, and the training sees {fabric.world_size} of them"
            )
        keeps_memory = found.type == "cpu" and prepare_cpu(free_memory())
        return cls(
            fabric=fabric,
            device=fabric.device,
            precision=chosen,
            keeps_memory=keeps_memory,
            group=group,
            strategy=strategy,
        )

    @property
    def rank(self) -> int:
        """The number of this process; process 0 writes what is written."""
        return self.group.rank

    @property
    def world(self) -> int:
        """How many processes the run has."""
        return self.group.world

    def describe(self) -> EngineRecord:
        """What the run runs on, for its record."""
        return EngineRecord(
            device=str(self.device),
            processor=torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else platform.machine(),
            precision=self.precision,
            threads=torch.get_num_threads(),
            keeps_memory=self.keeps_memory,
            processes=self.world,
            torch=torch.__version__,
        )

    def arrange(self, objective: Objective, plan: Plan) -> None:
        """Has the objective's model compute as `plan` says: in how much memory, compiled or not; and beside others."""
        if self.device.type == "cpu":
            share_cores()
        objective.model.recompute = plan.recompute
        if plan.compile != "no" and objective.model.compiled is None:
            objective.model.compile_layers(graphs=plan.compile == "graphs")

    def sequences(
        self, batch: Batch, *, share_prefixes: SharePrefixes = "no", attend: Attend = "causal", compiled: bool = False
    ) -> Sequences:
        """`batch` on the engine's device; on CUDA by way of pinned memory, so that nothing waits for the copy."""
        on_cpu = self.device.type == "cpu"
        one_grid = compiled or not on_cpu
        made = Sequences.of(batch, share_prefixes=share_prefixes, attend=attend, one_grid=one_grid)
        if on_cpu:
            return made
        pin = self.device.type == "cuda"

        def moved(values: Tensor) -> Tensor:
            return (values.pin_memory() if pin else values).to(self.device, non_blocking=pin)

        return made.moved(moved)

    @property
    def is_sharded(self) -> bool:
        """Whether each process has its part of the weights alone, which takes more than one."""
        return self.strategy == "fsdp" and self.world > 1

    def setup(self, objective: Objective, optimizer: Optimizer, plan: Plan) -> tuple[nn.Module, Any]:
        """The objective and optimizer, moved and wrapped for device, precision and processes.

        Sharded, the optimizer is the `Shards` of both.
        """
        if self.is_sharded:
            shards = Shards.of(objective, optimizer, plan, self.device, self.group)
            return InPrecision(shards, self.fabric), shards
        wrapped: tuple[nn.Module, Any] = self.fabric.setup(objective, optimizer)
        return wrapped

    @contextmanager
    def accumulating(self, objective: nn.Module, more_to_come: bool) -> Iterator[None]:
        """Holds back the exchange of gradients between processes while micro-batches are still to come."""
        if isinstance(objective, InPrecision):
            objective.shards.accumulate(more_to_come)
            yield
            return
        with self.fabric.no_backward_sync(objective, enabled=more_to_come):
            yield

    def backward(self, loss: Tensor) -> None:
        """Adds the gradients of `loss`; the last time in an update, the processes exchange theirs."""
        if self.is_sharded:
            loss.backward()  # type: ignore[no-untyped-call]
        else:
            self.fabric.backward(loss)

    def free_unused(self) -> None:
        """Gives back what the allocator of an accelerator keeps for later."""
        if self.device.type != "cpu":
            torch.get_device_module(self.device).empty_cache()

    def tidy(self) -> None:
        """Gives back what a CPU's allocator has kept once memory is no longer plenty: what fits no new tensor adds up.

        Not before: each page given back costs a fault when it is wanted again, on a virtual machine two.
        """
        if self.keeps_memory and free_memory() < ENOUGH_FREE:
            give_back_freed_memory()

    def sum_over_processes(self, values: Tensor) -> Tensor:
        """The sums of `values`, each element by itself, over all processes."""
        if self.world == 1:
            return values
        with self.group.meeting():
            summed: Tensor = self.fabric.all_reduce(values, reduce_op="sum")
        return summed

    def wait_for_all(self) -> None:
        """Goes on when all processes of the run are here."""
        self.group.wait()


class InPrecision(nn.Module):
    """A sharded objective that computes in the precision of the engine."""

    def __init__(self, shards: Shards, fabric: Any) -> None:
        super().__init__()
        self.shards, self.objective, self._fabric = shards, shards.objective, fabric

    def forward(self, *given: Any) -> Any:
        """What the objective gives."""
        with self._fabric.autocast():
            return self.objective(*given)


def _strategy(group: Group) -> Any:
    """How processes go together; what one by itself has is Fabric's to choose."""
    if group.world == 1:
        return "auto"
    from lightning_fabric.strategies.ddp import DDPStrategy

    return DDPStrategy(gradient_as_bucket_view=True)


def _environment(group: Group) -> Any:
    """The processes as Fabric is told of them, whatever it would make of the variables that are set here."""
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment

    class Joined(LightningEnvironment):
        @property
        def creates_processes_externally(self) -> bool:
            return True

        def world_size(self) -> int:
            return group.world

        def global_rank(self) -> int:
            return group.rank

        def local_rank(self) -> int:
            return group.launch.local_rank

        def node_rank(self) -> int:
            return int(os.environ.get("GROUP_RANK", group.rank // group.launch.local_world))

        def set_world_size(self, size: int) -> None:
            pass

        def set_global_rank(self, rank: int) -> None:
            pass

        def teardown(self) -> None:
            pass

    return Joined()


def _precision(name: str, device: torch.device) -> Any:
    """Fabric's precision plugin; for bf16 one that leaves inputs alone: they are ids, in frozen values it refuses."""
    from lightning_fabric.plugins.precision import MixedPrecision, Precision

    class Autocast(MixedPrecision):
        def convert_input(self, data: Any) -> Any:
            return data

    return Autocast("bf16-mixed", device.type) if name == "bf16" else Precision()


def seed_update(seed: int, update: int, rank: int, order: int = 0) -> None:
    """Sets torch's random state for one update from these numbers alone: nothing to save for a resume.

    `order` is how often the run has gone back and draws its data in another order.
    """
    again = f"/{order}" if order else ""
    digest = hashlib.sha256(f"{seed}/{update}/{rank}{again}".encode()).digest()
    torch.manual_seed(int.from_bytes(digest[:8], "little") >> 1)
