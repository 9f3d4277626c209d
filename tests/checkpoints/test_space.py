"""Room on the disk is looked for before a run trains."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from foretext.checkpoints import space
from foretext.checkpoints.space import check_space
from foretext.errors import DiskFull


def free(monkeypatch, count: int) -> None:
    monkeypatch.setattr(space.shutil, "disk_usage", lambda path: SimpleNamespace(free=count))


def test_a_disk_without_room_for_one_checkpoint_and_the_model_is_refused_with_both_numbers(tmp_path, monkeypatch):
    free(monkeypatch, 3_999)
    with pytest.raises(DiskFull, match=r"take 4,000 bytes, and 3,999 are free"):
        check_space(tmp_path, model=1_000, checkpoint=3_000, keep=2)


@pytest.mark.parametrize(("count", "said"), [(4_000, True), (12_999, True), (13_000, False)])
def test_a_disk_without_room_for_all_that_is_kept_is_said(tmp_path, monkeypatch, caplog, count, said):
    free(monkeypatch, count)
    with caplog.at_level(logging.WARNING):
        check_space(tmp_path, model=1_000, checkpoint=3_000, keep=2)
    assert ("may become full" in caplog.text) == said


def test_checkpoints_that_are_there_already_need_no_more_room(tmp_path, monkeypatch, caplog):
    free(monkeypatch, 10_000)
    (tmp_path / "checkpoints" / "update-00000003").mkdir(parents=True)
    (tmp_path / "checkpoints" / "update-00000003" / "model.safetensors").write_bytes(b"0" * 3_000)
    check_space(tmp_path, model=1_000, checkpoint=3_000, keep=2)
    assert caplog.text == ""
