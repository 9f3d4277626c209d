"""All cores turn units into ids: results come in the order of the units, and few units are in memory at a time."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING

from foretext.corpus.manifest import Plan
from foretext.corpus.units import Unit, UnitRecord, encode_unit, finished
from foretext.errors import ForetextError

if TYPE_CHECKING:
    from foretext.tokenizer import Tokenizer

_AHEAD = 2  # units a worker that are read before the first is done

_work: tuple[Path, Tokenizer, Plan]  # of a worker process


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def encode_units(
    units: Iterable[Unit], folder: Path, tokenizer: Tokenizer, plan: Plan, *, workers: int
) -> Iterator[tuple[Unit, UnitRecord]]:
    """Each unit and its record, in order; what an earlier run left in `folder` is not done again.

    Raises:
        DiskFull: there is no space left.
        ForetextError: a worker process ended without a word.
    """
    units = iter(units)
    first = list(itertools.islice(units, 2))
    units = itertools.chain(first, units)
    if workers == 1 or len(first) < 2:  # a process takes longer to start than one unit takes
        for unit in units:
            yield unit, finished(unit, folder) or encode_unit(unit, folder, tokenizer, plan)
    else:
        yield from _in_processes(units, folder, tokenizer, plan, workers)


def _in_processes(
    units: Iterable[Unit], folder: Path, tokenizer: Tokenizer, plan: Plan, workers: int
) -> Iterator[tuple[Unit, UnitRecord]]:
    pool = ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),  # a fork of a process with threads, torch's for one, may hang
        initializer=_start,
        initargs=(folder, tokenizer, plan),
    )
    waiting: deque[tuple[Unit, UnitRecord | Future[UnitRecord]]] = deque()
    try:
        for unit in units:
            waiting.append((unit, finished(unit, folder) or pool.submit(_encode, unit)))
            if len(waiting) >= _AHEAD * workers:
                yield _result(*waiting.popleft())
        while waiting:
            yield _result(*waiting.popleft())
    except BrokenProcessPool as error:
        raise ForetextError(
            "a worker process ended without a word: memory may have run out (--workers 1 needs least), or a script "
            'calls prepare() outside of `if __name__ == "__main__":`'
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _result(unit: Unit, found: UnitRecord | Future[UnitRecord]) -> tuple[Unit, UnitRecord]:
    return unit, found.result() if isinstance(found, Future) else found


def _start(folder: Path, tokenizer: Tokenizer, plan: Plan) -> None:
    """Readies a worker process: an interrupt is the parent's to handle, and without a parent there is nothing to do."""
    global _work
    _work = folder, tokenizer, plan
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _encode(unit: Unit) -> UnitRecord:
    return encode_unit(unit, *_work)
