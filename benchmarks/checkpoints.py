"""What does a checkpoint cost that is written beside training? For pre-training of `tiny` and `mini` on a CPU.

A round times so many updates in two ways that take turns at being first: alone, and while a checkpoint is copied,
written, synced and read back, which is waited for. What that takes longer is the cost of a checkpoint. Shown is its
share of the time from one checkpoint to the next, 100 updates, target 0.02 at most.

    python benchmarks/checkpoints.py
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from rounds import parser, spread

os.environ.setdefault("FORETEXT_PROGRESS", "off")
BATCH = 8  # windows: what `mini`, as it ships, was trained with; a larger batch makes the share smaller
UPDATES = {"tiny": 40, "mini": 10}  # timed at once: longer than a checkpoint takes to write
APART = 100  # updates from one checkpoint to the next
WARM_UP = 5


def main() -> None:
    given = parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:  # not in /tmp, which may be memory
        costs = {name: costs_of(name, given.rounds, Path(folder) / name) for name in UPDATES}
    if given.json:
        print(
            json.dumps({"benchmark": "checkpoints", "ratios": {name: spread(shares) for name, shares in costs.items()}})
        )
        return
    for name, shares in costs.items():
        low, middle, high = min(shares), statistics.median(shares), max(shares)
        print(
            f"{name}: {middle:.2%} of training ({low:.2%} to {high:.2%} in {given.rounds} rounds) "
            f"with a checkpoint every {APART} updates; target 2.00%"
        )


def costs_of(name: str, rounds: int, folder: Path) -> list[float]:
    """The share of training, round by round, that goes into checkpoints."""
    from foretext_loop import SHAPES, pretraining

    from foretext.checkpoints.checkpoint_writer import CheckpointWriter
    from foretext.checkpoints.run_folder import RunFolder
    from foretext.training.engine import Engine

    folder.mkdir()
    loop = pretraining(SHAPES[name], BATCH, Engine.start("cpu", "auto"))
    writer = CheckpointWriter(RunFolder(folder), keep=2)
    loop.update(WARM_UP)
    _seconds(loop, UPDATES[name], writer)
    shares = []
    for turn in range(rounds):
        first, second = (writer, None) if turn % 2 else (None, writer)
        seconds = {first: _seconds(loop, UPDATES[name], first), second: _seconds(loop, UPDATES[name], second)}
        alone = seconds[None] / UPDATES[name]  # an update
        shares.append((seconds[writer] - seconds[None]) / (APART * alone))
    return shares


def _seconds(loop: Any, updates: int, writer: Any) -> float:
    """What so many updates take, with a checkpoint beside them where there is who writes it."""
    from foretext.checkpoints.run_checkpoints import training_parts

    began = time.perf_counter()
    if writer is not None:
        trainer = loop.trainer
        writer.save(training_parts(trainer.objective, trainer.optimizer), {"update": trainer.state.update})
    loop.update(updates)
    if writer is not None:
        writer.wait()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
