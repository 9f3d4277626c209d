"""What was logged: a torn end is left out and said, any other damage is refused, nothing is doubled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foretext.checkpoints.run_metrics import RunMetrics
from foretext.errors import DataError


@pytest.fixture
def metrics(tmp_path: Path) -> RunMetrics:
    """Lines of the updates 1, 2 and 3."""
    found = RunMetrics(tmp_path / "metrics.jsonl")
    for update in (1, 2, 3):
        found.log({"update": update, "loss": update / 2})
    return found


@pytest.mark.parametrize("end", [b'{"update": 4, "lo', b"{", b'{"update": 4, "loss": 1.0}\x00\x00\x00'[:20], b"\xff\n"])
def test_a_line_that_was_cut_off_is_left_out_and_said(
    metrics: RunMetrics, end: bytes, caplog: pytest.LogCaptureFixture
):
    with metrics.path.open("ab") as file:
        file.write(end)
    assert [line["update"] for line in metrics.lines()] == [1, 2, 3]
    assert "metrics.jsonl: line 4 was cut off while it was written; it is left out" in caplog.text


def test_zeros_that_a_power_cut_left_at_the_end_are_nothing(metrics: RunMetrics):
    with metrics.path.open("ab") as file:
        file.write(bytes(100))
    assert [line["update"] for line in metrics.lines()] == [1, 2, 3]


def test_what_is_logged_after_a_torn_line_has_a_line_of_its_own(metrics: RunMetrics):
    with metrics.path.open("ab") as file:
        file.write(b'{"update": 4, "lo')
    metrics.forget_after(2)
    metrics.log({"update": 3, "loss": 9.0})
    assert [json.loads(line)["update"] for line in metrics.path.read_text().splitlines()] == [1, 2, 3]


def test_a_damaged_line_in_the_middle_is_refused_by_its_number(metrics: RunMetrics):
    lines = metrics.path.read_text().splitlines()
    metrics.path.write_text("\n".join([lines[0], "x" + lines[1], lines[2], ""]))
    with pytest.raises(DataError, match=r"line 2 is damaged: 'x\{\"update\".*remove that line"):
        metrics.lines()
