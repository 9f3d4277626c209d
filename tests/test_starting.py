"""How a command ends whose processes torch's launcher has started."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher import api

from foretext.errors import ForetextError, SettingsError
from foretext.starting import start
from foretext.training.settings import LoopSettings


def failed(*codes: int) -> ChildFailedError:
    """What the launcher raises where processes have ended with these codes."""
    failures = {rank: ProcessFailure(rank, 1, code, "") for rank, code in enumerate(codes) if code}
    return ChildFailedError("foretext", failures)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The ends that the launcher is to come to, one after the other; None is a good one."""
    wanted: list[Any] = []
    monkeypatch.setenv("FORETEXT_RESTARTS", "0")  # so that they are afterwards as before
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def launch_agent(config: Any, program: str, arguments: list[str]) -> None:
        assert arguments == ["-m", "foretext", "pretrain", "corpus"]
        error = wanted.pop(0)
        if error is not None:
            raise error

    monkeypatch.setattr(api, "launch_agent", launch_agent)
    return wanted


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (None, 0),
        (failed(2, -signal.SIGTERM), 2),
        (failed(130, 130), 130),
        (SignalException("", signal.SIGTERM), 143),
    ],
)
def test_the_command_ends_as_its_processes_do(ends: list[Any], end: Any, code: int):
    ends.append(end)
    assert start(["pretrain", "corpus"], 2, restarts=3) == code


def test_all_start_again_where_one_was_killed_and_the_end_of_that_counts(ends: list[Any], capsys: Any):
    ends += [failed(1, -signal.SIGKILL), None]
    assert start(["pretrain", "corpus"], 2, restarts=1) == 0
    assert (
        "process 1 was killed by SIGKILL; all start again from the last checkpoint (1 of 1)" in capsys.readouterr().err
    )


def test_one_that_is_killed_too_often_is_named(ends: list[Any]):
    ends += [failed(-signal.SIGKILL)] * 2
    with pytest.raises(ForetextError, match="process 0 was killed by SIGKILL; the same command with --resume"):
        start(["pretrain", "corpus"], 2, restarts=1)


@pytest.mark.parametrize("devices", [0, 1])
def test_processes_that_are_not_started_here_cannot_be_asked_to_start_again(devices: int):
    assert LoopSettings(devices=2, max_restarts=3).max_restarts == 3
    with pytest.raises(SettingsError, match="--max-restarts 3 is for processes that --devices starts"):
        LoopSettings(devices=devices, max_restarts=3)
