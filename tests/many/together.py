"""Processes that share work, as forks of the test: each has its own rank, and what it gives or raises comes back."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from foretext.group import all_is_said, joined
from foretext.launched import Launch

Work = Callable[[int], Any]  # the number of the process to what it gives, as JSON holds it


@dataclass(frozen=True)
class Ended:
    """How one of the processes ended: what its work gave, or the error that it met; neither where it was killed."""

    gave: Any = None
    error: str = ""
    message: str = ""
    code: int | None = None
    said: tuple[str, ...] = ()  # its log


class Together:
    """So many processes at work, from which answers come."""

    def __init__(
        self,
        world: int,
        work: Work,
        *,
        wait_seconds: float = 300.0,
        restarts: int = 0,
        enter: Callable[[int], None] = lambda rank: None,
        address: str = "127.0.0.1",
        local: bool = True,
    ) -> None:
        self.port, self.pids, self.pipes = _free_port(), [], []  # type: int, list[int], list[int]
        for rank in range(world):
            reading, writing = os.pipe()
            pid = os.fork()
            if not pid:
                here = (rank, world) if local else (0, 1)
                launch = Launch(rank, world, *here, address=address, port=self.port, restarts=restarts)
                enter(rank)
                _be(launch, work, wait_seconds, writing)
            os.close(writing)
            self.pids.append(pid)
            self.pipes.append(reading)

    def ended(self, seconds: float = 900.0) -> list[Ended]:
        """How all ended, in their order; those that have not after so many seconds are killed, and the test fails."""
        end = time.monotonic() + seconds
        try:
            return [_answer(pipe, end, f"process {rank}") for rank, pipe in enumerate(self.pipes)]
        finally:
            for pid in self.pids:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            for pipe in self.pipes:
                os.close(pipe)


def together(world: int, work: Work, **options: Any) -> list[Any]:
    """What `work` gives in each of so many processes; an error of one is an error of the test."""
    ended = Together(world, work, **options).ended()
    assert not [each for each in ended if each.error], ended
    return [each.gave for each in ended]


def _be(launch: Launch, work: Work, wait_seconds: float, writing: int) -> None:
    """One of the processes, which does not come back."""
    os.environ["FORETEXT_PROGRESS"] = "off"
    with _logged() as said:
        try:
            with joined(launch, wait_seconds=wait_seconds):
                answer = {"gave": work(launch.rank)}
        except BaseException as error:
            answer = {"error": type(error).__name__, "message": str(error), "code": getattr(error, "exit_code", 1)}
        text = json.dumps({**answer, "said": said}).encode()
    try:
        while text:
            text = text[os.write(writing, text) :]
        if "gave" not in answer:
            all_is_said()
    finally:
        os._exit(0)


@contextmanager
def _logged() -> Iterator[list[str]]:
    said: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger, handler = logging.getLogger("foretext"), Kept()
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield said
    logger.removeHandler(handler)


def _answer(pipe: int, end: float, who: str) -> Ended:
    text = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"{who} waits for ever"
        part = os.read(pipe, 1 << 16)
        if not part:
            return Ended(**{**(found := json.loads(text or b"{}")), "said": tuple(found.get("said", ()))})
        text += part


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
