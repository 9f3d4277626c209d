"""What process 0 has read from disk, given to all processes of a run: they need not see its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from foretext.checkpoints.run_folder import RunFolder
from foretext.group import Group

if TYPE_CHECKING:
    from foretext.training.engine import Engine
    from foretext.training.optimizer import Optimizer
    from foretext.training.state import State, Window


def share_training(objective: nn.Module, optimizer: Optimizer, state: State, window: Window, engine: Engine) -> None:
    """Has all processes stand where the first one stands: weights, moments, numbers, the sums since the last line.

    So they also begin with the same weights, whatever each has drawn.
    """
    group = engine.group
    if group.world == 1:
        return
    parameters = dict(objective.named_parameters())
    known: dict[str, Any] = group.of_first(
        lambda: {
            "state": state.to_json(),
            "window": window.kept(),
            "moments": [
                [name, kind, str(value.dtype).removeprefix("torch."), list(value.shape), value.device.type]
                for name, parameter in parameters.items()
                for kind, value in optimizer.state.get(parameter, {}).items()
            ],
        }
    )
    if group.rank:
        state.restore(known["state"])
        window.restore(known["window"], state, engine.device)
    share_weights(objective, group)
    for name, kind, dtype, shape, device in known["moments"]:
        kept: dict[str, Any] = optimizer.state[parameters[name]]
        if group.rank:
            kept[kind] = torch.empty(shape, dtype=getattr(torch, dtype), device=device)
        group.broadcast(kept[kind])


def share_weights(model: nn.Module, group: Group) -> None:
    """Has all processes have the weights of the first."""
    for parameter in model.parameters():
        group.broadcast(parameter.data)


def restore_best(folder: RunFolder | None, update: int, model: nn.Module, group: Group) -> None:
    """Puts the weights of the checkpoint before `update` into `model`; process 0 reads them, from its `folder`.

    Raises:
        ModelError: it is missing or damaged.
    """
    if group.rank == 0:
        assert folder is not None
        folder.checkpoints.restore_best(update, model)
    share_weights(model, group)
