"""Tiny models of every kind that have learned nothing, and a way to ask a server without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
import pytest

from foretext.checkpoints.saved_model import SavedModel
from foretext.model.gpt import GPT
from foretext.model.settings import HeadSettings, ModelSettings
from foretext.server.app import Server, Serving
from foretext.serving.predictor import Predictor
from foretext.tasks.schema import TaskSchema
from foretext.tokenizer import Tokenizer

Found = TypeVar("Found")
KINDS = ("classification", "ordinal", "multi-label", "regression", "entailment", "similarity", "choice", "tagging")
CLASSES = ("a", "b", "c")
PAIR = {"text": ("one", "other"), "label": "label"}
TEXT = {"text": ("text",), "label": "label"}
SCHEMAS = {
    "classification": TaskSchema(kind="classification", classes=CLASSES, **TEXT),
    "ordinal": TaskSchema(kind="ordinal", classes=CLASSES, **TEXT),
    "multi-label": TaskSchema(kind="multi-label", classes=CLASSES, thresholds=(0.5, 0.5, 0.5), **TEXT),
    "regression": TaskSchema(kind="regression", low=0.0, high=5.0, **TEXT),
    "entailment": TaskSchema(kind="entailment", classes=CLASSES, **PAIR),
    "similarity": TaskSchema(kind="similarity", low=0.0, high=5.0, **PAIR),
    "choice": TaskSchema(kind="choice", text=("text",), choices=("answers",), label="label"),
    "tagging": TaskSchema(kind="tagging", classes=("person", "place"), **TEXT),
}
HEADS = {
    "classification": HeadSettings(outputs=3),
    "ordinal": HeadSettings(target="grades", outputs=3),
    "multi-label": HeadSettings(target="labels", outputs=3),
    "regression": HeadSettings(target="value", outputs=1),
    "entailment": HeadSettings(outputs=3),
    "similarity": HeadSettings(combine="add", target="grades", outputs=6),
    "choice": HeadSettings(combine="choose", target="answers", outputs=1),
    "tagging": HeadSettings(target="tags", outputs=5, reads="tokens"),
}
# In fp32 torch chooses among kernels by a batch's size, which moves the last of seven digits; then six are kept.
NEAR = 2e-6


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    words = tmp_path_factory.mktemp("words") / "words.txt"
    words.write_text("a cat saw a dog in the barn 0 1 2 3 4 5 6 7 8 9 " * 5)
    return Tokenizer.learn([words], 60)


@pytest.fixture(scope="session")
def model_of(tokenizer: Tokenizer) -> Callable[[str], SavedModel]:
    def made(kind: str) -> SavedModel:
        shape = ModelSettings(vocabulary=tokenizer.size, context=64, layers=2, width=32, heads=2, initial_deviation=0.3)
        return SavedModel(GPT(shape, HEADS[kind], seed=2), tokenizer, task=SCHEMAS[kind])

    return made


@pytest.fixture
def predictor(model_of: Callable[[str], SavedModel]) -> Predictor:
    """A classifier that keeps no answers, so that each one is computed."""
    return Predictor.of(model_of("classification"), device="cpu", precision="fp32", remembered=0)


@contextmanager
def running(serving: Serving) -> Iterator[Server]:
    """A server whose worker runs, and which listens nowhere."""
    server = Server(serving)
    server.worker.start()
    try:
        yield server
    finally:
        server.worker.stop()


@pytest.fixture
def server(predictor: Predictor) -> Iterator[Server]:
    with running(Serving({"animals": predictor})) as server:
        yield server


def asking(server: Server, ask: Callable[[httpx.AsyncClient], Awaitable[Found]], **options: Any) -> Found:
    """What comes of some requests to the server."""

    async def asked() -> Found:
        transport = httpx.ASGITransport(server.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60, **options) as client:
            return await ask(client)

    return asyncio.run(asked())


def predict(server: Server, body: Any, **headers: str) -> httpx.Response:
    """The response to one request to /predict; a body of bytes goes as it is."""
    given = {"content": body} if isinstance(body, bytes) else {"json": body}
    named = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return asking(server, lambda client: client.post("/predict", headers=named, **given))


def get(server: Server, path: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asking(server, lambda client: client.get(path, headers=named))


def error_of(response: httpx.Response) -> dict[str, str]:
    found: dict[str, str] = response.json()["error"]
    return found
