"""What is wanted of a server under load, and whether it was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clients import Load

OVERLOAD = 4  # times the capacity
FLOOD, LONG = f"foretext, {OVERLOAD} times the capacity", "foretext, 64, at length"
OF_PREDICT = 0.9  # of predict's own throughput that 64 clients are to get
# As many times as the work of all that may wait takes; beyond 1 for the spread of texts' lengths over so few of them.
LONGEST_WAIT = 1.25
MOST_GROWTH = 1.25  # of the server's memory, which a queue without end would soon pass


def targets(found: Mapping[str, Any], loads: Mapping[str, Load], max_waiting: int) -> dict[str, dict[str, Any]]:
    """What was wanted, what was found, and whether that is enough; of parts that were measured."""
    ratio = found["ratios"]["64 clients by predict"]["median"]
    made = {"64 clients by predict": (ratio, f"{OF_PREDICT} or more", ratio >= OF_PREDICT)}
    ours = [load for name, load in loads.items() if name.startswith("foretext")]
    wrong = sum(load.wrong for load in ours)
    made["wrong answers"] = (wrong, "0", wrong == 0)
    calm = [load for name, load in loads.items() if load.statuses and name != FLOOD]
    statuses = sorted({status for load in calm for status in load.statuses})
    made["statuses of closed loops"] = (statuses, "200 alone", all(load.only(200) for load in calm))
    if FLOOD in loads:
        flood = loads[FLOOD]
        bound = LONGEST_WAIT * max_waiting / max(flood.answered, 1e-9)
        p99 = flood.percentile(99)
        made["p99 of the flood, ms"] = (round(1e3 * p99), f"{1e3 * bound:.0f} or less", 0 < p99 <= bound)
        made["statuses of the flood"] = (sorted(flood.statuses), "200 and 429 alone", flood.only(200, 429))
        share = flood.statuses[429] / max(sum(flood.statuses.values()), 1)
        made["refused of the flood"] = (round(share, 3), "0.5 or more: it was one", share >= 0.5)
    memory = found["memory_mb"]
    for when in [when for when in memory if when != "before"]:
        most = round(MOST_GROWTH * memory["before"])
        made[f"memory {when}, MB"] = (memory[when], f"{most} or less", memory[when] <= most)
    if LONG in loads:
        long = loads[LONG]
        made["answers at length"] = (len(long.times), "1 or more", bool(long.times))
    return {name: dict(zip(("found", "wanted", "met"), one, strict=True)) for name, one in made.items()}
