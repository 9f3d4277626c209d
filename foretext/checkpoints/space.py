"""Whether the disk has room for what a run will write, seen before it trains."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from foretext.errors import DiskFull

BEING_WRITTEN, BEST = 1, 1  # checkpoints beside those that `--keep-checkpoints` counts

log = logging.getLogger(__name__)


def check_space(run: Path, *, model: int, checkpoint: int, keep: int) -> None:
    """Nothing, if there is room in `run` for a checkpoint and the model, of so many bytes each.

    Where not all that is kept at once would fit, that is said: `keep` checkpoints, the best, and one being written.

    Raises:
        DiskFull: one checkpoint and the model do not fit.
    """
    free = shutil.disk_usage(run).free
    least = checkpoint + model
    if free < least:
        raise DiskFull(
            f"{run}: a checkpoint and the model take {least:,} bytes, and {free:,} are free; make room, or choose an "
            "--out on another disk"
        )
    there = sum(file.stat().st_size for file in (run / "checkpoints").glob("update-*/*"))
    most = (keep + BEST + BEING_WRITTEN) * checkpoint + model - there
    if free < most:
        log.warning(
            "%s may become full: up to %s bytes more will be written, %s are free; fewer --keep-checkpoints need less",
            run,
            f"{most:,}",
            f"{free:,}",
        )
