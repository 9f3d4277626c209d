"""A run on disk: what makes it this run, its settings, its metrics and its checkpoints.

RUN/run.json                 what its weights follow from; a resume compares it
RUN/settings.toml            the resolved settings
RUN/metrics.jsonl            a line every few updates
RUN/checkpoints/             from which it goes on to the bit
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.checkpoints.run_checkpoints import RunCheckpoints
from foretext.checkpoints.run_metrics import RunMetrics
from foretext.checkpoints.tensors import read_json
from foretext.errors import SettingsError
from foretext.files import disk_errors, write_json


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run; nothing of another run is overwritten."""

    path: Path

    @classmethod
    def start(cls, path: Path, identity: Mapping[str, Any], *, resume: bool) -> RunFolder:
        """The folder for a run that is told from others by `identity` (settings, data, starting weights).

        Raises:
            SettingsError: `path` holds another run, or one that can be resumed while `resume` is off.
        """
        run = cls(path)
        known = path / "run.json"
        if known.exists():
            if not resume:
                raise SettingsError(
                    f"{path} already holds a run; add --resume to go on with it, or choose another --out"
                )
            _check_same_run(read_json(known), dict(identity), path)
            return run
        if path.exists() and any(path.iterdir()):
            raise SettingsError(f"{path} is not empty and holds no run; choose another --out")
        with disk_errors(path):
            path.mkdir(parents=True, exist_ok=True)
        write_json(known, dict(identity))
        return run

    @property
    def metrics(self) -> RunMetrics:
        """What was logged."""
        return RunMetrics(self.path / "metrics.jsonl")

    @property
    def checkpoints(self) -> RunCheckpoints:
        """What was kept to go on from."""
        return RunCheckpoints(self.path / "checkpoints")


def _check_same_run(before: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    now = json.loads(json.dumps(now))
    different = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    if different:
        key = different[0]
        others = f" (also {', '.join(different[1:])})" if different[1:] else ""
        raise SettingsError(
            f"{path} holds a run that cannot be resumed with these settings: "
            f"{key} was {before.get(key)}, now {now.get(key)}{others}"
        )
