"""What the server answers: for every kind what `foretext predict` writes, and for what cannot be answered why."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretext.checkpoints.saved_model import SavedModel, save_model
from foretext.recipes.predict import predict as predict_file
from foretext.recipes.settings.predict import PredictSettings
from foretext.server.app import Server, Serving
from foretext.server.guard import Rules
from foretext.serving.predictor import Predictor

from .conftest import CLASSES, KINDS, NEAR, asking, error_of, get, predict, running

TEXTS = ["a cat saw a dog", "the barn", "", "a 🎉 dog in the barn saw", "in " * 100]


@pytest.fixture(scope="module")
def every_kind(model_of: Callable[[str], SavedModel]) -> Iterator[Server]:
    """A server of a model of each kind, each called as its kind."""
    with running(
        Serving({kind: Predictor.of(model_of(kind), device="cpu", precision="fp32") for kind in KINDS})
    ) as one:
        yield one


def rows_of(kind: str) -> list[dict[str, Any]]:
    if kind in ("entailment", "similarity"):
        return [{"one": text, "other": other} for text, other in zip(TEXTS, TEXTS[::-1], strict=True)]
    if kind == "choice":
        return [{"text": text, "answers": ["a dog", "a cat", "the barn"][: 2 + len(text) % 2]} for text in TEXTS]
    return [{"text": text} for text in TEXTS]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_answered_as_predict_does(kind: str, model_of: Callable[[str], SavedModel], tmp_path: Path):
    rows, data, out = rows_of(kind), tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    saved = model_of(kind)
    save_model(tmp_path / "run", saved)
    predict_file(
        PredictSettings(model=str(tmp_path / "run"), data=str(data), out=str(out), precision="fp32", device="cpu")
    )
    written = [json.loads(line) for line in out.read_text().splitlines()]
    with running(Serving({"run": Predictor.of(saved, device="cpu", precision="fp32")})) as server:
        answers = predict(server, {"examples": rows}).json()["answers"]
        in_order = predict(server, {"examples": [list(row.values()) for row in rows]}).json()["answers"]
    assert in_order == answers
    for answer, row in zip(answers, written, strict=True):
        said = row["prediction"]
        assert answer["prediction"] == (pytest.approx(said, abs=NEAR) if isinstance(said, float) else said)
        found = answer.get("probabilities", [])
        values = found.values() if isinstance(found, dict) else found
        by_class = [row[f"probability_{name}"] for name in CLASSES if f"probability_{name}" in row]
        assert [*values] == pytest.approx(row.get("probabilities", by_class), abs=NEAR)
    assert any(row.get("prediction") for row in written)


def test_one_example_has_one_answer(server: Server):
    one = predict(server, {"example": "a cat"}).json()
    many = predict(server, {"examples": ["a cat"]}).json()
    assert one["answer"] == many["answers"][0]
    assert one["model"] == "animals"


def test_what_the_model_does_not_see_is_counted(server: Server):
    said = predict(server, {"examples": ["in " * 100, "", "a dog"]}).json()
    assert (said["unread"]["cut"], said["unread"]["empty"]) == (1, 1)
    assert said["answers"][0]["cut_tokens"] == said["unread"]["cut_tokens"] > 30
    assert "cut_tokens" not in said["answers"][2]


def test_text_that_the_model_cannot_read_is_refused_unless_that_is_allowed(server: Server):
    refused = predict(server, {"examples": ["Да и нет"]})
    assert refused.status_code == 422
    assert "unknown" in error_of(refused)["message"]
    assert predict(server, {"examples": ["Да и нет"], "allow_unknown": True}).status_code == 200


def test_spans_are_counted_in_code_points(model_of: Callable[[str], SavedModel]):
    saved, text = model_of("tagging"), "🎉 a cat saw 🎉 a dog"
    with running(Serving({"run": Predictor.of(saved, device="cpu", precision="fp32")})) as server:
        spans = predict(server, {"example": text}).json()["answer"]["prediction"]
    assert spans, "this model finds some"
    ends = {span["end"] for span in spans}
    assert all(text[span["start"] : span["end"]].strip() == text[span["start"] : span["end"]] != "" for span in spans)
    assert max(ends) <= len(text)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b'{"examples": ["\xff"]}', 400, None),
        (b'{"examples": [NaN]}', 400, None),
        (b'{"examples": ["a"], "examples": ["b"]}', 400, None),
        (b"[" * 100_000, 400, None),
        (b'{"example": ' + b"1" * 5_000 + b"}", 400, None),
        (b'{"example": "a\\ud800"}', 422, "example"),
        (b'{"example": "a\\u0000"}', 422, "example"),
        (["a cat"], 422, None),
        ("a cat", 422, None),
        ({}, 422, "examples"),
        ({"example": "a", "examples": ["b"]}, 422, "examples"),
        ({"examples": "a cat"}, 422, "examples"),
        ({"examples": {"text": "a cat"}}, 422, "examples"),
        ({"examples": []}, 422, "examples"),
        ({"examples": None}, 422, "examples"),
        ({"examples": ["a", None]}, 422, "examples[1]"),
        ({"examples": [{"text": None}]}, 422, "examples[0].text"),
        ({"examples": ["a", {"text": ["a", "b"]}]}, 422, "examples[1].text"),
        ({"examples": [{"texts": "a"}]}, 422, "examples[0]"),
        ({"examples": [["a", "b"]]}, 422, "examples[0]"),
        ({"examples": [3]}, 422, "examples[0]"),
        ({"example": "a", "models": "animals"}, 422, "models"),
        ({"example": "a", "model": "cars"}, 422, "model"),
        ({"example": "a", "model": ["animals"]}, 422, "model"),
        ({"example": "a", "model": "../../../etc/passwd"}, 422, "model"),
        ({"example": "a", "allow_unknown": "yes"}, 422, "allow_unknown"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_answered_is_refused_and_its_field_named(
    server: Server, body: Any, status: int, field: str | None
):
    response = predict(server, body)
    assert response.status_code == status
    assert error_of(response).get("field") == field
    assert error_of(response)["message"]
    assert response.json()["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize("words", [["a", ""], [""], ["a cat"]], ids=str)
def test_a_word_that_is_none_is_refused(every_kind: Server, words: list[str]):
    response = predict(every_kind, {"model": "tagging", "example": [words]})
    assert (response.status_code, error_of(response)["field"]) == (422, "example")
    assert "not one word" in error_of(response)["message"]


def test_a_request_that_is_too_large_is_refused(server: Server, predictor: Predictor):
    many = predict(server, {"examples": ["a"] * 1_001})
    assert (many.status_code, error_of(many)["field"]) == (413, "examples")
    with running(Serving({"animals": predictor}, Rules(most_bytes=1_000))) as small:
        assert predict(small, {"example": "a" * 500}).status_code == 200
        assert predict(small, {"example": "a" * 1_000}).status_code == 413

        async def pieces():
            for _ in range(5):
                yield b"x" * 300

        unsaid = asking(
            small,
            lambda client: client.post("/predict", content=pieces(), headers={"Content-Type": "application/json"}),
        )
        assert unsaid.status_code == 413


def test_what_is_not_declared_as_json_is_refused(server: Server):
    assert predict(server, b'{"example": "a"}', Content_Type="text/plain").status_code == 415


def test_several_models_answer_by_name(predictor: Predictor, model_of: Callable[[str], SavedModel]):
    pairs = Predictor.of(model_of("entailment"), device="cpu", precision="fp32")
    with running(Serving({"animals": predictor, "pairs": pairs})) as server:
        assert predict(server, {"model": "pairs", "example": ["a", "b"]}).json()["model"] == "pairs"
        unnamed = predict(server, {"example": "a"})
        assert (unnamed.status_code, error_of(unnamed)["field"]) == (422, "model")

        async def both(client: httpx.AsyncClient) -> list[httpx.Response]:
            bodies = [{"model": "animals", "example": "a"}, {"model": "pairs", "example": ["a", "b"]}] * 20
            return await asyncio.gather(*(client.post("/predict", json=body) for body in bodies))

        found = asking(server, both)
        assert [one.json()["model"] for one in found] == ["animals", "pairs"] * 20
        assert [*get(server, "/models").json()["models"]] == ["animals", "pairs"]


def test_a_score_that_is_not_finite_is_null_for_its_example_alone(model_of: Callable[[str], SavedModel]):
    saved = model_of("regression")
    predictor = Predictor.of(saved, device="cpu", precision="fp32", remembered=0)
    bad = saved.tokenizer.encode("dog")[0]
    with torch.no_grad():
        predictor.gpt.embedding[bad] = float("inf")
    with running(Serving({"run": predictor})) as server:
        response = predict(server, {"examples": ["a cat", "dog", "the barn"]})
    assert response.status_code == 200
    one, other, last = response.json()["answers"]
    assert other["prediction"] is None
    assert "finite" in other["error"]
    assert all(isinstance(answer["prediction"], float) for answer in (one, last))


def test_openapi_shows_requests_that_are_answered(every_kind: Server):
    about = get(every_kind, "/openapi.json").json()["paths"]["/predict"]["post"]
    examples = about["requestBody"]["content"]["application/json"]["examples"]
    assert set(examples) == set(KINDS)
    for example in examples.values():
        assert predict(every_kind, {**example["value"], "allow_unknown": True}).status_code == 200
    assert {"200", "413", "422", "429", "503"} <= set(about["responses"])


def test_metrics_count_requests_and_hold_nothing_a_client_wrote(server: Server):
    predict(server, {"examples": ["a secret cat", "a dog"]})
    get(server, "/secret")
    asking(server, lambda client: client.request("SECRET", "/predict"))
    page = get(server, "/metrics").text
    assert 'foretext_examples_total{model="animals"} 2.0' in page
    assert 'foretext_requests_total{method="POST",route="/predict",status="200"} 1.0' in page
    assert 'route="other"' in page
    assert "secret" not in page.lower()


def test_health_ready_and_unknown_paths(server: Server):
    assert get(server, "/health").json() == {"status": "ok"}
    assert get(server, "/ready").json() == {"status": "ready"}
    assert error_of(get(server, "/nothing"))["code"] == "not_found"
    assert get(server, "/predict").status_code == 405
    server.worker.stop()
    assert get(server, "/ready").status_code == 503
    assert predict(server, {"example": "a"}).status_code == 503
    assert get(server, "/health").status_code == 200


def test_a_bug_is_a_500_that_shows_no_text(server: Server, monkeypatch: pytest.MonkeyPatch, caplog):
    monkeypatch.setattr("foretext.server.app.question", lambda *_, **__: 1 / 0)
    response = predict(server, {"example": "a secret"})
    assert response.status_code == 500
    assert error_of(response)["code"] == "bug"
    assert "ZeroDivisionError" in caplog.text
    assert "secret" not in caplog.text


def test_the_log_names_requests_and_no_texts(server: Server, caplog):
    caplog.set_level("INFO", "foretext")
    predict(server, {"example": "a secret cat"}, X_Request_Id="mine-7")
    predict(server, {"example": "a cat"}, X_Request_Id="forged id{}")
    fields = [record.fields for record in caplog.records if record.getMessage() == "request"]
    assert fields[0]["request_id"] == "mine-7"
    assert {"model", "examples", "method", "route", "status", "seconds"} <= fields[0].keys()
    assert "forged" not in fields[1]["request_id"]
    assert "secret" not in str(fields)


def test_two_servers_of_one_process_have_their_own_metrics(predictor: Predictor):
    serving = Serving({"animals": predictor})
    with running(serving) as one, running(replace(serving)) as other:
        predict(one, {"example": "a"})
        assert "foretext_examples_total{" not in get(other, "/metrics").text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["text", "answers", "a"]), inner),
    max_leaves=8,
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(KINDS) | JSON,
        "example": JSON,
        "examples": st.lists(JSON, max_size=4) | JSON,
        "allow_unknown": st.booleans() | JSON,
    },
)


@given(body=BODIES)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_leads_to_a_bug(every_kind: Server, body: dict[str, Any]):
    response = predict(every_kind, json.dumps(body).encode())
    assert response.status_code in (200, 400, 413, 422)
    if response.status_code != 200:
        assert error_of(response)["message"]


@pytest.mark.parametrize("kind", KINDS)
@given(value=JSON | st.lists(st.text(max_size=30), min_size=1, max_size=3))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_example_of_any_kind_leads_to_a_bug(every_kind: Server, kind: str, value: Any):
    body = {"model": kind, "example": value, "allow_unknown": True}
    assert predict(every_kind, json.dumps(body).encode()).status_code in (200, 422)


@pytest.mark.parametrize("value", ["Infinity", "-Infinity", "NaN"])
def test_what_only_pythons_json_has_is_no_json(server: Server, value: str):
    response = predict(server, f'{{"example": {value}}}'.encode())
    assert response.status_code == 400
    assert value.strip("-") in error_of(response)["message"]
