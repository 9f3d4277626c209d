"""A learning rate that stays flat and falls at the end, in whole runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foretext.cli import main

SMALL = "--layers 1 --width 16 --heads 2 --context 32 --batch 2 --learning-rate 1e-2 --device cpu --log-every 1"


@pytest.fixture
def pretrain(language_model: Path, tmp_path: Path):
    def call(*flags: str) -> int:
        return main(["pretrain", str(language_model.parent / "corpus"), "--out", str(tmp_path), *SMALL.split(), *flags])

    return call


def rates(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["learning_rate"] / 1e-2 for line in lines if "learning_rate" in line]


def test_a_run_that_is_extended_follows_the_flat_rate_of_its_new_length(pretrain, tmp_path, caplog):
    flags = ("--schedule", "flat", "--fall", "0.5", "--warmup", "2")
    assert pretrain("--updates", "8", *flags) == 0
    assert rates(tmp_path) == pytest.approx([0, 0.5, 1, 1, 1, 0.75, 0.5, 0.25])
    caplog.set_level("INFO")
    assert pretrain("--updates", "12", *flags, "--extend") == 0
    assert rates(tmp_path)[8:] == pytest.approx([4 / 6, 3 / 6, 2 / 6, 1 / 6])
    assert "from update 8 on the learning rate follows the schedule of 12 updates: 0.00667, 0 before" in caplog.text
    history = json.loads((tmp_path / "model.json").read_text())["history"]
    departed = {d["setting"]: (d["value"], d["paper"]) for d in history["pretraining"]["departures"]}
    assert (departed["schedule"], departed["fall"]) == (("flat", "cosine"), (0.5, ""))


def test_without_it_neither_schedule_nor_fall_departs(language_model):
    history = json.loads((language_model / "model.json").read_text())["history"]
    assert not {"schedule", "fall"} & {d["setting"] for d in history["pretraining"]["departures"]}


def test_what_does_not_fit_or_means_nothing_is_refused_before_anything_is_written(pretrain, tmp_path, capsys):
    assert pretrain("--updates", "8", "--schedule", "flat", "--warmup", "7") == 2
    assert "warm-up of 7 updates and a fall over 0.25 of 8 updates do not fit" in capsys.readouterr().err
    assert pretrain("--updates", "8", "--fall", "0.5", "--warmup", "1") == 2
    assert "--fall means something with --schedule flat alone" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
