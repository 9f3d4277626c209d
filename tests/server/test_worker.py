"""The worker: whose answer is whose, what may wait, what a failing or a leaving client costs the others."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest

from foretext.server.app import Server, Serving
from foretext.server.refusals import Refused
from foretext.server.worker import Job, Limits, Worker
from foretext.serving.predictor import Predictor
from foretext.tasks.encode import encode
from foretext.tasks.examples import Example
from foretext.tasks.predictions import Predictions

from .conftest import NEAR, asking, error_of, get, predict, running

PATIENCE = 120  # seconds, on a busy machine too; none of them is waited for where all is well


def texts(count: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return [
        " ".join(draw.choices("a cat saw dog in the barn 0 1 2 3 4 5".split(), k=draw.randint(1, 40)))
        for _ in range(count)
    ]


def job(predictor: Predictor, *given: str) -> Job:
    return Job(predictor, [Example((text,)) for text in given])


@contextmanager
def working(limits: Limits, **options) -> Iterator[Worker]:
    worker = Worker(limits, **options)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


@pytest.fixture
def held(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, list[int]]]:
    """What lets the model compute, and the sizes of the batches that were to be computed."""
    go, sizes = threading.Event(), list[int]()
    really = Predictor.answer

    def answer(self: Predictor, encoded, **options) -> Predictions:
        sizes.append(len(encoded))
        assert go.wait(PATIENCE)
        return really(self, encoded, **options)

    monkeypatch.setattr(Predictor, "answer", answer)
    yield go, sizes
    go.set()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_two_hundred_clients_get_their_own_answers(server: Server, predictor: Predictor):
    given = [text if number % 3 else texts(1)[0] for number, text in enumerate(texts(200, seed=1))]
    alone = [predictor.predict([text])[0] for text in given]

    async def ask(client: httpx.AsyncClient, number: int) -> dict | None:
        asked = asyncio.ensure_future(client.post("/predict", json={"example": given[number]}))
        if number % 7 == 3:
            await asyncio.sleep(0.001 * (number % 5))
            asked.cancel()
            return None
        return (await asked).json()["answer"]

    async def all_at_once(client: httpx.AsyncClient) -> list[dict | None]:
        return await asyncio.gather(*(ask(client, number) for number in range(200)))

    found = asking(server, all_at_once)
    assert sum(answer is not None for answer in found) > 150
    for answer, expected in zip(found, alone, strict=True):
        if answer is not None:
            assert answer["prediction"] == expected.label
            assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=NEAR)


def test_requests_that_come_together_share_batches(server: Server):
    async def all_at_once(client: httpx.AsyncClient) -> list[httpx.Response]:
        return await asyncio.gather(*(client.post("/predict", json={"example": text}) for text in texts(60)))

    assert {one.status_code for one in asking(server, all_at_once)} == {200}
    page = get(server, "/metrics").text
    batches = float(
        next(line.split()[1] for line in page.splitlines() if line.startswith("foretext_batch_examples_count"))
    )
    assert batches < 30


def test_no_batch_has_more_tokens_than_it_may(predictor: Predictor, held):
    go, sizes = held
    go.set()
    with working(Limits(tokens_per_batch=50)) as worker:
        asked = job(predictor, *texts(40))
        worker.submit(asked)
        asked.done.result(PATIENCE)
    assert len(sizes) > 10
    assert len(asked.predictions()) == 40


def test_a_job_by_itself_is_not_held_back_for_others(predictor: Predictor):
    with working(Limits(wait=1_000)) as worker:
        for text in ("a cat", "the barn"):
            asked = job(predictor, text)
            worker.submit(asked)
            asked.done.result(PATIENCE)


def test_after_a_job_that_came_while_one_was_computed_a_batch_waits_for_more(predictor: Predictor, held):
    go, sizes = held
    first, second, third = (job(predictor, "a cat") for _ in range(3))
    (encoded,) = encode(first.examples, predictor.schema, predictor.saved.tokenizer, predictor.gpt.settings.context)
    with working(Limits(wait=1_000, tokens_per_batch=2 * len(encoded.sequences[0]))) as worker:
        worker.submit(first)
        until(lambda: len(sizes) == 1)
        worker.submit(second)
        go.set()
        first.done.result(PATIENCE)
        worker.submit(third)
        third.done.result(PATIENCE)
    assert sizes == [1, 2]


def test_a_short_job_does_not_wait_for_a_long_one(predictor: Predictor, held):
    go, sizes = held
    long, short = job(predictor, *["a cat"] * 400), job(predictor, "the barn")
    with working(Limits(tokens_per_batch=100)) as worker:
        worker.submit(long)
        until(lambda: len(sizes) == 1)
        ended: list[bool] = []
        short.done.add_done_callback(lambda _: ended.append(long.done.done()))  # called by whoever computes
        worker.submit(short)
        go.set()
        long.done.result(PATIENCE)
        assert ended == [False]


def test_beyond_its_room_a_request_is_refused_at_once_and_told_when_to_come(predictor: Predictor, held):
    go, _ = held
    with running(Serving({"animals": predictor}, limits=Limits(examples=3))) as server:

        async def overload(client: httpx.AsyncClient) -> list[httpx.Response]:
            asked = [asyncio.ensure_future(client.post("/predict", json={"example": text})) for text in texts(12)]
            while sum(one.done() for one in asked) < 9:  # they do not wait
                await asyncio.sleep(0.002)
            assert sum(one.done() for one in asked) == 9
            go.set()
            return await asyncio.gather(*asked)

        found = asking(server, overload)
        busy = [one for one in found if one.status_code == 429]
        assert [one.status_code for one in found].count(200) == 3
        assert len(busy) == 9
        assert all(1 <= int(one.headers["retry-after"]) <= 60 for one in busy)
        assert server.worker.waiting == 0
        assert predict(server, {"example": "a"}).status_code == 200


def test_the_room_is_also_for_so_many_characters(predictor: Predictor, held):
    with working(Limits(characters=100)) as worker:
        worker.submit(job(predictor, "a " * 500))  # alone anything may come that a request may have
        with pytest.raises(Refused, match="waiting"):
            worker.submit(job(predictor, "a"))


def test_what_waited_too_long_is_refused_and_not_computed(predictor: Predictor, held):
    go, sizes = held
    with running(Serving({"animals": predictor}, seconds=3)) as server:

        async def late(client: httpx.AsyncClient) -> list[httpx.Response]:
            first = asyncio.ensure_future(client.post("/predict", json={"example": "a cat"}))
            while not sizes:
                assert not first.done(), "a busy machine has not begun it in time"
                await asyncio.sleep(0.002)
            return [await client.post("/predict", json={"examples": texts(5)}), await first]

        responses = asking(server, late)
        assert [one.status_code for one in responses] == [503, 503]
        assert "retry-after" in responses[0].headers
        go.set()
        asked = job(predictor, "a dog")
        server.worker.submit(asked)
        asked.done.result(PATIENCE)
        assert sizes == [1, 1]


def test_work_of_a_job_that_is_dropped_is_not_done(predictor: Predictor, held):
    go, sizes = held
    first, dropped, last = job(predictor, "a"), job(predictor, *texts(50)), job(predictor, "the barn")
    with working(Limits(tokens_per_batch=10)) as worker:
        worker.submit(first)
        until(lambda: len(sizes) == 1)
        worker.submit(dropped)
        worker.submit(last)
        worker.drop(dropped)
        assert worker.waiting == 2
        go.set()
        last.done.result(PATIENCE)
        assert sum(sizes) == 2
        assert worker.waiting == 0


def test_a_failing_example_fails_its_own_request_alone(predictor: Predictor, monkeypatch: pytest.MonkeyPatch, caplog):
    really = Predictor.answer
    bad = predictor.saved.tokenizer.encode("9")[0]

    def answer(self: Predictor, encoded, **options) -> Predictions:
        if any(bad in ids for item in encoded for ids in item.sequences):
            raise RuntimeError("planted")
        return really(self, encoded, **options)

    monkeypatch.setattr(Predictor, "answer", answer)
    given = [*texts(31), "a 9"]
    with running(Serving({"animals": predictor})) as server:

        async def all_at_once(client: httpx.AsyncClient) -> list[httpx.Response]:
            return await asyncio.gather(*(client.post("/predict", json={"example": text}) for text in given))

        found = asking(server, all_at_once)
        assert [one.status_code for one in found] == [200] * 31 + [422]
        many = predict(server, {"examples": ["a", "a 9"]})
    assert error_of(many)["field"] == "examples[1]"
    assert "planted" in caplog.text, "the log says why"


def test_a_worker_that_dies_leaves_nobody_waiting(predictor: Predictor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    with running(Serving({"animals": predictor})) as server:
        monkeypatch.setattr(server.worker, "_gathered", lambda: 1 / 0)
        predict(server, {"example": "a"})  # the batch that is being gathered
        assert predict(server, {"example": "a"}).status_code == 503
        assert get(server, "/ready").status_code == 503


def test_one_thread_computes_however_many_ask(server: Server):
    async def ask(client: httpx.AsyncClient) -> set[int]:
        await client.post("/predict", json={"example": "a"})
        before = threading.active_count()
        await asyncio.gather(*(client.post("/predict", json={"example": text}) for text in texts(300)))
        return {before, threading.active_count()}

    assert len(asking(server, ask)) == 1


def test_many_threads_may_ask_one_predictor(predictor: Predictor):
    from concurrent.futures import ThreadPoolExecutor

    forgetful = replace(predictor, remembered=2)
    given = texts(80)
    expected = [predictor.predict([text])[0].label for text in given]
    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(lambda text: forgetful.predict([text])[0].label, given)] == expected


def test_where_there_is_no_room_a_request_is_refused_before_it_is_read(predictor: Predictor, held):
    go, _ = held
    with running(Serving({"animals": predictor}, limits=Limits(examples=2))) as server:

        async def overload(client: httpx.AsyncClient) -> httpx.Response:
            first = asyncio.ensure_future(client.post("/predict", json={"examples": ["a", "b"]}))
            while not server.worker.full:
                await asyncio.sleep(0.001)
            refused = await client.post("/predict", content=b"{", headers={"Content-Type": "application/json"})
            assert (await client.get("/ready")).status_code == 200
            go.set()
            assert (await first).status_code == 200
            return refused

        refused = asking(server, overload)
        assert refused.status_code == 429  # and not 400, as one who reads it would find
        assert int(refused.headers["retry-after"]) >= 1
        assert not server.worker.full
