"""Other processes to share work with: how many cores there are, and a pool whose workers end when their parent does."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import Any

from foretext.errors import ForetextError


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def pool(
    workers: int, *, verb: str, start: Callable[..., None] | None = None, given: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """Worker processes, each readied by `start(*given)`; what they have not begun when the block ends is not done.

    An interrupt is the parent's to handle, unless the work at hand handles it itself. `verb` is the public function
    that needs them, for the error.

    Raises:
        ForetextError: a worker process ended without a word.
    """
    executor = ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),  # a fork of a process with threads, torch's for one, may hang
        initializer=_start,
        initargs=(start, given),
    )
    try:
        yield executor
    except BrokenProcessPool as error:
        raise ForetextError(
            "a worker process ended without a word: memory may have run out (fewer workers need less), or a script "
            f'calls {verb}() outside of `if __name__ == "__main__":`'
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _start(start: Callable[..., None] | None, given: tuple[Any, ...]) -> None:
    """Readies a worker process: an interrupt is the parent's to handle, and without a parent there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start(*given)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
