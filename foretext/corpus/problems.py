"""What was wrong with the input: every problem is counted, the first few are named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from foretext.corpus.manifest import ProblemRecord
from foretext.errors import DataError

NAMED = 10  # problems that are named with file and line; the others are only counted

Report = Callable[[str, str, str], None]  # kind, where (file:line), detail


@dataclass
class Problems:
    """Counts of the problems of each kind, and the first ones in words: `books.jsonl:12: not JSON: …`."""

    counts: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)

    def add(self, kind: str, where: str, detail: str) -> None:
        """Counts one problem of this kind, and keeps it in words if it is one of the first."""
        self.counts[kind] += 1
        if len(self.first) < NAMED:
            self.first.append(f"{where}: {detail}")

    @property
    def total(self) -> int:
        """How many problems there are, of all kinds."""
        return self.counts.total()

    def record(self) -> ProblemRecord:
        """What a manifest keeps of them."""
        return ProblemRecord(counts=dict(self.counts), first=self.first)

    def lines(self) -> list[str]:
        """What to tell the user: a line of counts, then the first problems; nothing if there are none."""
        return self.record().lines()


def refuse(kind: str, where: str, detail: str) -> None:
    """The strict way to report: the first problem is an error.

    Raises:
        DataError: always.
    """
    raise DataError(f"{where}: {detail} ({kind}; an error because of --strict)")
