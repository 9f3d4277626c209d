"""A server in a process of its own: how it starts and ends, and clients that go away or dawdle."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from foretext.checkpoints.saved_model import SavedModel, save_model
from foretext.cli import main
from foretext.server.listening import bound

PAGE = (Path(__file__).parents[2] / "docs" / "serve.md").read_text(encoding="utf-8")
# What stands before the program, so that tests need not wait for seconds.
QUICK = "import foretext.server.listening as it; it.HEADER_SECONDS = it.READING_SECONDS = 1.0; "
# Computing takes some time, so that a signal can come meanwhile.
SLOW = (
    "import time; from foretext.serving.predictor import Predictor as P; really = P.answer; "
    "P.answer = lambda *a, **k: (time.sleep(2), really(*a, **k))[1]; "
)
MAIN = "import sys; from foretext.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def run(model_of: Callable[[str], SavedModel], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "animals"
    save_model(folder, model_of("classification"))
    return folder


@dataclass
class Served:
    """A server that runs."""

    process: subprocess.Popen[str]
    url: str
    names: str
    errors: Path

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        """Status and text of the response."""
        connection = HTTPConnection(*self.address, timeout=120)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def post(self, body: object) -> int:
        """The status of a request to /predict."""
        return self.ask("POST", "/predict", json.dumps(body).encode())[0]

    def until_waiting(self, examples: int) -> None:
        """Returns when so many examples wait or are computed."""
        end = time.monotonic() + 120
        while f"foretext_waiting_examples {examples}.0" not in self.ask("GET", "/metrics")[1]:
            assert time.monotonic() < end
            time.sleep(0.02)

    def ended(self, *signals: int) -> tuple[int, str, list[dict[str, object]]]:
        """Exit code, standard output and log behind these signals."""
        for number in signals[:-1]:
            self.process.send_signal(number)
            time.sleep(0.5)
        self.process.send_signal(signals[-1])
        if len(signals) > 1:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
            if self.process.poll() is None:  # on a busy machine two that come at once are one
                self.process.send_signal(signals[-1])
        out, _ = self.process.communicate(timeout=120)
        return self.process.returncode, out, self.log()

    def log(self) -> list[dict[str, object]]:
        """The lines of its log that are JSON."""
        return [json.loads(line) for line in self.errors.read_text().splitlines() if line.startswith("{")]


@contextmanager
def serving(*arguments: str, before: str = "", environment: dict[str, str] | None = None) -> Iterator[Served]:
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "errors").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", before + MAIN, "serve", *arguments, "--port", "0", "--device", "cpu"],
            stdout=subprocess.PIPE,
            stderr=errors,  # a pipe that nobody reads would be full one day
            text=True,
            env={**os.environ, **(environment or {})},
        )
        try:
            end = time.monotonic() + 300  # torch and the model are loaded, on a busy machine too
            while not (found := re.search(r"(http://\S+) answers with (.*)\"", Path(errors.name).read_text())):
                assert process.poll() is None, Path(errors.name).read_text()
                assert time.monotonic() < end
                time.sleep(0.05)
            yield Served(process, found[1], found[2], Path(errors.name))
        finally:
            process.kill()
            process.communicate()


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The one line with which a server that does not start ends, with exit code 2."""

    def line(*arguments: str) -> str:
        capsys.readouterr()
        assert main(["serve", *arguments]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        return said.err

    return line


def test_what_the_page_of_docs_asks_is_answered_as_it_shows(run: Path):
    _, serve, curl = (line.split() for line in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[0].splitlines())
    assert serve[:3] == ["foretext", "serve", "scenes"]
    words = shlex.split(" ".join(curl))
    url = urlsplit("http://" + next(word for word in words if word.startswith("localhost:")))
    assert url.port == int(serve[serve.index("--port") + 1])
    with serving(f"scenes={run}") as served:
        status, text = served.ask("POST", url.path, words[words.index("-d") + 1].encode())
        code, out, _ = served.ended(signal.SIGTERM)
    assert (code, out) == (0, "1 example answered\n")
    said, shown = json.loads(text), json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
    assert status == 200
    assert (said.keys(), said["unread"].keys()) == (shown.keys(), shown["unread"].keys())
    assert [answer.keys() for answer in said["answers"]] == [answer.keys() for answer in shown["answers"]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_when_what_was_asked_is_answered(run: Path, number: int):
    with serving(str(run), before=SLOW) as served, ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(served.post, {"example": "a cat"}) for _ in range(4)]
        served.until_waiting(4)
        code, out, log = served.ended(number)
        assert [one.result() for one in asked] == [200] * 4
    assert (code, out) == (0, "4 examples answered\n")
    assert [line["status"] for line in log if line.get("route") == "/predict"] == [200] * 4


def test_what_is_not_answered_in_the_time_of_grace_is_said(run: Path):
    with serving(str(run), "--grace", "1", before=SLOW.replace("(2)", "(60)")) as served, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(served.post, {"example": "a cat"})
        served.until_waiting(1)
        served.process.send_signal(signal.SIGTERM)
        served.process.communicate(timeout=60)
        assert asked.exception() is not None or asked.result() >= 500
        assert served.process.returncode == 128 + signal.SIGTERM
        assert "1 request got no answer within 1 seconds" in served.errors.read_text().splitlines()[-1]


def test_a_second_signal_ends_it_at_once(run: Path):
    with serving(str(run), before=SLOW.replace("(2)", "(60)")) as served, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(served.post, {"example": "a cat"})
        served.until_waiting(1)
        code, _, _ = served.ended(signal.SIGTERM, signal.SIGTERM)
        assert asked.exception() is not None or asked.result() >= 500
    assert code == 128 + signal.SIGTERM


def test_it_listens_to_this_machine_alone_and_takes_the_token_from_the_environment(run: Path):
    with serving(f"zoo={run}", environment={"FORETEXT_TOKEN": "secret-7"}) as served:
        assert served.url.startswith("http://127.0.0.1:")
        assert served.names == "zoo"
        assert served.post({"example": "a"}) == 401
        _, out, log = served.ended(signal.SIGTERM)
        assert "secret-7" not in out + json.dumps(log)


def test_what_cannot_start_ends_with_one_line(run: Path, tmp_path: Path, refused: Callable[..., str], monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "give another --port" in refused(str(run), "--port", port)
    assert "two models are called 'animals'" in refused(str(run), str(run), "--port", "0")
    assert "no model called" in refused(str(tmp_path / "nothing"), "--port", "0")
    assert "cannot listen at" in refused(str(run), "--host", "256.1.1.1")
    assert "the token is empty" in refused(str(run), "--token", "")
    monkeypatch.setenv("FORETEXT_TOKEN", "")
    assert "the token is empty" in refused(str(run))


def test_without_the_extra_it_says_what_to_install(run: Path, refused: Callable[..., str], monkeypatch):
    there = {"fastapi", "prometheus_client"}
    monkeypatch.setattr("foretext.recipes.serve.find_spec", lambda name: name if name in there else None)
    assert refused(str(run)) == "foretext: the server needs uvicorn: pip install 'foretext[serve]'\n"


def test_a_model_without_a_task_is_refused(tmp_path: Path, model_of: Callable[[str], SavedModel], refused):
    saved = model_of("classification")
    saved.gpt.head = None
    save_model(tmp_path / "lm", SavedModel(saved.gpt, saved.tokenizer))
    assert "a language model without a task" in refused(str(tmp_path / "lm"), "--port", "0")


def test_five_hundred_clients_that_leave_do_not_hold_up_the_next(run: Path):
    body = json.dumps({"examples": ["a cat saw a dog"] * 50}).encode()
    with serving(str(run), "--max-waiting", "100000", before=SLOW.replace("(2)", "(0.05)")) as served:
        for _ in range(10):
            leaving = [socket.create_connection(served.address) for _ in range(50)]
            for one in leaving:
                one.sendall(posted(body))
            time.sleep(0.01)
            for one in leaving:
                one.close()
        began = time.monotonic()
        assert served.post({"example": "a cat"}) == 200
        assert time.monotonic() - began < 25, "25,000 examples, more than a minute, are not computed first"


def test_no_part_of_an_answer_waits_until_the_one_before_is_acknowledged():
    """Linux holds back the second of two writes unless the connection has this option."""

    async def is_sent_at_once() -> bool:
        told = asyncio.get_running_loop().create_future()

        async def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            taken = writer.get_extra_info("socket")
            told.set_result(bool(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
            writer.close()

        with bound("127.0.0.1", 0) as listening:
            server = await asyncio.start_server(connected, sock=listening)
            _, writer = await asyncio.open_connection(*listening.getsockname())
            found = await told
            writer.close()
            server.close()
        return found

    assert asyncio.run(is_sent_at_once())


def posted(body: bytes) -> bytes:
    """A request as it goes over the line."""
    headers = ("POST /predict HTTP/1.1", "Host: localhost", "Content-Type: application/json")
    return "\r\n".join([*headers, f"Content-Length: {len(body)}", "", ""]).encode() + body


def closed_within(connection: socket.socket, seconds: float) -> bool:
    connection.settimeout(seconds)
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def test_connections_that_dawdle_are_closed(run: Path):
    with serving(str(run), before=QUICK) as served:
        silent, drips, second = (socket.create_connection(served.address) for _ in range(3))
        drips.sendall(b"GET /health HTTP/1.1\r\nHost: loc")
        second.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in second.recv(65_536)
        second.sendall(b"GET /hea")
        for _ in range(3):
            time.sleep(0.3)
            with suppress(OSError):  # on a busy machine it may be closed by now
                drips.sendall(b"a")
        assert all(closed_within(one, 30) for one in (silent, drips, second))
        assert served.post({"example": "a"}) == 200


def test_whoever_does_not_read_its_answer_is_let_go(run: Path):
    asked = posted(json.dumps({"examples": ["a"] * 1_000}).encode())
    with serving(str(run), before=QUICK) as served, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.connect(served.address)
        deaf.settimeout(300)
        requests = asked * 5_000
        with pytest.raises(ConnectionError):  # once its answers fill the buffers on the way
            deaf.sendall(requests)
        assert served.post({"example": "a"}) == 200


def held(pid: int) -> tuple[int, int]:
    """The threads of a process, and its memory in KB, on Linux."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"Threads:\s+(\d+)", status)[0]), int(re.findall(r"VmRSS:\s+(\d+)", status)[0])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="threads and memory are read as Linux has them")
def test_a_thousand_requests_beyond_its_room_leave_no_threads_and_no_memory_behind(run: Path):
    with serving(str(run), "--max-waiting", "20") as served, ThreadPoolExecutor(32) as pool:

        def ask(_: int) -> int:
            return served.post({"examples": ["a cat saw a dog"] * 5})

        list(pool.map(ask, range(200)))
        threads, kilobytes = held(served.process.pid)
        assert set(pool.map(ask, range(1_000))) <= {200, 429}
        after = held(served.process.pid)
    assert after[0] <= threads + 10, "threads are not one for each request"
    assert after[1] <= kilobytes + 50_000, "nor does each leave 50 KB behind"


def test_a_burst_beyond_its_room_is_answered_or_refused_and_leaves_it_sound(run: Path):
    with serving(str(run), "--max-waiting", "20") as served, ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(lambda _: served.post({"examples": ["a cat saw a dog"] * 5}), range(300)))
        assert set(statuses) <= {200, 429}
        assert statuses.count(200) > 20
        assert served.post({"example": "a"}) == 200
        code, _, _ = served.ended(signal.SIGTERM)
    assert code == 0
