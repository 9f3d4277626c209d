"""The metrics of a run: RUN/metrics.jsonl, a line every few updates and one for each validation."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.files import disk_errors, write_text


@dataclass(frozen=True)
class RunMetrics:
    """The lines of one run, in the file `path`."""

    path: Path

    def log(self, line: Mapping[str, Any]) -> None:
        """Appends one line."""
        with disk_errors(self.path.parent), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def sync(self) -> None:
        """Makes the lines so far outlive a power cut."""
        if self.path.exists():
            with disk_errors(self.path), self.path.open("rb") as file:
                os.fsync(file.fileno())

    def lines(self) -> list[dict[str, Any]]:
        """The lines so far."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def forget_after(self, update: int) -> None:
        """Drops the lines of updates that a resumed run will do again: all of them with 0."""
        if not self.path.exists():
            return
        kept = [line for line in self.lines() if line["update"] <= update]
        write_text(self.path, "".join(json.dumps(line) + "\n" for line in kept))
