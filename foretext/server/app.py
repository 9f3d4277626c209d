"""The routes of the server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from foretext.server import openapi
from foretext.server.guard import SAID, App, Guard, Rules, refusal
from foretext.server.hosted import Hosted, described
from foretext.server.measures import CONTENT_TYPE, Measures
from foretext.server.openapi import ABOUT, BYTES, JSON
from foretext.server.page import page
from foretext.server.questions import Question, as_json, question
from foretext.server.refusals import Refused, bug, invalid
from foretext.server.uploads import rows_of
from foretext.server.worker import Limits, Worker

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Serving:
    """All that decides how a server answers."""

    hosted: Hosted
    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(default_factory=Limits)
    most_examples: int = 1_000  # of a request
    seconds: float = 30.0  # until an answer must be there


@dataclass
class Server:
    """The application, and the worker behind it, which runs as long as the application's lifespan."""

    serving: Serving
    answered: int = field(default=0, init=False)  # examples
    cut_off: int = field(default=0, init=False)  # requests that the end of the server came before

    def __post_init__(self) -> None:
        self.measures = Measures(lambda: self.worker.waiting)
        self.worker = Worker(self.serving.limits, saw_batch=self.measures.saw_batch)
        self.routes = self._routes()
        paths = tuple(route.path for route in self.routes.routes if hasattr(route, "path"))
        inner: App = self.routes
        if self.serving.rules.origins:
            inner = CORSMiddleware(
                self.routes,
                allow_origins=list(self.serving.rules.origins),
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type", "X-Request-Id"],
                expose_headers=["X-Request-Id", "Retry-After"],
            )
        self.app: App = Guard(inner, self.serving.rules, self.measures, paths, self.worker)

    def _routes(self) -> FastAPI:
        routes = FastAPI(
            title="foretext serve",
            version=version("foretext"),
            description=ABOUT,
            lifespan=self._lifespan,
            docs_url=None,  # these pages load scripts from elsewhere
            redoc_url=None,
        )
        for path, call, about, responses in self._gets():
            routes.add_api_route(path, call, summary=about, responses=responses)
        routes.add_api_route(
            "/metrics",
            self._metrics,
            summary="Counters for Prometheus",
            response_class=PlainTextResponse,
            responses=openapi.refusals(*openapi.STRANGERS),
        )
        routes.add_api_route(
            "/predict",
            self._predict,
            methods=["POST"],
            summary="Answers to one example or many",
            openapi_extra={"requestBody": openapi.predict_body(self.serving.hosted, self.serving.most_examples)},
            responses=openapi.answered(),
        )
        routes.add_api_route(
            "/table",
            self._table,
            methods=["POST"],
            summary="The rows of a file, as the page sends it",
            openapi_extra=openapi.table_asked(self.serving.hosted),
            responses=openapi.table_read(),
        )
        routes.add_api_route("/", self._page, summary="The page", include_in_schema=False)
        routes.add_exception_handler(Refused, _say_refused)
        routes.add_exception_handler(HTTPException, _say_status)
        routes.add_exception_handler(Exception, _say_bug)
        return routes

    def _gets(self) -> list[tuple[str, Callable[..., Any], str, openapi.Responses]]:
        about = "The models by name: kind, columns, classes, an example; and the limits"
        ready = openapi.state("ready", otherwise="not ready")
        return [
            ("/health", self._health, "Whether the server lives; needs no token", openapi.state("ok", known=False)),
            ("/ready", self._ready, "Whether it takes requests", ready),
            ("/models", self._models, about, openapi.models()),
        ]

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        self.worker.start()
        try:
            yield
        finally:
            await asyncio.get_running_loop().run_in_executor(None, self.worker.stop)

    async def _health(self) -> Response:
        return _json({"status": "ok"})

    async def _ready(self) -> Response:
        ready = self.worker.ready
        return _json({"status": "ready" if ready else "not ready"}, 200 if ready else 503)

    async def _models(self) -> Response:
        limits = {
            "examples": self.serving.most_examples,
            "bytes": self.serving.rules.most_bytes,
            "seconds": self.serving.seconds,
        }
        models = {name: described(predictor) for name, predictor in self.serving.hosted.items()}
        return _json({"models": models, "limits": limits})

    async def _metrics(self) -> Response:
        return Response(self.measures.page(), media_type=CONTENT_TYPE)

    async def _page(self) -> Response:
        html, policy = page()
        return Response(html, media_type="text/html", headers={"Content-Security-Policy": policy})

    async def _table(self, request: Request) -> Response:
        if _declared(request) != BYTES:
            raise Refused(415, "not_bytes", f"the body must be declared as Content-Type: {BYTES}")
        try:
            content = await request.body()
        except ClientDisconnect:
            return Response(status_code=499)  # to nobody
        rows = await asyncio.to_thread(rows_of, content, request.query_params, self.serving.hosted)
        try:
            return _json(rows)
        except ValueError:
            raise invalid("a number in the file is not finite", "body") from None

    async def _predict(self, request: Request) -> Response:
        said = request.scope[SAID]
        if _declared(request) != JSON:
            raise Refused(415, "not_json", f"the body must be declared as Content-Type: {JSON}")
        try:
            asked = question(await request.body(), self.serving.hosted, most_examples=self.serving.most_examples)
            said |= {"model": asked.model, "examples": len(asked.job.examples)}
            await self._done(asked, request)
        except ClientDisconnect:
            return Response(status_code=499)  # to nobody
        self.answered += len(asked.job.examples)
        self.measures.examples.labels(asked.model).inc(len(asked.job.examples))
        return _json(asked.answered() | {"request_id": said["request_id"]})

    async def _done(self, asked: Question, request: Request) -> None:
        """Waits for the job's end, as long as the client does and time is left.

        Raises:
            ClientDisconnect: the client went away.
            Refused: there is no room, no time is left, or the examples cannot be answered.
        """
        job = asked.job
        self.worker.submit(job)
        gone = asyncio.ensure_future(_gone(request))
        done = asyncio.wrap_future(job.done)
        try:
            await asyncio.wait({done, gone}, timeout=self.serving.seconds, return_when=asyncio.FIRST_COMPLETED)
            if done.done():
                done.result()
            elif gone.done():
                raise ClientDisconnect
            else:
                message = f"no answer within {self.serving.seconds:g} seconds; send fewer examples, or later"
                raise Refused(503, "late", message, retry_after=self.worker.retry_after())
        except asyncio.CancelledError:
            self.cut_off += 1
            raise
        finally:
            gone.cancel()
            self.worker.drop(job)


async def _gone(request: Request) -> None:
    """Returns when the client goes away; its body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _declared(request: Request) -> str:
    """The type that the body is said to have."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _json(value: Any, status: int = 200) -> Response:
    return Response(as_json(value), status, media_type=JSON)


async def _say_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refusal(error, request.scope[SAID]["request_id"])


async def _say_status(request: Request, error: Exception) -> Response:
    """What the routes themselves refuse: a path that is not there, a method that one does not have."""
    assert isinstance(error, HTTPException)
    found = Refused(error.status_code, str(error.detail).lower().replace(" ", "_"), str(error.detail))
    response = refusal(found, request.scope[SAID]["request_id"])
    response.headers.update(error.headers or {})
    return response


async def _say_bug(request: Request, error: Exception) -> Response:
    """What the guard logs, since it is raised on."""
    return refusal(bug(), request.scope[SAID]["request_id"])
