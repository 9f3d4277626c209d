"""A run goes on from its newest checkpoint that is whole, says which it passed over, and ends where there is none."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from foretext.checkpoints.run_checkpoints import RunCheckpoints
from foretext.errors import ModelError

Damage = Callable[[Path], object]
Change = Callable[[dict[str, torch.Tensor]], object]
KINDS = ("exp_avg", "exp_avg_sq")


def altered(folder: Path) -> None:
    content = bytearray((folder / "optimizer.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "optimizer.safetensors").write_bytes(content)


def of_another_update(folder: Path) -> None:
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps({**state, "update": 7}))


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a bit is another": (altered, "optimizer.safetensors is damaged: it is not the file that was saved"),
    "a file is cut off": (lambda folder: (folder / "model.safetensors").write_bytes(b"\x10"), "is damaged"),
    "a file is gone": (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors is missing"),
    "its state is gone": (lambda folder: (folder / "state.json").unlink(), "state.json"),
    "its state is torn": (lambda folder: (folder / "state.json").write_text('{"update": '), "state.json"),
    "its state says nothing": (lambda folder: (folder / "state.json").write_text("{}"), "does not say what"),
    "it was renamed": (of_another_update, "is of update 7; the folder was renamed"),
}


@pytest.fixture
def checkpoints(tmp_path: Path) -> RunCheckpoints:
    """Those of updates 1, 2 and 3, each with its number as weight and moment."""
    found = RunCheckpoints(tmp_path)
    for update in (1, 2, 3):
        one = {"weight": torch.full((3,), float(update))}
        found.save({"model": one, "optimizer": one}, {"update": update}, keep=3)
    return found


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_and_named(
    damage: str, checkpoints: RunCheckpoints, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    harm, told = DAMAGES[damage]
    harm(checkpoints.path / "update-00000003")
    newest = checkpoints.latest()
    assert newest is not None
    assert newest.update == 2
    assert torch.equal(checkpoints.part(newest, "model")["weight"], torch.full((3,), 2.0))
    assert "checkpoint update-00000003 is passed over: " in caplog.text
    assert told in caplog.text


def test_a_run_whose_checkpoints_are_all_damaged_says_so(checkpoints: RunCheckpoints):
    for name in checkpoints.names():
        altered(checkpoints.path / name)
    with pytest.raises(ModelError, match=r"each of the 3 checkpoints in .* is damaged, so that the run cannot go on"):
        checkpoints.latest()


def test_the_best_checkpoint_is_checked_too(checkpoints: RunCheckpoints):
    altered(checkpoints.path / "update-00000001")
    with pytest.raises(ModelError, match="is damaged"):
        checkpoints.restore_best(1, torch.nn.Linear(1, 1))


class Holds:
    """An optimizer that keeps two moments of a bias, and one of a weight."""

    def __init__(self) -> None:
        self.state: dict[torch.nn.Parameter, dict[str, torch.Tensor]] = defaultdict(dict)

    def kept(self, parameter: torch.nn.Parameter) -> tuple[str, ...]:
        return ("momentum",) if parameter.dim() > 1 else KINDS


NOT_FITTING = "does not fit the model: "


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda moments: moments.pop("bias/exp_avg_sq"), f"{NOT_FITTING}it lacks bias/exp_avg_sq"),
        (
            lambda moments: moments.update({"bias/exp_avg": torch.zeros(2)}),
            rf"{NOT_FITTING}bias/exp_avg has shape \(2,\)",
        ),
        (lambda moments: moments.update({"more/momentum": torch.zeros(1)}), f"{NOT_FITTING}more/"),
        (lambda moments: moments.update({"weight/exp_avg": torch.zeros(1, 1)}), "of another optimizer: it has weight/"),
    ],
)
def test_moments_that_are_missing_or_do_not_fit_are_refused(tmp_path: Path, change: Change, told: str):
    model, optimizer = torch.nn.Linear(1, 1), Holds()
    weights = dict(model.named_parameters())
    moments = {
        f"{name}/{kind}": torch.zeros_like(weights[name]) for name in weights for kind in optimizer.kept(weights[name])
    }
    change(moments)
    found = RunCheckpoints(tmp_path)
    found.save({"model": weights, "optimizer": moments}, {"update": 1}, keep=1)
    with pytest.raises(ModelError, match=told):
        found.restore(found.at(1), model, optimizer)


def test_the_pointer_to_the_newest_is_for_people_and_may_be_gone(checkpoints: RunCheckpoints):
    assert (checkpoints.path / "latest").read_text() == "update-00000003\n"
    (checkpoints.path / "latest").unlink()
    newest = checkpoints.latest()
    assert newest is not None
    assert newest.update == 3


def test_what_killed_runs_left_half_written_goes_and_nothing_else(checkpoints: RunCheckpoints):
    for name in (".update-00000004.0a1b2c3d", ".update-00000002.old.0a1b2c3d"):
        (checkpoints.path / name).mkdir()
    kept = {*checkpoints.names(), "latest", ".notes", "update-5"}
    (checkpoints.path / ".notes").write_text("mine")
    (checkpoints.path / "update-5").mkdir()
    checkpoints.remove_leftovers()
    assert {path.name for path in checkpoints.path.iterdir()} == kept
    assert len(checkpoints.names()) == 3
