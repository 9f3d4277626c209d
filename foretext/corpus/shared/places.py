"""Where tasks are done: in processes of this machine, or on a cluster of Ray. Each says when one is done."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

from foretext.corpus.shared.job import Stage
from foretext.corpus.shared.task import attempted
from foretext.errors import DataError, ForetextError
from foretext.processes import pool

RETRIES = 3  # of a task whose worker Ray has lost

Done = Callable[[], None]


def on_this_machine(parts: Path, stage: Stage, tasks: Sequence[int], *, workers: int, done: Done) -> None:
    """Does the tasks in so many processes; with one worker or task in this one.

    Raises:
        DataError: a task cannot be done as it is.
        ForetextError: a process ended without a word.
    """
    workers = min(workers, len(tasks))
    if workers <= 1:
        for task in tasks:
            _raise(*attempted(str(parts), stage, task))
            done()
        return
    with pool(workers, verb="prepare") as processes:
        for future in as_completed([processes.submit(attempted, str(parts), stage, task) for task in tasks]):
            _raise(*future.result())
            done()


def on_ray(parts: Path, stage: Stage, tasks: Sequence[int], *, workers: int, done: Done) -> None:
    """Does the tasks on the cluster of Ray that RAY_ADDRESS names or that runs here, else in one that it begins here.

    `workers` tasks at a time; 0 leaves it to Ray. A task whose worker was lost is done again, up to `RETRIES` times.

    Raises:
        DataError: a task cannot be done as it is.
        ForetextError: there is no cluster at that address, or workers were lost again and again.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent that nobody asked for
    import ray

    begun = not ray.is_initialized()
    if begun:
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ForetextError(f"Ray cannot be reached or begun: {str(error).splitlines()[0]}") from error
    try:
        call = ray.remote(attempted).options(num_cpus=1, max_retries=RETRIES)
        waiting, running = list(reversed(tasks)), dict[Any, int]()
        while waiting or running:
            while waiting and (not workers or len(running) < workers):
                task = waiting.pop()
                running[call.remote(str(parts), stage, task)] = task
            (first, *_), _ = ray.wait(list(running))
            task = running.pop(first)
            try:
                found = ray.get(first)
            except ray.exceptions.RayError as error:
                why = str(error).strip().splitlines()[0]
                raise ForetextError(f"task {task} of {stage} was lost {RETRIES + 1} times by Ray: {why}") from error
            _raise(*found)
            done()
    finally:
        if begun:
            ray.shutdown()


def _raise(exit_code: int, message: str) -> None:
    """Nothing where the exit code is 0.

    Raises:
        DataError: what was given cannot be used.
        ForetextError: the work failed.
    """
    if exit_code:
        raise (DataError if exit_code == DataError.exit_code else ForetextError)(message)
