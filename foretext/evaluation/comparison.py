"""Several systems side by side on several tasks: the table that a demo or a study ends with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from foretext.evaluation.intervals import Estimate
from foretext.text_table import text_table

SYSTEMS = {"tfidf": "TF-IDF", "scratch": "from scratch", "pretrained": "pre-trained"}  # field -> what people read


@dataclass(frozen=True)
class TaskRow:
    """One task: what chance, word counts, and the same model without and with pre-training get of its metric."""

    task: str
    kind: str
    metric: str
    chance: float
    tfidf: Estimate
    scratch: Estimate
    pretrained: Estimate

    @property
    def lead(self) -> float:
        """By how much pre-training is ahead of training from scratch."""
        return self.pretrained.value - self.scratch.value

    def to_json(self) -> dict[str, Any]:
        about = {"task": self.task, "kind": self.kind, "metric": self.metric, "chance": self.chance}
        return about | {name: getattr(self, name).to_json() for name in SYSTEMS}

    def cells(self) -> list[str]:
        """The row as people read it, scores times 100."""
        scores = [str(getattr(self, name)) for name in SYSTEMS]
        return [self.task, self.metric, f"{100 * self.chance:.1f}", *scores, f"{100 * self.lead:+.1f}"]


HEADER = ("task", "metric", "chance", *SYSTEMS.values(), "lead")


def comparison_lines(rows: Sequence[TaskRow]) -> list[str]:
    """The table as lines for a terminal, with the mean lead of pre-training at the end."""
    mean = 100 * sum(row.lead for row in rows) / len(rows)
    table = text_table(HEADER, [row.cells() for row in rows])
    return [*table, "", f"scores x 100, 95 % intervals in brackets; pre-training leads by {mean:+.1f} on average"]
