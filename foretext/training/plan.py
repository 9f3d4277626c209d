"""What a run does, resolved: every value that an update follows from, in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from foretext.batch import Attend
from foretext.training.masking import Masking
from foretext.training.schedules import Schedule

if TYPE_CHECKING:
    from foretext.model.tree import SharePrefixes


# With it a step of Muon's changes the numbers of a matrix of width 400 as much as a step of Adam's does. Jordan's 0.02
# is then that of the small presets, whose learning rate is 1e-3.
MUON_TIMES = 20.0
ABOVE = ("head", "last_norm")  # what of a model stands above all its blocks


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that trainer, objective and optimizer do: what a person set, and what data and model decide besides.

    Fields that are settings too have their names; `foretext.training.settings` says what they mean.
    """

    updates: int
    learning_rate: float  # the peak
    schedule: Schedule  # update to share of the peak
    seed: int

    clip: float
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    adam: Literal["released", "torch"]
    optimizer: Literal["adam", "muon"]
    muon_rate: float | None  # the peak; None: so many times the learning rate as `MUON_TIMES` says
    muon_momentum: float
    muon_steps: int

    micro_batch: int | Literal["auto"]
    recompute: bool
    compile: Literal["no", "layers", "graphs"]
    share_prefixes: SharePrefixes = "no"  # what sequences begin with alike, computed once

    log_every: int
    validate_every: int
    checkpoint_every: int  # 0: with each validation; without validations, as far apart as they would be
    keep_checkpoints: int
    patience: int
    watch: Literal["off", "warn", "act"]
    max_hours: float = 0.0  # 0: no limit
    metric: str = "loss"  # which of the values of a validation decides what is best
    higher_is_better: bool = False

    masking: Masking | None = None  # for pre-training alone
    layer_decay: float = 1.0  # the rate of a block, by that of the block above it
    language_model_weight: float = 0.0  # from here on: for fine-tuning alone
    softmax_rows: int = 0  # of the embedding matrix, in the softmax of L1; 0: all there are
    answer_losses: Literal["all", "right"] = "all"
    attend: Attend = "causal"

    @property
    def matrix_rate(self) -> float:
        """The peak of the rate of Muon's matrices."""
        return matrix_rate(self.muon_rate, self.learning_rate)

    @classmethod
    def of(cls, *settings: Any, **decided: Any) -> Plan:
        """The plan with the values that `settings` have for its fields, and those that are `decided` by the run.

        What is decided goes before what is set: a setting may leave it open.

        Raises:
            TypeError: a field has no value, or there is no such field.
        """
        names = {each.name for each in fields(cls)}
        values = {name: value for part in settings for name, value in vars(part).items() if name in names}
        return cls(**{**values, **decided})


def rate_shares(names: Iterable[str], decay: float) -> dict[str, float]:
    """The share of the rate that each parameter of a model has, by their names.

    The last block has all of it, as have the head and the norm behind the last block; each block below has `decay`
    times the share of the one above, and what stands below all blocks, as the embeddings do, has one step less.

    Source: Howard and Ruder 2018, section 3.2.
    """
    parts = {name: name.split(".") for name in names}
    layers = len(
        {number for first, number, *_ in (part for part in parts.values() if len(part) > 1) if first == "blocks"}
    )
    below = {
        name: 0 if first in ABOVE else layers - 1 - int(rest[0]) if first == "blocks" else layers
        for name, (first, *rest) in parts.items()
    }
    return {name: decay**blocks for name, blocks in below.items()}


def matrix_rate(muon_rate: float | None, learning_rate: float) -> float:
    """The peak of the rate of Muon's matrices: what was set, or what follows from that of all else."""
    return MUON_TIMES * learning_rate if muon_rate is None else muon_rate
