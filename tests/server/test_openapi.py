"""The server holds to what its own OpenAPI says, for bodies made from that: schemathesis, with a fixed seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from foretext.checkpoints.saved_model import SavedModel
from foretext.server.app import Server, Serving
from foretext.server.guard import Rules
from foretext.serving.predictor import Predictor

from .conftest import KINDS, error_of, get, predict, running

# A body can be as the schema says and still hold nothing that the model knows; one that is not may be too long.
CHECKS = {
    "positive_data_acceptance": {"expected-statuses": ["2xx", 422]},
    "negative_data_rejection": {"expected-statuses": [400, 413, 415, 422]},
}
EXAMPLES = 15


@pytest.fixture(scope="module", params=["one model", "one of each kind"])
def served(request: pytest.FixtureRequest, model_of: Callable[[str], SavedModel]) -> Iterator[Server]:
    kinds = KINDS[:1] if request.param == "one model" else KINDS
    hosted = {kind: Predictor.of(model_of(kind), device="cpu", precision="fp32") for kind in kinds}
    with running(Serving(hosted, Rules(most_bytes=100_000))) as one:
        yield one


def operations(server: Server) -> dict[str, schemathesis.schemas.APIOperation]:
    """The routes by method and path, of a server whose worker runs already."""

    async def app(scope, receive, send) -> None:
        if scope["type"] != "lifespan":
            await server.app(scope, receive, send)
            return
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})

    config = SchemathesisConfig.from_dict({"checks": CHECKS})
    schema = schemathesis.openapi.from_dict(get(server, "/openapi.json").json(), config=config)
    schema.app = app
    found = [each.ok() for each in schema.get_all_operations()]
    return {each.label: each for each in found}


def statuses(operation: schemathesis.schemas.APIOperation, mode: GenerationMode) -> Counter[int]:
    """How often which status came of requests that are as the schema says, or are not; each response conforms."""
    seen = Counter[int]()

    @seed(7)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=HealthCheck
    )
    @given(operation.as_strategy(generation_mode=mode))
    def asked(case: schemathesis.Case) -> None:
        response = case.call(base_url="http://localhost")
        seen[response.status_code] += 1
        case.validate_response(response)

    asked()
    return seen


def test_what_is_as_the_schema_says_is_answered_and_conforms(served: Server):
    found = operations(served)
    assert set(found) == {"GET /health", "GET /ready", "GET /models", "GET /metrics", "POST /predict", "POST /table"}
    of_each = {label: statuses(operation, GenerationMode.POSITIVE) for label, operation in found.items()}
    assert all(set(of_each[label]) == {200} for label in found if label.startswith("GET"))
    assert set(of_each["POST /predict"]) == {200, 422}  # 422: nothing but unknown pieces
    assert set(of_each["POST /table"]) <= {200, 422}


def test_what_is_not_as_the_schema_says_is_refused_as_documented(served: Server):
    for label in ("POST /predict", "POST /table"):
        assert set(statuses(operations(served)[label], GenerationMode.NEGATIVE)) <= {400, 413, 415, 422}


def test_a_server_that_does_not_hold_to_its_schema_is_found(served: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("foretext.server.questions.Question.answered", lambda self: {"model": 1})
    with pytest.raises(BaseException, match="model"):
        statuses(operations(served)["POST /predict"], GenerationMode.POSITIVE)


def test_refusals_say_when_to_come_again_as_documented(served: Server):
    responses = get(served, "/openapi.json").json()["paths"]["/predict"]["post"]["responses"]
    assert "Retry-After" in responses["429"]["headers"]
    assert error_of(predict(served, {"model": "classification", "examples": [7]}))["field"] == "examples[0]"
