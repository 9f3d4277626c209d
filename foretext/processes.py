"""Other processes to share work with: how many cores there are, and a pool whose workers end when their parent does."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import Any, ParamSpec, TypeVar

from foretext.errors import ForetextError
from foretext.signals import held_back

Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Workers:
    """Processes that wait for work."""

    executor: ProcessPoolExecutor

    def submit(
        self, call: Callable[Arguments, Found], *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> Future[Found]:
        """What will come of a call in one of them, which may have to be started for it.

        A signal that comes meanwhile is heard when it has started: of one that was left half started nobody would
        know, and Python waits for it when it ends.
        """
        with held_back(), _inherited_deaf("SIGINT"):
            return self.executor.submit(call, *arguments, **named)


@contextmanager
def _inherited_deaf(*names: str) -> Iterator[None]:
    """A process that is started in the block does not hear these signals, which a terminal sends to all of a command,
    until it unblocks them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {getattr(signal, name) for name in names})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def pool(
    workers: int, *, verb: str, start: Callable[..., None] | None = None, given: tuple[Any, ...] = ()
) -> Iterator[Workers]:
    """Worker processes, each readied by `start(*given)`; what they have not begun when the block ends is not done.

    An interrupt is the parent's to handle, unless the work at hand handles it itself. `verb` is the public function
    that needs them, for the error.

    Raises:
        ForetextError: a worker process ended without a word.
    """
    with held_back(), _inherited_deaf("SIGHUP"):  # Python's process that counts semaphores, which is to outlive all
        executor = ProcessPoolExecutor(
            workers,
            mp_context=get_context("spawn"),  # a fork of a process with threads, torch's for one, may hang
            initializer=_start,
            initargs=(start, given),
        )
    try:
        yield Workers(executor)
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
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start(*given)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
