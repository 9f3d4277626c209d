"""What share of an update does the watch on a run take? For pre-training of `tiny` and `mini` on a CPU.

The watch's own calls are timed within the run: a difference between runs with and without it would be lost in the
noise of either. A round is some updates of each; shown is the share of their time, target 0.005 at most.

    python benchmarks/watch.py
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from rounds import parser

os.environ.setdefault("FORETEXT_PROGRESS", "off")
BATCH = 8  # windows: what `mini`, as it ships, was trained with; a larger batch makes the share smaller
UPDATES = {"tiny": 40, "mini": 10}  # in a round
WARM_UP = 60  # updates before: from then on there is a band


def main() -> None:
    given = parser(__doc__).parse_args()
    shares = {name: share(name, given.rounds) for name in UPDATES}
    if given.json:
        print(json.dumps({"benchmark": "watch", "ratios": shares}))
        return
    for name, found in shares.items():
        low, middle, high = min(found), statistics.median(found), max(found)
        print(f"{name}: {middle:.3%} of an update ({low:.3%} to {high:.3%} in {given.rounds} rounds); target 0.500%")


def share(name: str, rounds: int) -> list[float]:
    """The watch's share of the time of the updates, round by round."""
    from foretext_loop import pretraining

    from foretext.training.engine import Engine

    loop = pretraining(_shape(name), BATCH, Engine.start("cpu", "auto"))
    loop.update(WARM_UP)
    clock = [0.0]
    guard = loop.trainer.guard
    for method in ("done", "judge", "look"):
        setattr(guard, method, _timed(getattr(guard, method), clock))
    found = []
    for _ in range(rounds):
        clock[0], began = 0.0, time.perf_counter()
        loop.update(UPDATES[name])
        found.append(clock[0] / (time.perf_counter() - began))
    return found


def _shape(name: str) -> Any:
    from foretext_loop import SHAPES, Shape

    mini = Shape(layers=4, width=256, heads=4, context=256, vocabulary=8_192, initial_deviation=0.035)
    return {**SHAPES, "mini": mini}[name]


def _timed(call: Callable[..., Any], clock: list[float]) -> Callable[..., Any]:
    def timed(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return call(*arguments, **named)
        finally:
            clock[0] += time.perf_counter() - began

    return timed


if __name__ == "__main__":
    main()
