"""Listening: a port, connections that may not dawdle, and an end in which what was taken on is still answered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from foretext.errors import SettingsError, Stopped
from foretext.server.app import Server
from foretext.signals import ENDING, end_at_once, heard, name_of
from foretext.tasks.files.problems import counted

HEADER_SECONDS = 10.0  # until a connection has sent the headers of a request
READING_SECONDS = 30.0  # until a client has read what is sent to it
IDLE_SECONDS = 75  # that a connection is kept for the next request: longer than clients keep theirs, or both meet
CONNECTIONS = 800  # below the 1,024 files that a process may most often open
BACKLOG = 512
# Python's own 5 milliseconds would pass, while the worker encodes, at every read of a socket.
SWITCH_SECONDS = 0.0005

log = logging.getLogger(__name__)


@contextlib.contextmanager
def _turns(seconds: float) -> Iterator[None]:
    """Has Python's threads take turns so often until the block ends."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Connection(H11Protocol):
    """A connection that is closed when its client is too slow to ask, or to read its answer."""

    late: asyncio.TimerHandle | None = None
    unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Waits for headers, so long."""
        super().connection_made(transport)
        self.late = self.loop.call_later(HEADER_SECONDS, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Waits for the rest of the headers, if these are not all, so long from their first byte."""
        if self.late is None and self._between:
            self.late = self.loop.call_later(HEADER_SECONDS, self.transport.abort)
        super().data_received(data)
        if not self._between and self.late is not None:
            self.late.cancel()
            self.late = None

    @property
    def _between(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def pause_writing(self) -> None:
        """Much is to be sent that the client does not read."""
        super().pause_writing()
        self.unread = self.unread or self.loop.call_later(READING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads."""
        super().resume_writing()
        self._forget_unread()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        super().connection_lost(exc)
        self._forget_unread()
        if self.late is not None:
            self.late.cancel()

    def _forget_unread(self) -> None:
        if self.unread is not None:
            self.unread.cancel()
            self.unread = None


class Listener(uvicorn.Server):
    """Uvicorn, which leaves signals to us, and says when it listens."""

    def __init__(self, config: uvicorn.Config, greeting: str) -> None:
        super().__init__(config)
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens."""
        await super().startup(sockets)
        log.info("%s", self._greeting)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def bound(host: str, port: int) -> socket.socket:
    """A socket that nobody else listens on; port 0 is any free one.

    Raises:
        SettingsError: the port is taken, or the host is none of this machine's.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # asyncio has writes go at once (TCP_NODELAY) only on sockets that are said to be TCP. On others the body of an
        # answer waits until its headers are acknowledged, up to 40 milliseconds.
        found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise SettingsError(f"cannot listen at {host} port {port}: {why}; give another --port or --host") from None
    return found


def url_of(listening: socket.socket) -> str:
    """The address of a server as a person types it."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def listen(server: Server, listening: socket.socket, *, grace: float) -> None:
    """Answers until a signal asks for the end; what was taken on by then is still answered, within `grace` seconds.

    Raises:
        Stopped: a second signal came, or some requests were not answered in time.
    """
    config = uvicorn.Config(
        server.app,
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=max(1, round(grace)),
    )
    greeting = f"{url_of(listening)} answers with {', '.join(server.serving.hosted)}"
    listener, signals = Listener(config, greeting), list[int]()

    def end(number: int, frame: Any) -> None:
        if signals:
            end_at_once(number, frame)
        signals.append(number)
        listener.should_exit = True

    with heard(ENDING, end), _turns(SWITCH_SECONDS):
        listener.run([listening])
    if signals and server.cut_off:
        cut_off = f"{counted(server.cut_off, 'request')} got no answer within {grace:g} seconds"
        raise Stopped(f"stopped by {name_of(signals[0])}: {cut_off}", exit_code=128 + signals[0])
