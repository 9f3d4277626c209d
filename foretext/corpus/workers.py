"""All cores turn units into ids: results come in the order of the units, and few units are in memory at a time."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from foretext.corpus.manifest import Plan
from foretext.corpus.units import Unit, UnitRecord, encode_unit, finished
from foretext.processes import pool

if TYPE_CHECKING:
    from foretext.tokenizer import Tokenizer

_AHEAD = 2  # units a worker that are read before the first is done

_work: tuple[Path, Tokenizer, Plan]  # of a worker process


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
    waiting: deque[tuple[Unit, UnitRecord | Future[UnitRecord]]] = deque()
    with pool(workers, verb="prepare", start=_start, given=(folder, tokenizer, plan)) as processes:
        for unit in units:
            waiting.append((unit, finished(unit, folder) or processes.submit(_encode, unit)))
            if len(waiting) >= _AHEAD * workers:
                yield _result(*waiting.popleft())
        while waiting:
            yield _result(*waiting.popleft())


def _result(unit: Unit, found: UnitRecord | Future[UnitRecord]) -> tuple[Unit, UnitRecord]:
    return unit, found.result() if isinstance(found, Future) else found


def _start(folder: Path, tokenizer: Tokenizer, plan: Plan) -> None:
    global _work
    _work = folder, tokenizer, plan


def _encode(unit: Unit) -> UnitRecord:
    return encode_unit(unit, *_work)
