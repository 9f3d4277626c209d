"""A run that was cut off anywhere ends as one that was not: weights, moments, and metrics in all but times."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from pathlib import Path

import pytest
import torch

from foretext.training.schedules import warmup_flat_fall
from foretext.training.state import State, Window

TIMES = {"seconds", "tokens_per_second"}
LENGTH = 12  # updates


class CutError(Exception):
    """Stands for a power cut."""


def lines(folder: Path) -> list[dict]:
    """The metrics of a run but for times."""
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in line.items() if name not in TIMES} for line in found]


def bits(made) -> dict[str, torch.Tensor]:
    """The weights and moments that a trainer ended with."""
    parameters = dict(made.objective.named_parameters())
    moments = {
        f"{name}/{kind}": value
        for name, parameter in parameters.items()
        for kind, value in made.optimizer.state[parameter].items()
    }
    return {name: value.detach() for name, value in {**parameters, **moments}.items()}


def cut_off(made, batch_at, *, cut: int | None, in_validation: bool = False):
    """That trainer, which validates, with a power cut in update `cut` or in the validation after so many updates.

    The best validation is neither the first nor the last.
    """

    def batch(update, rank, world):
        if update == cut and not in_validation:
            raise CutError
        return batch_at(update, rank, world)

    def validate():
        if in_validation and made.state.update == cut:
            raise CutError
        return {"loss": abs(made.state.update - 4.5)}

    return dataclasses.replace(made, batch_at=batch, validate=validate)


FLAT = partial(warmup_flat_fall, warmup=3, fall=0.25, total=LENGTH)

WAYS = {
    "checkpoints on no log line": {"log_every": 5, "checkpoint_every": 3},
    "accumulation": {"log_every": 4, "micro_batch": 3, "checkpoint_every": 1},
    "memory as it fits": {"log_every": 4, "micro_batch": "auto", "checkpoint_every": 2},
    "bf16": {"log_every": 5, "precision": "bf16", "checkpoint_every": 2},
    "muon": {"log_every": 5, "optimizer": "muon", "micro_batch": 3, "checkpoint_every": 2},
    "muon in bf16": {"log_every": 5, "optimizer": "muon", "precision": "bf16", "checkpoint_every": 1},
    "a flat rate, in each of its phases": {"log_every": 5, "checkpoint_every": 1, "schedule": FLAT},
    "patience": {"log_every": 4, "patience": 2, "checkpoint_every": 2, "keep_checkpoints": 1},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_was_cut_off_in_any_update_ends_as_one_that_was_not(tmp_path, trainer, batch_at, way):
    whole = cut_off(trainer(tmp_path / "whole", **WAYS[way]), batch_at, cut=None)
    end = whole.run()
    for cut in range(1, end.update, 2):
        folder = tmp_path / f"cut-{cut}"
        with pytest.raises(CutError):
            cut_off(trainer(folder, **WAYS[way]), batch_at, cut=cut).run()
        resumed = cut_off(trainer(folder, resume=True, **WAYS[way]), batch_at, cut=None)
        as_it_came = {"seconds": 0, "grid_cells": 0}  # which are the machine's
        assert dataclasses.replace(resumed.run(), **as_it_came) == dataclasses.replace(end, **as_it_came)
        assert lines(folder) == lines(tmp_path / "whole"), cut
        wanted = bits(whole)
        assert all(torch.equal(value, wanted[name]) for name, value in bits(resumed).items()), cut


@pytest.mark.parametrize("cut", [3, 6, 9, 12])
def test_a_run_that_was_cut_off_in_a_validation_ends_as_one_that_was_not(tmp_path, trainer, batch_at, cut):
    whole = cut_off(trainer(tmp_path / "whole"), batch_at, cut=None)
    whole.run()
    with pytest.raises(CutError):
        cut_off(trainer(tmp_path / "cut"), batch_at, cut=cut, in_validation=True).run()
    resumed = cut_off(trainer(tmp_path / "cut", resume=True), batch_at, cut=None)
    resumed.run()
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")
    assert all(torch.equal(value, bits(whole)[name]) for name, value in bits(resumed).items())


def test_a_run_that_ended_before_its_first_checkpoint_starts_again_without_doubled_lines(
    tmp_path, trainer, batch_at, caplog
):
    with pytest.raises(CutError):
        cut_off(trainer(tmp_path, log_every=1, checkpoint_every=9), batch_at, cut=2).run()
    assert [line["update"] for line in lines(tmp_path)] == [1, 2]
    assert "begins again" not in caplog.text
    cut_off(trainer(tmp_path, log_every=1, checkpoint_every=9, resume=True), batch_at, cut=None).run()
    assert [line["update"] for line in lines(tmp_path) if "loss" in line] == list(range(1, LENGTH + 1))
    assert f"there is no checkpoint in {tmp_path / 'checkpoints'}: the run begins again" in caplog.text


def test_a_window_comes_back_from_a_checkpoint_to_the_bit():
    window, state = Window(), State(update=3, tokens=96, seconds=2.5)
    for loss in (0.1, 0.2, 0.7):
        window.add({"loss": torch.tensor(loss), "other": torch.tensor(loss, dtype=torch.float64)})
        window.close_update(torch.tensor(1 / 3), 0.3)
    kept, again = json.loads(json.dumps(window.kept())), Window()
    again.restore(kept, state, torch.device("cpu"))
    assert again.line(state) == window.line(state)
    assert {name: value.dtype for name, value in again.sums.items()} == {"loss": torch.float32, "other": torch.float64}


def test_a_checkpoint_without_a_window_begins_one_where_the_run_stands():
    window, state = Window(updates=7), State(tokens=96, seconds=2.5)
    window.restore(None, state, torch.device("cpu"))
    assert window == Window(tokens=96, seconds=2.5)
