"""`--strategy fsdp`: weights, gradients and moments in shards, of which each process holds its own (FSDP2).

What an update works on is a copy of the objective whose weights are sharded: those of a layer come together when it
computes, and go apart again. The objective itself stays whole, on the CPU, and is filled where whole weights are
needed: for a validation, a checkpoint, the end of the run. So checkpoints and scores are those of one process.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from foretext.errors import SettingsError
from foretext.training.optimizer import Adam, excess

if TYPE_CHECKING:
    from foretext.group import Group
    from foretext.training.objectives import Objective
    from foretext.training.optimizer import Optimizer
    from foretext.training.plan import Plan

NAME = "fsdp"


def check_can_be_sharded(plan: Plan, device: torch.device) -> None:
    """Nothing, if a run by `plan` can be sharded.

    Raises:
        SettingsError: it needs what is whole.
    """
    if plan.optimizer == "muon":
        raise SettingsError("--strategy fsdp does not go with --optimizer muon, which moves whole matrices; use ddp")
    if plan.compile != "no":
        raise SettingsError("--strategy fsdp does not go with --compile, whose programs hold whole weights; use ddp")
    if device.type not in ("cpu", "cuda"):
        raise SettingsError(f"--strategy fsdp works on cpu and cuda, not on {device.type}; use ddp")


@dataclass
class Shards:
    """A run's objective and optimizer, sharded over all processes of `group`."""

    whole: Objective
    optimizer: Optimizer  # of the whole, which keeps moments only between a load and the next shards
    objective: nn.Module
    moving: Adam  # of the shards of this process
    local: dict[str, nn.Parameter]  # these shards, in the memory that FSDP keeps them in
    device: torch.device
    group: Group

    @classmethod
    def of(cls, whole: Objective, optimizer: Optimizer, plan: Plan, device: torch.device, group: Group) -> Shards:
        """The shards of an objective and of what its optimizer keeps; both are left whole, and on the CPU."""
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        check_can_be_sharded(plan, device)
        mesh = init_device_mesh(device.type, (group.world,))
        objective = copy.deepcopy(whole).to(device)
        for block in objective.model.layers:
            fully_shard(block, mesh=mesh)
        fully_shard(objective, mesh=mesh, reshard_after_forward=False)
        for module in objective.modules():
            if hasattr(module, "set_force_sum_reduction_for_comms"):
                module.set_force_sum_reduction_for_comms(True)  # type: ignore[operator]  # gloo has no averages
        local = {name: nn.Parameter(_own(parameter)) for name, parameter in objective.named_parameters()}
        made = cls(whole, optimizer, objective, Adam(_Listed(local), plan), local, device, group)
        made._take_moments()
        return made

    def clip(self, largest: float) -> Tensor:
        """The global norm of the gradient over all shards; the next step goes by one of norm `largest` at most."""
        for name, parameter in self.objective.named_parameters():
            gradient = parameter.grad
            self.local[name].grad = None if gradient is None else gradient.to_local()  # type: ignore[attr-defined]
        gradients = [one.grad for one in self.local.values() if one.grad is not None]
        square = nn.utils.get_total_norm(gradients).double() ** 2
        with self.group.meeting():
            torch.distributed.all_reduce(square)
        norm = square.sqrt().float()
        self.moving.scale_down(excess(norm, largest))
        return norm

    def leave_out(self, decided: Tensor | None) -> None:
        """With a 1 the next step changes nothing, neither weights nor moments nor their count."""
        self.moving.leave_out(decided)

    def prepare(self, update: int, rate: float) -> None:
        """Sets the rate of `update`, counted from 0; those that were left out do not count."""
        self.moving.prepare(update, rate)

    def step(self) -> None:
        """Moves the shards of this process."""
        self.moving.step()

    def zero_grad(self) -> None:
        """Forgets the gradients."""
        self.moving.zero_grad()
        for parameter in self.objective.parameters():
            parameter.grad = None

    def accumulate(self, more_to_come: bool) -> None:
        """Holds back the exchange of gradients while parts of the batch are still to come."""
        self.objective.set_requires_gradient_sync(not more_to_come)  # type: ignore[operator]

    def gather_weights(self) -> None:
        """Fills the whole objective with the weights of all shards."""
        whole = dict(self.whole.named_parameters())
        with torch.no_grad():
            for name, parameter in self.objective.named_parameters():
                whole[name].copy_(_together(parameter))

    def scatter_weights(self) -> None:
        """Gives each shard its part of the whole objective, and of the moments that its optimizer keeps."""
        whole = dict(self.whole.named_parameters())
        with torch.no_grad():
            for name, parameter in self.objective.named_parameters():
                self.local[name].copy_(_part(whole[name].detach(), parameter))
        self.moving.state.clear()
        self._take_moments()

    def parts(self) -> dict[str, Mapping[str, Tensor]]:
        """What a checkpoint has of weights and moments: whole, in process 0; the others only take part."""
        self.gather_weights()
        moments: dict[str, Tensor] = {}
        for name, parameter in self.objective.named_parameters():
            for kind, value in self.moving.state.get(self.local[name], {}).items():
                together = value if kind == "step" else _together(_like(value, parameter))
                if self.group.rank == 0:
                    moments[f"{name}/{kind}"] = together.detach().cpu()
        return {"model": dict(self.whole.named_parameters()), "optimizer": moments}

    def _take_moments(self) -> None:
        whole = dict(self.whole.named_parameters())
        for name, parameter in self.objective.named_parameters():
            for kind, value in self.optimizer.state.get(whole[name], {}).items():
                part = value.to(self.device, copy=True) if kind == "step" else _part(value, parameter)
                self.moving.state[self.local[name]][kind] = part
        self.optimizer.state.clear()


class _Listed(nn.Module):
    """Parameters under names with dots, as a module that an optimizer can be made of."""

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        super().__init__()
        for number, parameter in enumerate(parameters.values()):
            self.register_parameter(f"p{number}", parameter)


def _own(parameter: Any) -> Tensor:
    """The shard of this process, in the memory that FSDP keeps it in."""
    own: Tensor = parameter.to_local().detach()
    return own


def _together(parameter: Any) -> Tensor:
    """The whole of which a sharded tensor is a part in each process."""
    whole: Tensor = parameter.full_tensor()
    return whole.detach()


def _like(own: Tensor, parameter: Any) -> Any:
    """A shard of this process as a sharded tensor, divided as `parameter` is."""
    from torch.distributed.tensor import DTensor

    return DTensor.from_local(
        own, parameter.device_mesh, parameter.placements, shape=parameter.shape, stride=parameter.stride()
    )


def _part(whole: Tensor, parameter: Any) -> Tensor:
    """The part of a whole tensor that this process has of `parameter`: rows, in as many as there are processes."""
    rows = -(-len(whole) // parameter.device_mesh.size())
    rank = parameter.device_mesh.get_rank()
    return whole[rank * rows : (rank + 1) * rows].to(parameter.device, copy=True)
