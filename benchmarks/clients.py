"""Clients of a server that answers texts: how many it answers, how long each waits, whether each answer is right.

    load = asyncio.run(closed(port, clients=64, seconds=10, texts=texts, reference=known))
    load.said()

In a closed loop each client asks again when it has its answer; no text is asked twice at the same time. In an open loop
requests come by chance, so many a second, whatever becomes of those before, and are timed from when they were due. What
breaks, or is not answered within `PATIENCE`, is counted with status 0, and its client goes on with a new connection.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

NEAR = 1e-4  # in fp32 the size of a batch moves the last of seven digits, which a spread head makes larger
PATIENCE = 60.0  # seconds, twice what a server gives itself
BROKEN = 0  # the status of what got none

Reference = Sequence[dict[str, float]]  # by text, probabilities by class
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Load:
    """What came of some requests."""

    seconds: float = 0.0  # until the last was over
    sending: float = 0.0  # while requests were begun
    statuses: Counter[int] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)  # of those answered, in seconds
    wrong: int = 0

    def add(self, other: Load) -> None:
        self.seconds += other.seconds
        self.sending += other.sending
        self.statuses += other.statuses
        self.times += other.times
        self.wrong += other.wrong

    @property
    def answered(self) -> float:
        """Answers a second."""
        return len(self.times) / max(self.seconds, 1e-9)

    @property
    def asked(self) -> float:
        """Requests a second."""
        return sum(self.statuses.values()) / max(self.sending, 1e-9)

    def percentile(self, share: int) -> float:
        """The seconds that so many in a hundred of the answered did not exceed; 0 where there are none."""
        times = sorted(self.times)
        return times[min(len(times) - 1, len(times) * share // 100)] if times else 0.0

    def only(self, *statuses: int) -> bool:
        """Whether every request had one of these statuses."""
        return bool(self.statuses) and set(self.statuses) <= {*statuses}

    def said(self) -> dict[str, Any]:
        requests = sum(self.statuses.values())
        return {
            "requests": requests,
            "requests/s": round(self.asked, 1),
            "answers/s": round(self.answered, 1),
            **{f"p{share} ms": round(1e3 * self.percentile(share), 1) for share in (50, 99)},
            "share of 429": round(self.statuses[429] / max(requests, 1), 3),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "wrong": self.wrong,
        }


async def closed(
    port: int, *, clients: int, seconds: float, texts: Sequence[str], reference: Reference | None = None
) -> Load:
    """So many clients, each of which asks again when it has its answer."""
    load, order = Load(), order_of(texts)
    began = time.perf_counter()

    async def client() -> None:
        connection: Connection | None = None
        while time.perf_counter() - began < seconds:
            connection = await ask(port, connection, next(order), texts, reference, load, time.perf_counter())
        hang_up(connection)

    await asyncio.gather(*(client() for _ in range(clients)))
    load.seconds = load.sending = time.perf_counter() - began
    return load


async def opened(port: int, *, rate: float, seconds: float, texts: Sequence[str], reference: Reference) -> Load:
    """Requests that come by chance, `rate` a second, whatever becomes of those before."""
    load, order, draw, free = Load(), order_of(texts), random.Random(2), deque[Connection]()
    began = due = time.perf_counter()

    async def one(due: float) -> None:
        kept = await ask(port, free.pop() if free else None, next(order), texts, reference, load, due)
        if kept is not None:
            free.append(kept)

    waiting = set[asyncio.Task[None]]()
    while (due := due + draw.expovariate(rate)) - began < seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(one(due))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    load.sending = time.perf_counter() - began
    await asyncio.gather(*waiting)
    load.seconds = time.perf_counter() - began
    for connection in free:
        hang_up(connection)
    return load


def order_of(texts: Sequence[str]) -> Iterator[int]:
    """The texts' numbers in an order by chance, over and over."""
    order = random.Random(1).sample(range(len(texts)), len(texts))
    while True:
        yield from order


async def ask(
    port: int,
    connection: Connection | None,
    number: int,
    texts: Sequence[str],
    reference: Reference | None,
    load: Load,
    since: float,
) -> Connection | None:
    """One request; what came of it goes into `load`, its time from `since`. The connection, if it may be used again."""
    try:
        async with asyncio.timeout(PATIENCE):
            connection = connection or await asyncio.open_connection("127.0.0.1", port)
            status, content = await exchanged(connection, texts[number])
    except (OSError, EOFError, ValueError, TimeoutError):  # EOFError: asyncio.IncompleteReadError
        load.statuses[BROKEN] += 1
        hang_up(connection)
        await asyncio.sleep(0.01)  # a server that is gone is not asked without a pause
        return None
    load.statuses[status] += 1
    if status == 200:
        load.times.append(time.perf_counter() - since)
        load.wrong += reference is not None and not is_right(content, reference[number])
    return connection


async def exchanged(connection: Connection, text: str) -> tuple[int, bytes]:
    """Status and body of the answer to one text."""
    reader, writer = connection
    body = json.dumps({"example": text}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    writer.write(head.encode() + b"\r\n\r\n" + body)
    answered = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = re.search(rb"content-length: (\d+)", answered)
    content = await reader.readexactly(int(length[1]) if length else 0)
    return int(answered[9:12]), content


def is_right(content: bytes, known: dict[str, float]) -> bool:
    """Whether an answer has the probabilities that are known of its text."""
    try:
        said = json.loads(content)["answer"]["probabilities"]
        return said.keys() == known.keys() and all(abs(said[name] - known[name]) <= NEAR for name in known)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def hang_up(connection: Connection | None) -> None:
    if connection is not None:
        connection[1].close()
