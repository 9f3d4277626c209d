"""What every request goes through before it is looked at: who asks, by which name, with how much, and what is noted.

* Host must name this server: an IP address, localhost, the machine or a name that was said. A web page elsewhere whose
  name was made to lead here is refused so.
* A request that another web page sends is refused, unless that page's origin was said.
* With a token all but /health needs it, as `Authorization: Bearer` or as the password a browser asks for.
* A body may be so large and may take so long. An id goes into the response and the log.
* So many requests are answered at a time; who comes then is told when to come again.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import ipaddress
import logging
import random
import re
import socket
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response

from foretext.server.measures import Measures
from foretext.server.questions import as_json
from foretext.server.refusals import Refused, bug, too_large
from foretext.server.worker import Worker

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

OPEN = "/health"  # needs no token: it says that the server lives, and nothing else
COMPUTES = "/predict"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
LEFT = 499  # what nginx calls a request whose client went away; nobody gets it
SAID = "foretext.said"  # in the scope: what the log and the response say of a request
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rules:
    """Who may ask, and how much."""

    token: str | None = None
    names: tuple[str, ...] = ()  # by which the server may be called, besides those it always has
    origins: tuple[str, ...] = ()  # of web pages that may ask; * for any
    most_bytes: int = 4_000_000
    body_seconds: float = 30.0
    most_requests: int = 700  # at a time; below the connections that there may be, beyond which no reason can be given

    def refuse_stranger(self, headers: Headers, method: str, path: str) -> None:
        """Nothing, if whoever asks may do so.

        Raises:
            Refused: the host is not this server, another web page asks, or the token is missing or wrong.
        """
        host = headers.get("host", "")
        if not self._is_here(host):
            raise Refused(421, "wrong_host", "this server is not called so; --host-name says further names of it")
        origin = headers.get("origin")
        ours = origin is None or origin.partition("://")[2] == host or origin in self.origins or "*" in self.origins
        if not ours or (headers.get("sec-fetch-site") == "cross-site" and origin is None and method == "POST"):
            raise Refused(403, "wrong_origin", "web pages of other origins may not ask; --origin says which may")
        preflight = method == "OPTIONS" and origin is not None and "access-control-request-method" in headers
        if self.token is not None and path != OPEN and not preflight and not self._is_known(headers):
            raise Refused(401, "no_token", "the header Authorization: Bearer TOKEN is missing or wrong")

    def _is_here(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        return name in {"localhost", _this_machine(), *map(str.lower, self.names)} or _is_address(name)

    def _is_known(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode("utf-8").partition(":")[2]
            except (binascii.Error, ValueError):
                return False
        elif scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given.strip().encode(), (self.token or "").encode())


@cache
def _this_machine() -> str:
    return socket.gethostname().lower()


def _new_id() -> str:
    """The id of a request; no secret, so it need not wait for the system."""
    return f"{random.getrandbits(128):032x}"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """The application behind these rules; of each request there is a line in the log."""

    def __init__(self, app: App, rules: Rules, measures: Measures, routes: tuple[str, ...], worker: Worker) -> None:
        self._app, self._rules, self._measures, self._routes = app, rules, measures, routes
        self._worker = worker
        self._at_once = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, began = Headers(scope=scope), time.perf_counter()
        given = headers.get("x-request-id", "")
        said = scope[SAID] = {"request_id": given if REQUEST_ID.fullmatch(given) else _new_id()}
        status = 0
        self._at_once += 1

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(scope=message)
                out["X-Request-Id"] = said["request_id"]
                for name, value in SAFE_HEADERS.items():
                    out.setdefault(name, value)
            await send(message)

        try:
            try:
                self._rules.refuse_stranger(headers, scope["method"], scope["path"])
                self._refuse_long(headers)
                self._refuse_crowd(scope["path"])
                await self._app(scope, self._limited(receive), noted)
            except Refused as refused:
                await refusal(refused, said["request_id"])(scope, receive, noted)
        except Exception:
            log.exception("a bug in the server", extra={"fields": said})
            if not status:
                await refusal(bug(), said["request_id"])(scope, receive, noted)
        finally:
            self._at_once -= 1
            self._note(scope, said, status or LEFT, time.perf_counter() - began)

    def _refuse_long(self, headers: Headers) -> None:
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > self._rules.most_bytes:
            raise self._too_large()

    def _refuse_crowd(self, path: str) -> None:
        """Refuses what cannot be taken on before it is read: to refuse must cost much less than to answer.

        Raises:
            Refused: there is no room for it.
        """
        if path == COMPUTES and self._worker.full:
            message = f"{self._worker.waiting:,} examples are waiting, and there is no room for more"
        elif path != OPEN and self._at_once > self._rules.most_requests:
            message = f"{self._rules.most_requests:,} requests are being answered"
        else:
            return
        raise Refused(429, "busy", message, retry_after=self._worker.retry_after())

    def _too_large(self) -> Refused:
        return too_large(f"the body has more than {self._rules.most_bytes:,} bytes; send several requests")

    def _limited(self, receive: Receive) -> Receive:
        """`receive`, until the body is too large or took too long."""
        until = asyncio.get_running_loop().time() + self._rules.body_seconds
        size, whole = 0, False

        async def limited() -> Message:
            nonlocal size, whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                seconds = self._rules.body_seconds
                raise Refused(408, "slow", f"the body was not there within {seconds:g} seconds") from None
            size += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if size > self._rules.most_bytes:
                raise self._too_large()
            return message

        return limited

    def _note(self, scope: MutableMapping[str, Any], said: dict[str, Any], status: int, seconds: float) -> None:
        route = scope["path"] if scope["path"] in self._routes else "other"
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._measures.requests.labels(route, method, str(status)).inc()
        self._measures.seconds.labels(route).observe(seconds)
        about = {"method": method, "route": route, "status": status, "seconds": round(seconds, 4)}
        log.info("request", extra={"fields": said | about})


def refusal(refused: Refused, request_id: str) -> Response:
    """The response that says why there are no answers."""
    headers = refused.headers()
    if refused.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="foretext", charset="UTF-8"'
    return Response(as_json(refused.to_json(request_id)), refused.status, headers, "application/json")
