"""Checkpoints are written beside training: of what stood when they were asked for, whole or not at all."""

from __future__ import annotations

import errno
import math
import threading

import pytest
import torch

from foretext.checkpoints import run_checkpoints
from foretext.checkpoints.checkpoint_writer import CheckpointWriter
from foretext.checkpoints.run_folder import RunFolder
from foretext.checkpoints.tensor_file import NotFinite
from foretext.errors import DiskFull


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder.start(tmp_path / "run", {"name": "test"}, resume=False)


@pytest.fixture
def held(monkeypatch) -> threading.Event:
    """Writing stands still until this is set."""
    event, write = threading.Event(), run_checkpoints.save_tensors

    def waiting(*arguments, **named):
        assert event.wait(timeout=60)
        return write(*arguments, **named)

    monkeypatch.setattr(run_checkpoints, "save_tensors", waiting)
    return event


def parts(value: float) -> dict[str, dict[str, torch.Tensor]]:
    return {"model": {"weight": torch.full((4,), value)}, "band": {"norms": torch.full((2,), value)}}


def updates(folder: RunFolder) -> list[int]:
    return [checkpoint.update for checkpoint in folder.checkpoints.complete()]


def test_a_checkpoint_holds_what_stood_when_it_was_asked_for(folder, held):
    writer, given = CheckpointWriter(folder, keep=2), parts(1.0)
    writer.save(given, {"update": 1})
    given["model"]["weight"].fill_(2.0)
    assert updates(folder) == []  # it is being written
    held.set()
    writer.wait()
    newest = folder.checkpoints.latest()
    assert torch.equal(folder.checkpoints.part(newest, "model")["weight"], torch.full((4,), 1.0))


def test_without_room_for_a_copy_it_is_whole_on_return(folder):
    CheckpointWriter(folder, keep=2).save(parts(1.0), {"update": 1}, beside=False)
    assert updates(folder) == [1]


def test_a_further_part_comes_back_and_is_empty_where_there_was_none(folder):
    CheckpointWriter(folder, keep=2).save(parts(3.0), {"update": 1}, beside=False)
    newest = folder.checkpoints.latest()
    assert torch.equal(folder.checkpoints.part(newest, "band")["norms"], torch.full((2,), 3.0))
    assert folder.checkpoints.part(newest, "hand") == {}


def test_older_ones_go_but_the_best_and_those_that_are_protected(folder):
    writer = CheckpointWriter(folder, keep=1)
    for update in range(1, 6):
        writer.save(parts(1.0), {"update": update, "best_update": 2}, protect={3})
    writer.wait()
    assert updates(folder) == [5, 3, 2]


def test_a_full_disk_is_raised_by_the_next_call_and_the_checkpoint_before_stays(folder, monkeypatch):
    writer = CheckpointWriter(folder, keep=1)
    writer.save(parts(1.0), {"update": 1})
    writer.wait()
    write = run_checkpoints.save_tensors

    def full(path, *rest, **named):
        if path.name == "band.safetensors":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, *rest, **named)

    monkeypatch.setattr(run_checkpoints, "save_tensors", full)
    writer.save(parts(2.0), {"update": 2})
    with pytest.raises(DiskFull):
        writer.save(parts(3.0), {"update": 3})
    assert updates(folder) == [1]
    assert [path.name for path in folder.checkpoints.path.iterdir() if path.name.startswith(".")] == []
    monkeypatch.setattr(run_checkpoints, "save_tensors", write)
    writer.save(parts(3.0), {"update": 3})
    writer.wait()
    assert updates(folder) == [3]


@pytest.mark.parametrize("broken", ["model", "band", "state"])
def test_what_is_not_finite_is_never_written_and_it_is_said(folder, broken):
    writer = CheckpointWriter(folder, keep=1)
    writer.save(parts(1.0), {"update": 1})
    given, state = parts(2.0), {"update": 2, "best": math.nan if broken == "state" else 1.0}
    if broken != "state":
        next(iter(given[broken].values()))[1] = math.inf
    writer.save(given, state)
    with pytest.raises(NotFinite, match="no checkpoint is written after update 2"):
        writer.wait()
    writer.check()  # it is said once
    assert updates(folder) == [1]
