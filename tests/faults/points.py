"""Where to plant faults: a choice among the events that a command goes through when nothing happens to it."""

from __future__ import annotations

import random
from collections import Counter

from .planted import Fault


def a_point(events: tuple[str, ...], number: int, act: str, *, seed: str) -> Fault:
    """The `number`-th choice of an event to `act` at; each name of an event has its turn before one comes again."""
    counts = Counter(events)
    names = sorted(counts)
    random.Random(seed).shuffle(names)
    at, draw = names[number % len(names)], random.Random(f"{seed} {number}")
    return Fault(act, draw.randint(1, counts[at]), at)


def a_kill(events: tuple[str, ...], number: int, *, seed: str) -> Fault:
    """The same to be killed at; half of what is written is torn."""
    fault = a_point(events, number, "SIGKILL", seed=seed)
    torn = fault.at.startswith(("write", "save")) and random.Random(f"{number} {seed}").random() < 0.5
    return Fault("torn", fault.count, fault.at) if torn else fault
