"""Who may ask: tokens, hosts and origins."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from foretext.errors import SettingsError
from foretext.recipes.settings.serve import ServeSettings
from foretext.server.app import Server, Serving
from foretext.server.guard import Rules
from foretext.serving.predictor import Predictor

from .conftest import asking, error_of, get, predict, running

TOKEN = "a-long-secret"
EVIL = "https://evil.example"


@pytest.fixture
def guarded(predictor: Predictor) -> Iterator[Server]:
    with running(Serving({"animals": predictor}, Rules(token=TOKEN))) as server:
        yield server


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_without_the_token_every_door_but_health_is_closed(guarded: Server, method: str):
    paths = {route.path for route in guarded.routes.routes}
    assert {"/predict", "/models", "/metrics", "/ready", "/openapi.json", "/health"} <= paths
    for path in {*paths, "/nothing", "//health", "/health/"} - {"/health"}:
        response = asking(guarded, lambda client, path=path: client.request(method, path))
        assert response.status_code == 401, path
        assert "Basic" in response.headers["www-authenticate"]
    assert get(guarded, "/health").json() == {"status": "ok"}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_the_token_opens_as_bearer_and_as_the_password_of_a_browser(guarded: Server):
    for right in (f"Bearer {TOKEN}", f"bearer {TOKEN}", basic("anybody", TOKEN)):
        assert predict(guarded, {"example": "a"}, Authorization=right).status_code == 200
    wrong = (TOKEN, "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Basic ???", "Basic /w==", basic(TOKEN, ""))
    for given in wrong:
        assert predict(guarded, {"example": "a"}, Authorization=given).status_code == 401, given


def test_a_token_is_never_shown(guarded: Server, caplog):
    caplog.set_level("INFO", "foretext")
    seen = predict(guarded, {"example": "a"}, Authorization=f"Bearer {TOKEN}x").text
    seen += get(guarded, "/metrics", Authorization=f"Bearer {TOKEN}").text
    settings = ServeSettings(models=("run",), token=TOKEN)
    assert TOKEN not in seen + caplog.text + repr(settings) + settings.model_dump_json()


@pytest.mark.parametrize("token", ["", "**********", "two words", "schlüssel", "line\nbreak"])
def test_a_token_that_would_let_anybody_in_or_fits_no_header_is_refused(token: str):
    with pytest.raises(SettingsError, match="token"):
        ServeSettings(models=("run",), token=token)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "", "[::1", "a b"])
def test_a_name_that_is_not_this_server_is_refused(server: Server, host: str):
    assert predict(server, {"example": "a"}, Host=host).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:8000", "[::1]:8000", "10.1.2.3"])
def test_localhost_and_addresses_are_this_server(server: Server, host: str):
    assert predict(server, {"example": "a"}, Host=host).status_code == 200


def test_a_name_that_was_said_is_this_server(predictor: Predictor):
    with running(Serving({"animals": predictor}, Rules(names=("Answers.example",)))) as server:
        assert predict(server, {"example": "a"}, Host="answers.example").status_code == 200


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "http://localhost:1234", "http://localhost.evil.example", "http://[x"]
)
def test_other_web_pages_may_not_ask(server: Server, origin: str):
    assert predict(server, {"example": "a"}, Origin=origin).status_code == 403
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    preflight = asking(server, lambda client: client.options("/predict", headers=asked))
    assert preflight.status_code >= 400
    assert not [name for name in preflight.headers if name.startswith("access-control")]


def test_the_page_of_the_server_may_ask(server: Server):
    assert predict(server, {"example": "a"}, Origin="http://localhost").status_code == 200


def test_a_page_whose_origin_was_said_may_ask_and_no_other(predictor: Predictor):
    with running(Serving({"animals": predictor}, Rules(token=TOKEN, origins=("https://good.example",)))) as server:
        asked = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        good, evil = (
            asking(
                server, lambda client, origin=origin: client.options("/predict", headers={**asked, "Origin": origin})
            )
            for origin in ("https://good.example", EVIL)
        )
        assert good.headers["access-control-allow-origin"] == "https://good.example"
        assert "access-control-allow-credentials" not in good.headers
        assert evil.status_code == 403
        known = {"Authorization": f"Bearer {TOKEN}"}
        assert predict(server, {"example": "a"}, Origin="https://good.example").status_code == 401
        assert predict(server, {"example": "a"}, Origin="https://good.example", **known).status_code == 200
        assert predict(server, {"example": "a"}, Origin=EVIL, **known).status_code == 403


def test_responses_are_not_kept_or_guessed_at(server: Server):
    headers = get(server, "/models").headers
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


@pytest.mark.parametrize(
    "path",
    ["/../../../etc/passwd", "/..%2f..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/page.html"],
)
def test_no_path_leads_to_a_file(server: Server, path: str):
    response = get(server, path)
    assert response.status_code == 404
    assert error_of(response)["code"] == "not_found"
    assert "root:" not in response.text


def test_a_body_that_drips_is_not_waited_for(predictor: Predictor):
    async def drops() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b" "
            await asyncio.sleep(0.1)

    with running(Serving({"animals": predictor}, Rules(body_seconds=0.3))) as server:
        headers = {"Content-Type": "application/json"}
        slow = asking(server, lambda client: client.post("/predict", content=drops(), headers=headers))
        assert (slow.status_code, error_of(slow)["code"]) == (408, "slow")
        assert predict(server, {"example": "a cat"}).status_code == 200


def test_more_requests_than_may_be_answered_at_once_are_told_to_come_again(predictor: Predictor):
    async def all_at_once(client: httpx.AsyncClient) -> list[httpx.Response]:
        body = {"examples": ["a cat saw a dog"] * 50}
        asked = [client.post("/predict", json=body) for _ in range(20)]
        return await asyncio.gather(*asked, client.get("/health"))

    with running(Serving({"animals": predictor}, Rules(most_requests=5))) as small:
        *found, health = asking(small, all_at_once)
        statuses = [response.status_code for response in found]
        assert set(statuses) == {200, 429}
        refused = next(response for response in found if response.status_code == 429)
        assert int(refused.headers["retry-after"]) >= 1
        assert error_of(refused)["code"] == "busy"
        assert health.status_code == 200
        assert predict(small, {"example": "a cat"}).status_code == 200
