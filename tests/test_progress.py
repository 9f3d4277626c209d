"""Progress: readable in a log file, out of the way of results, and cheap."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

import foretext.progress as module
from foretext.errors import UnknownName
from foretext.progress import LogLines, progress, quiet


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setenv("FORETEXT_PROGRESS", "plain")
    return clock


def test_away_from_a_terminal_there_is_a_line_each_half_minute_and_one_at_the_end(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress("learn", 4_000, unit="tokens") as bar:
        for loss in (3, 2, 1, 0):
            clock.now += 20
            bar.advance(1_000, text=f"loss {loss}")
    assert capsys.readouterr().err.splitlines() == [
        "learn: 50%, 2,000/4,000 tokens, 50 tokens/s, 0:40 passed, 0:40 left; loss 2",
        "learn: 100%, 4,000/4,000 tokens, 50 tokens/s, 1:20 passed; loss 0",
        "learn: 100%, 4,000/4,000 tokens, 50 tokens/s, 1:20 passed; loss 0",
    ]


def test_without_a_total_there_is_no_share_and_no_time_left(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress("read", None, unit="files") as bar:
        clock.now += 3700
        bar.advance(37_000)
    assert capsys.readouterr().err.splitlines()[-1] == "read: 37,000 files, 10 files/s, 1:01:40 passed"


def test_a_short_piece_within_a_longer_one_stays_silent(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress("outer", 1):
        with progress("inner", 2) as inner:
            inner.advance(2)
        clock.now += 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("outer: 0%")


def test_work_that_fails_is_not_reported_as_done(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), progress("outer", 1):
        raise ZeroDivisionError
    with progress("next", 1):
        pass
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["next"]


def test_bars_nest_and_results_stay_on_stdout() -> None:
    program = (
        "import os; os.environ['FORETEXT_PROGRESS'] = 'bar'\n"
        "from foretext.progress import progress\n"
        "with progress('read [red]', 10, unit='files') as outer:\n"
        "    outer.advance(5, text='half')\n"
        "    with progress('inner', None) as inner:\n"
        "        inner.advance()\n"
        "    print('a result')\n"
        "    outer.advance(5)\n"
        "with progress('again', 1) as bar:\n"
        "    bar.advance()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "a result\n"
    assert "read [red]" in done.stderr
    assert "100%" in done.stderr
    assert "again" in done.stderr


def test_off_shows_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORETEXT_PROGRESS", "off")
    with progress("x", 1) as bar:
        bar.advance()
    assert capsys.readouterr().err == ""


def test_within_quiet_nothing_is_shown_and_behind_it_all_is(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with quiet(), progress("learn", 1) as bar:
        bar.advance()
    assert capsys.readouterr().err == ""
    with progress("learn", 1) as bar:
        bar.advance()
    assert "learn: 100%" in capsys.readouterr().err


def test_an_unknown_style_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETEXT_PROGRESS", "plane")
    with pytest.raises(UnknownName, match="did you mean 'plain'"), progress("x", 1):
        pass


def test_log_messages_are_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    LogLines().handle(logging.makeLogRecord({"msg": "read %d rows", "args": (3,)}))
    assert capsys.readouterr().err == "read 3 rows\n"
