"""The routes of the server, and what OpenAPI says of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from foretext.server.guard import SAID, App, Guard, Rules, refusal
from foretext.server.hosted import Hosted, described, example_of
from foretext.server.measures import CONTENT_TYPE, Measures
from foretext.server.page import page
from foretext.server.questions import Question, as_json, question
from foretext.server.refusals import Refused, bug, invalid
from foretext.server.uploads import rows_of
from foretext.server.worker import Limits, Worker

JSON, BYTES = "application/json", "application/octet-stream"
ABOUT = (
    "An answer has what `foretext predict` writes. A part of a text is from `start` to `end`, "
    "counted in Unicode code points, the end exclusive (JavaScript counts UTF-16 units)."
)
REFUSALS = {
    400: "the body is not JSON",
    401: "the token is missing or wrong",
    403: "a web page of another origin asks",
    408: "the body came too slowly",
    413: "the body, or the list of examples, is too large",
    415: "the body is not declared as application/json",
    421: "the server is not called by this name",
    422: "an example cannot be answered; `field` names it",
    429: "too much waits already; Retry-After says when to come again",
    503: "no answer came in time, or the server is being stopped",
}

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
        self.app: App = Guard(inner, self.serving.rules, self.measures, paths)

    def _routes(self) -> FastAPI:
        routes = FastAPI(
            title="foretext serve",
            version=version("foretext"),
            description=ABOUT,
            lifespan=self._lifespan,
            docs_url=None,  # these pages load scripts from elsewhere
            redoc_url=None,
        )
        for path, call, about in self._gets():
            routes.add_api_route(path, call, summary=about, responses={200: {"content": {JSON: {}}}})
        routes.add_api_route(
            "/predict",
            self._predict,
            methods=["POST"],
            summary="Answers to one example or many",
            openapi_extra={"requestBody": {"required": True, "content": {JSON: self._body()}}},
            responses=_responses(),
        )
        routes.add_api_route(
            "/table",
            self._table,
            methods=["POST"],
            summary="The rows of a file, as the page sends it, its name, model and delimiter in the query",
            openapi_extra={"requestBody": {"required": True, "content": {BYTES: {"schema": {"type": "string"}}}}},
            responses=_refusals(),
        )
        routes.add_api_route("/", self._page, summary="The page", include_in_schema=False)
        routes.add_exception_handler(Refused, _say_refused)
        routes.add_exception_handler(HTTPException, _say_status)
        routes.add_exception_handler(Exception, _say_bug)
        return routes

    def _gets(self) -> list[tuple[str, Callable[..., Any], str]]:
        return [
            ("/health", self._health, "Whether the server lives; needs no token"),
            ("/ready", self._ready, "Whether it takes requests"),
            ("/models", self._models, "The models by name: kind, columns, classes, an example; and the limits"),
            ("/metrics", self._metrics, "Counters for Prometheus"),
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

    def _body(self) -> dict[str, Any]:
        """What OpenAPI says of the body of /predict."""
        several = {"model": next(iter(self.serving.hosted))} if len(self.serving.hosted) > 1 else {}
        examples = {
            name: {
                "summary": f"{name}, {predictor.schema.kind}",
                "value": {**({"model": name} if several else {}), "examples": [example_of(predictor.schema)]},
            }
            for name, predictor in self.serving.hosted.items()
        }
        return {"schema": _asked_schema(list(self.serving.hosted), self.serving.most_examples), "examples": examples}


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


def _asked_schema(names: list[str], most_examples: int) -> dict[str, Any]:
    example = {
        "description": "a text; several texts in a list, for choice with the list of answers behind them; "
        "or an object from the columns of training to cells",
        "anyOf": [{"type": "string"}, {"type": "array"}, {"type": "object"}],
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "model": {"type": "string", "enum": names, "description": "needed where there are several"},
            "example": example,
            "examples": {"type": "array", "items": example, "minItems": 1, "maxItems": most_examples},
            "allow_unknown": {
                "type": "boolean",
                "default": False,
                "description": "answer though more than half of the tokens are unknown to the model",
            },
        },
        "oneOf": [{"required": ["example"]}, {"required": ["examples"]}],
    }


def _responses() -> dict[int | str, dict[str, Any]]:
    answer = {
        "type": "object",
        "required": ["prediction"],
        "properties": {
            "prediction": {"description": "a class, several, a score, spans, or the number of an answer from 0"},
            "probabilities": {"description": "by class, or for each answer in order; none for scores and spans"},
            "cut_tokens": {"type": "integer", "description": "how many tokens did not fit into the context"},
            "error": {"type": "string", "description": "why prediction is null"},
        },
    }
    answers = {
        "type": "object",
        "required": ["model", "unread", "request_id"],
        "properties": {
            "model": {"type": "string"},
            "answer": answer,
            "answers": {"type": "array", "items": answer},
            "unread": {"type": "object", "description": "how much was cut, empty or unknown to the model"},
            "request_id": {"type": "string"},
        },
    }
    return {200: {"description": "the answers, in order", "content": {JSON: {"schema": answers}}}, **_refusals()}


def _refusals() -> dict[int | str, dict[str, Any]]:
    error = {
        "type": "object",
        "required": ["error", "request_id"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {name: {"type": "string"} for name in ("code", "message", "field")},
            },
            "request_id": {"type": "string"},
        },
    }
    return {code: {"description": about, "content": {JSON: {"schema": error}}} for code, about in REFUSALS.items()}
