"""The gradients of a batch, computed in parts that fit into memory: the same as if it had been computed at once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foretext.batch import Batch
from foretext.errors import ForetextError, SettingsError
from foretext.model.sequences import Sequences
from foretext.training.engine import Engine, seed_update
from foretext.training.memory import cells_that_fit, examples_within, free_memory, grid_cells, is_out_of_memory
from foretext.training.objectives import Counts, Objective
from foretext.training.optimizer import Optimizer, moment_bytes
from foretext.training.plan import Plan
from foretext.training.state import State

Losses = dict[str, Tensor]  # by name, of a part of a batch, divided by the counts of the whole

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Gradients:
    """Computes what an update goes by; with `--micro-batch auto` in parts as large as memory allows.

    The objective that is given to a method is the one of the run, wrapped as the engine wraps it.
    """

    objective: Objective
    optimizer: Optimizer
    plan: Plan
    engine: Engine
    state: State

    def of(
        self, objective: nn.Module, batch: Batch, counts: Counts, *, instead: Callable[[], Batch] | None = None
    ) -> list[Losses]:
        """The losses of the parts of `batch`, whose gradients are added up; of several processes the sums of all.

        `counts` are those of the whole batch, of which `batch` is the share of this process. One that has no share
        computes with what `instead` gives, so that it meets the others when they exchange gradients, and counts it as
        nothing.

        Raises:
            ForetextError: a part does not fit into memory and must not, or cannot, be smaller.
        """
        wanted, share = self.plan.micro_batch, 1
        if not batch.example_count and instead is not None:
            batch, share = instead(), 0
        while True:
            seed_update(self.plan.seed, self.state.update, self.engine.rank, self.state.watch.order)
            most = examples_within(batch, self.state.grid_cells) if wanted == "auto" else wanted
            parts = batch.split(most or max(1, batch.example_count))
            try:
                return self._of_all(self._accumulate(objective, parts, counts, share))
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if wanted != "auto" or most == 1:
                    raise ForetextError(_no_room(parts)) from error
            self.optimizer.zero_grad()  # and do it all again, in smaller parts
            self.engine.free_unused()
            self.state.grid_cells = max(map(grid_cells, parts)) // 2
            self._say_room(batch, f"{most} were too many")

    def loss(self, found: list[Losses]) -> Tensor:
        """The loss of the whole batch, over all that was `found` of it."""
        return torch.stack([losses["loss"] for losses in found]).sum() if found[1:] else found[0]["loss"]

    def find_room(self, objective: nn.Module, first: Callable[[], Batch]) -> None:
        """For `--micro-batch auto` on a CPU: how much of a batch such as the `first` may be in memory at once.

        Elsewhere that is tried out when it comes to it.

        Raises:
            SettingsError: there are several processes, in which it cannot be found out.
        """
        if self.plan.micro_batch != "auto" or self.state.grid_cells or self.state.update >= self.plan.updates:
            return
        if self.engine.world > 1:
            raise SettingsError("--micro-batch auto works in one process; give several processes a number")
        if self.engine.device.type != "cpu":
            return
        batch = first()
        parameters = list(self.objective.parameters())
        free = free_memory()
        to_come = 0 if self.optimizer.state else moment_bytes(self.optimizer, parameters)

        def step(part: Batch) -> None:
            self._accumulate(objective, [part], self.counts(part))
            self.optimizer.zero_grad()

        self.state.grid_cells = cells_that_fit(step, batch, free - to_come, held=parameters)
        self._say_room(batch, f"{free / 1e9:.1f} GB are free")

    def _say_room(self, batch: Batch, why: str) -> None:
        fit = examples_within(batch, self.state.grid_cells)
        log.info("micro-batch auto: %d of %d examples at once; %s", fit, batch.example_count, why)

    def counts(self, batch: Batch) -> Counts:
        """The counts of the whole batch, of which `batch` is the share of this process."""
        mine = [batch.sequence_count, batch.example_count, len(batch.tokens), batch.with_blanks]
        return Counts(*self.engine.group.sums(mine))

    def _accumulate(self, objective: nn.Module, parts: list[Batch], counts: Counts, share: int = 1) -> list[Losses]:
        found = []
        for index, part in enumerate(parts):
            with self.engine.accumulating(objective, index < len(parts) - 1):
                losses = objective(self._sequences(part), counts)
                # Processes average their gradients; the counts already are those of all of them.
                self.engine.backward(losses["loss"] * (self.engine.world * share))
            found.append({name: value.detach() for name, value in losses.items()})
        return found if share else [{name: value * 0 for name, value in found[0].items()}]

    def _sequences(self, part: Batch) -> Sequences:
        plan = self.plan
        return self.engine.sequences(
            part, share_prefixes=plan.share_prefixes, attend=plan.attend, compiled=plan.compile != "no"
        )

    def _of_all(self, found: list[Losses]) -> list[Losses]:
        """The same; of several processes the sums of what all have found."""
        if self.engine.world == 1:
            return found
        mine = [torch.stack([losses[name] for losses in found]).sum() for name in found[0]]
        sums = self.engine.sum_over_processes(torch.stack(mine))
        return [dict(zip(found[0], sums, strict=True))]


def _no_room(parts: list[Batch]) -> str:
    part = max(parts, key=grid_cells)
    advice = "--micro-batch auto takes as many as fit" if part.example_count > 1 else "--recompute needs less"
    return (
        f"{part.example_count} examples of up to {part.lengths.max()} tokens do not fit into memory at once; {advice}"
    )
