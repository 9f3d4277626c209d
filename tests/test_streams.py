"""Standard streams that are closed, missing, or lack letters: the work is done, and what is lost is said."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from foretext import streams

COMMAND = f"{sys.executable} -m foretext"


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["sh", "-c", line], capture_output=True, env={**os.environ, **environment}, timeout=120)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_does_its_work_whatever_stream_is_closed(closed, tmp_path):
    done = shell(f"{COMMAND} storyworld --stories 5 --train 4 --test 4 --out {tmp_path / 'w'} {closed}")
    assert (done.returncode, b"bug" in done.stderr) == (0, False)
    assert (tmp_path / "w" / "tasks").is_dir()


def test_a_closed_stdout_is_said_since_results_are_lost():
    assert b"standard output is closed" in shell(f"{COMMAND} models >&-").stderr


def test_an_error_keeps_its_exit_code_where_stderr_is_closed(tmp_path):
    assert shell(f"{COMMAND} predict {tmp_path / 'none'} x.csv 2>&-").returncode == 2


def test_no_file_takes_the_descriptor_of_a_closed_stream(tmp_path):
    program = (
        "import os, sys; from foretext.streams import ready_streams; ready_streams();"
        f"print(open({str(tmp_path / 'f')!r}, 'w').fileno() > 2, file=open({str(tmp_path / 'answer')!r}, 'w'))"
    )
    shell(f'{sys.executable} -c "{program}" <&- >&- 2>&-')
    assert (tmp_path / "answer").read_text() == "True\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_letter_that_the_terminal_lacks_is_written_as_its_number_and_json_stays_json(encoding, monkeypatch):
    written = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", written)
    streams.ready_streams()
    words = "caf\u00e9 \u03bb \U0001f600"
    print(words)
    print(json.dumps({"label": words}, ensure_ascii=not streams.writes_any_letter()))
    written.flush()
    plain, as_json = written.buffer.getvalue().decode(encoding).splitlines()
    assert plain == words.encode(encoding, "backslashreplace").decode(encoding)
    assert json.loads(as_json) == {"label": words}


def test_a_name_of_a_file_that_is_no_text_can_be_printed(monkeypatch):
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", written)
    streams.ready_streams()
    print(b"a\xff.csv".decode("utf-8", "surrogateescape"))
    written.flush()
    assert written.buffer.getvalue() == b"a\\udcff.csv\n"


class Gone(io.StringIO):
    """A terminal that is there no more."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("stream", [None, Gone()])
def test_what_nobody_reads_stops_no_work(stream, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", stream)
    streams.say("12 of 30")
    assert not streams.is_terminal()
    assert capsys.readouterr().out == ""  # nor does it go where results go


def test_a_closed_file_as_stderr_stops_no_work(monkeypatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    streams.say("12 of 30")
    assert not streams.is_terminal()
