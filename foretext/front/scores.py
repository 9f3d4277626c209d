"""The scores that a model remembers of its validation examples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foretext.evaluation.intervals import Estimate
from foretext.notebook import shows_itself


@shows_itself
@dataclass(frozen=True, repr=False)
class Scores:
    """Metrics with intervals, that which decides first, and what blind guessing gets of each."""

    metrics: Mapping[str, Estimate]
    chance: Mapping[str, float]

    @classmethod
    def of(cls, validation: Mapping[str, Any]) -> Scores:
        """The scores of an evaluation, as the history of a model keeps it."""
        metrics = {name: Estimate.from_json(estimate) for name, estimate in validation["metrics"].items()}
        return cls(metrics, dict(validation["chance"]))

    def __getitem__(self, metric: str) -> float:
        """The value of a metric, from 0 to 1 for most; NaN where it is undefined."""
        estimate = self.metrics[metric]
        return math.nan if estimate.undefined else estimate.value

    def lines(self) -> list[str]:
        return [
            f"{name} {estimate}, chance {100 * self.chance[name]:.1f}"
            for name, estimate in self.metrics.items()
            if name in self.chance
        ]

    def to_json(self) -> dict[str, Any]:
        metrics = {name: estimate.to_json() for name, estimate in self.metrics.items()}
        return {"metrics": metrics, "chance": dict(self.chance)}
