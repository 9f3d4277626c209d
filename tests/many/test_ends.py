"""Several processes end as one: a signal, an error or a death of any of them is that of all, and nobody waits."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.numpy import load_file

from foretext import group
from foretext.batch import Batch
from foretext.checkpoints.run_checkpoints import RunCheckpoints
from foretext.checkpoints.run_folder import RunFolder
from foretext.corpus import Windows
from foretext.errors import DataError
from foretext.model import gpt
from foretext.recipes import pretrain as recipe
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.training.engine import Engine

from .test_same import assert_same_run, metrics
from .together import Ended, Together, together

Pretraining = Callable[..., PretrainSettings]


def at_update(update: int, rank: int, do: Callable[[], Any]) -> None:
    """Has process `rank` do something when it reads the batch of an update."""
    before = Windows.batch

    def batch(self: Windows, number: int, *, rank: int = 0, world: int = 1, order: int = 0) -> Batch:
        if (number, rank) == (update, wanted) and world > 1:
            do()
        return before(self, number, rank=rank, world=world, order=order)

    wanted = rank
    Windows.batch = batch  # type: ignore[method-assign]


def disturbed(settings: PretrainSettings, update: int, rank: int, do: Callable[[], Any], world: int = 2) -> list[Ended]:
    """How processes end of which one does something in its way."""

    def work(mine: int) -> str:
        at_update(update, rank, do)
        return str(pretrain(settings).folder)

    return Together(world, work).ended()


@pytest.mark.parametrize(("number", "rank"), [(signal.SIGTERM, 1), (signal.SIGINT, 0)])
def test_a_signal_to_one_ends_all_with_a_checkpoint(number: int, rank: int, pretraining: Pretraining, tmp_path: Path):
    ended = disturbed(pretraining(tmp_path / "run"), 8, rank, lambda: os.kill(os.getpid(), number))
    assert [each.code for each in ended] == [128 + number] * 2
    assert [each.error for each in ended] == ["Stopped", "OthersFailed"]
    assert "after update 9; a checkpoint is written" in ended[0].message
    assert RunFolder(tmp_path / "run").checkpoints.updates()[-1] == 9


def test_a_warning_to_one_makes_a_checkpoint_and_the_run_goes_on(pretraining: Pretraining, tmp_path: Path):
    settings = pretraining(tmp_path / "run", validate_every=20, keep_checkpoints=9)
    ended = disturbed(settings, 4, 1, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    assert not [each for each in ended if each.error], ended
    assert RunFolder(tmp_path / "run").checkpoints.updates() == [5, 20]


def fail() -> None:
    raise DataError("row 7 of a file on this machine is damaged")


@pytest.mark.parametrize("rank", [0, 1])
def test_an_error_of_one_is_said_once_and_ends_all(rank: int, pretraining: Pretraining, tmp_path: Path):
    began = time.monotonic()
    ended = disturbed(pretraining(tmp_path / "run"), 5, rank, fail)
    assert ended[rank].error == "DataError"
    assert ended[1 - rank].error == "OthersFailed"
    assert {each.message for each in ended} == {"row 7 of a file on this machine is damaged"}
    assert {each.code for each in ended} == {2}
    assert time.monotonic() - began < 300


def in_validation(wanted: int, do: Callable[[], Any], part: str = "perplexity") -> Callable[[int], None]:
    """What has process `wanted` do something when a part of a validation begins."""

    def prepare(rank: int) -> None:
        before = getattr(recipe, part)

        def disturbed(*given: Any, **named: Any) -> Any:
            if rank == wanted:
                do()
            return before(*given, **named)

        setattr(recipe, part, disturbed)

    return prepare


def in_a_save(rank: int) -> None:
    """Has checkpoints fail."""

    def save(*_: Any, **__: Any) -> None:
        raise DataError("this disk is broken")

    RunCheckpoints.save = save  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("prepare", "told", "by"),
    [(in_validation(1, fail), "row 7 of a file", 1), (in_a_save, "this disk is broken", 0)],
    ids=["validation", "save"],
)
def test_an_error_in_a_validation_or_in_a_save_ends_all(
    prepare: Callable[[int], None], told: str, by: int, pretraining: Pretraining, tmp_path: Path
):
    def work(rank: int) -> str:
        prepare(rank)
        return str(pretrain(pretraining(tmp_path / "run")).folder)

    ended = Together(2, work).ended()
    assert [each.error for each in ended] == (
        ["DataError", "OthersFailed"] if by == 0 else ["OthersFailed", "DataError"]
    )
    assert all(told in each.message for each in ended)


@pytest.mark.parametrize("part", ["perplexity", "score_zero_shot"])
def test_a_signal_in_a_validation_or_a_probe_gives_it_up_in_all(
    part: str, pretraining: Pretraining, labelled: Path, tmp_path: Path
):
    probe = tmp_path / "animals.toml"
    probe.write_text(f'data = "{labelled / "choice.jsonl"}"\nkind = "choice"\n')

    def work(rank: int) -> str:
        in_validation(1, lambda: os.kill(os.getpid(), signal.SIGTERM), part)(rank)
        return str(pretrain(pretraining(tmp_path / "run", probe=(str(probe),))).folder)

    ended = Together(2, work).ended()
    assert [each.code for each in ended] == [143, 143]
    assert "after update 10; a checkpoint is written" in ended[0].message
    assert not [line for line in metrics(tmp_path / "run") if "valid_loss" in line]
    pretrain(pretraining(tmp_path / "run", resume=True, probe=(str(probe),)))
    pretrain(pretraining(tmp_path / "one", probe=(str(probe),)))
    assert_same_run(tmp_path / "one", tmp_path / "run")


def test_an_error_of_all_is_said_by_the_first(pretraining: Pretraining, tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").touch()

    def work(rank: int) -> str:
        group.FIRST_SECONDS = 60.0  # in which process 0 of a busy machine comes to say it
        return str(pretrain(pretraining(tmp_path / "run", corpus=tmp_path / "none")).folder)

    ended = Together(2, work).ended()
    assert [each.error for each in ended] == ["DataError", "OthersFailed"]


def test_a_killed_process_is_named(pretraining: Pretraining, tmp_path: Path):
    ended = disturbed(pretraining(tmp_path / "run"), 5, 1, lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert ended[1] == Ended()
    assert ended[0].error == "LostProcess"
    assert ended[0].message.startswith("process 1 (pid ")
    assert "ended without a word" in ended[0].message


def test_processes_with_other_settings_are_refused(pretraining: Pretraining, tmp_path: Path):
    ended = Together(2, lambda rank: pretrain(pretraining(tmp_path / "run", learning_rate=0.01 + rank))).ended()
    assert "has another run than process 0" in ended[0].message
    assert "1.01" in ended[0].message
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_bad_loss_of_one_is_left_out_by_all(pretraining: Pretraining, tmp_path: Path):
    spoiled = {6: float("nan"), 65: 100.0}  # the second when there is a band: of 50 that were not left out (band.py)

    def work(rank: int) -> Any:
        backward = Engine.backward

        def bad(self: Engine, loss: torch.Tensor) -> None:
            backward(self, loss * (spoiled.get(bad.calls, 1.0) if rank == 1 else 1.0))
            bad.calls += 1

        bad.calls = 0  # type: ignore[attr-defined]
        Engine.backward = bad  # type: ignore[method-assign]
        return pretrain(pretraining(tmp_path / "run", updates=70)).to_json()["watch"]["left_out"]

    assert together(2, work) == [2, 2]
    left_out = [line["watch"]["left_out"] for line in metrics(tmp_path / "run") if "watch" in line]
    assert [each["update"] for line in left_out for each in line] == [7, 66]


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_checkpoint_of_two_goes_on_in_one_and_in_four(strategy: str, pretraining: Pretraining, tmp_path: Path):
    pretrain(pretraining(tmp_path / "one"))
    settings = pretraining(tmp_path / "many", strategy=strategy)
    stopped = disturbed(settings, 6, 1, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert stopped[0].error == "Stopped"
    assert "after update 7; a checkpoint is written" in stopped[0].message
    again = pretraining(tmp_path / "many", resume=True, strategy=strategy)

    def stop(self: Windows, number: int, **named: Any) -> Batch:
        if number == 12:
            os.kill(os.getpid(), signal.SIGTERM)
        return before(self, number, **named)

    before = Windows.batch

    def alone(_: int) -> None:
        Windows.batch = stop  # type: ignore[method-assign]
        pretrain(again)

    assert Together(1, alone).ended()[0].error == "Stopped"
    assert RunFolder(tmp_path / "many").checkpoints.updates()[-1] == 13
    together(4, lambda rank: str(pretrain(again).folder))
    assert_same_run(tmp_path / "one", tmp_path / "many")


def test_a_resumed_run_of_two_in_bf16_with_dropout_ends_with_the_same_bits(pretraining: Pretraining, tmp_path: Path):
    def settings(name: str, **values: Any) -> PretrainSettings:
        shape = {"residual_dropout": 0.2}
        return pretraining(tmp_path / name, shape=shape, precision="bf16", micro_batch=2, **values)

    together(2, lambda rank: str(pretrain(settings("whole")).folder))
    disturbed(settings("cut"), 9, 0, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert RunFolder(tmp_path / "cut").checkpoints.updates()[-1] == 10
    together(2, lambda rank: str(pretrain(settings("cut", resume=True)).folder))
    for name in ("model", "optimizer"):
        parts = [
            each / "checkpoints" / "update-00000020" / f"{name}.safetensors"
            for each in (tmp_path / "whole", tmp_path / "cut")
        ]
        assert parts[0].read_bytes() == parts[1].read_bytes()
        assert {tensor.dtype.name for tensor in load_file(parts[0]).values()} == {"float32"}


def test_processes_that_were_started_again_go_on_by_themselves(pretraining: Pretraining, tmp_path: Path):
    settings = pretraining(tmp_path / "run", checkpoint_every=5)
    disturbed(settings, 8, 1, lambda: os.kill(os.getpid(), signal.SIGKILL))
    together(2, lambda rank: str(pretrain(settings).folder), restarts=1)
    updates = [line["update"] for line in metrics(tmp_path / "run") if "loss" in line]
    assert updates == list(range(1, 21))


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_other_weights_in_one_process_are_those_of_the_first(strategy: str, pretraining: Pretraining, tmp_path: Path):
    def work(rank: int) -> str:
        before = gpt.initialize

        def initialize(model: gpt.GPT, seed: int) -> None:
            before(model, seed + rank)

        gpt.initialize = initialize
        return str(pretrain(pretraining(tmp_path / "many", updates=6, strategy=strategy)).folder)

    pretrain(pretraining(tmp_path / "one", updates=6))
    together(2, work)
    assert_same_run(tmp_path / "one", tmp_path / "many")
