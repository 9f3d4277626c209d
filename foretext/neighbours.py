"""The same speed, whoever else computes: torch's threads spin for each other only while every one of them has a core.

They meet thousands of times a second. Under GNU's OpenMP, which torch's Linux wheels bring, a thread that is early
spins for some milliseconds before it sleeps. On an idle machine that is fastest. Beside another process the late
thread has no core, since the early one spins on the one it could have, and speed falls to a tenth or less.

How long it spins is settled when the library is loaded, but for one thing: it hardly spins where there are more
threads than cores. So, while threads of this process stand in line for a core, another team is there, asleep. No number
changes: the work is divided as before, where fewer threads would add up in another order. Measurements: docs/log.md,
benchmarks/beside.py.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from foretext.processes import cores

OWN_SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")  # a user who sets one has chosen how threads wait
WINDOW = 0.1  # seconds between two looks
# Seconds in line within a second, of all threads together. By themselves 0.00 to 0.04 were seen, and up to 0.13 for a
# moment; beside a neighbour that holds a core 0.5 to 1, however threads wait.
STARVED, QUIET = 0.25, 0.1
CONVINCED = 4  # windows in a row: a neighbour of the lowest priority is in the way for up to three now and then
# Windows to sleep before spinning is tried again: two seconds, twice as long after each try in vain. With the longest,
# tries take little more than one hundredth of the time.
SHORTEST, LONGEST = 20, 320
IDLE = 100  # windows of hardly any work, after which nobody looks any more
GRAIN = 32_768  # entries that torch gives a thread at least

_watcher: threading.Thread | None = None
_ending = threading.Event()


def share_cores() -> None:
    """From now on, threads of torch wait so that neighbours cost no more than their share; call it before each work.

    A thread looks ten times a second while the process computes. It does nothing where there is one thread of torch,
    where the user set OMP_WAIT_POLICY or GOMP_SPINCOUNT, or without Linux and GNU's OpenMP.
    """
    global _watcher
    if (_watcher is None or not _watcher.is_alive()) and teams_needed() and not _ending.is_set():
        _watcher = threading.Thread(target=_watch, name="foretext-neighbours", daemon=True)
        _watcher.start()


@dataclass
class Waiting:
    """How threads should wait, decided window by window."""

    sleeps: bool = False
    starved: int = 0  # windows in a row
    since: int = LONGEST  # windows that it has been so
    pause: int = SHORTEST  # windows to sleep for

    def after(self, in_line: float) -> bool:
        """Whether to sleep from now on; `in_line` is the share of the last window that threads had no core for."""
        self.since += 1
        self.starved = self.starved + 1 if in_line > STARVED else 0
        if self.sleeps and (in_line < QUIET or self.since >= self.pause):
            self.sleeps, self.since, self.starved = False, 0, 0
        elif not self.sleeps and self.starved == CONVINCED:
            in_vain = self.since <= 2 * CONVINCED
            self.pause = min(2 * self.pause, LONGEST) if in_vain else SHORTEST
            self.sleeps, self.since = True, 0
        return self.sleeps


class Crowd:
    """Teams of threads, asleep, that make GNU's OpenMP count more threads than cores."""

    def __init__(self, teams: int) -> None:
        self._over = threading.Event()
        self._leaders = [threading.Thread(target=self._lead, daemon=True) for _ in range(teams)]
        for leader in self._leaders:
            leader.start()

    def _lead(self) -> None:
        import torch

        # A thread that computes in parallel gets a team, which stays as long as the thread does.
        torch.empty(torch.get_num_threads() * GRAIN, dtype=torch.uint8).fill_(0)
        self._over.wait()

    def leave(self) -> None:
        """Ends them; threads spin again."""
        self._over.set()
        for leader in self._leaders:
            leader.join()


def teams_needed() -> int:
    """How many more teams outnumber the cores; 0 where that is of no use."""
    import torch

    threads, available = torch.get_num_threads(), cores()
    if not 1 < threads <= available or any(os.environ.get(name) for name in OWN_SETTINGS) or not _gnu_openmp():
        return 0
    return (available - threads) // (threads - 1) + 1


@cache
def _gnu_openmp() -> bool:
    """Whether this process has loaded it."""
    return sys.platform == "linux" and "libgomp" in Path("/proc/self/maps").read_text()


def _watch() -> None:
    """Looks until the process has been idle for a while, or ends."""
    waiting, idle = Waiting(), 0
    crowd: Crowd | None = None
    before = _in_line(), time.perf_counter(), time.process_time()
    while idle < IDLE and not _ending.wait(WINDOW):
        now = _in_line(), time.perf_counter(), time.process_time()
        in_line, seconds, worked = (new - old for new, old in zip(now, before, strict=True))
        before, idle = now, idle + 1 if worked < seconds / 10 else 0
        if waiting.after(in_line / seconds) and crowd is None:
            crowd = Crowd(teams_needed())
        elif crowd is not None and not waiting.sleeps:
            crowd.leave()
            crowd = None
    if crowd is not None:
        crowd.leave()


def _in_line() -> float:
    """Seconds that threads of this process have been ready to run without a core, added up; 0 if nobody counts."""
    nanoseconds = 0
    for thread in os.listdir("/proc/self/task"):
        with suppress(OSError, IndexError):  # it has just ended, or the system does not count
            nanoseconds += int(Path(f"/proc/self/task/{thread}/schedstat").read_text().split()[1])
    return nanoseconds / 1e9


@atexit.register
def _end() -> None:
    """Before Python takes itself apart, under threads that still run."""
    _ending.set()
    if _watcher is not None:
        _watcher.join()
