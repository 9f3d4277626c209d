"""`--strategy fsdp`: the model of one process, of which each of several holds a part."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from foretext.checkpoints import run_checkpoints
from foretext.checkpoints.run_folder import RunFolder
from foretext.errors import SettingsError
from foretext.recipes.finetune import finetune
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.training.settings import OptimizerSettings
from foretext.training.sharded import Shards

from .test_ends import disturbed
from .test_same import SAME_FOR_ALL_ANSWERS, assert_same_run, finetuning
from .together import Ended, Together, together

Pretraining = Callable[..., PretrainSettings]


@pytest.mark.parametrize("world", [2, 3])
def test_a_sharded_pretraining_is_that_of_one(world: int, pretraining: Pretraining, tmp_path: Path):
    pretrain(pretraining(tmp_path / "one", updates=50))
    settings = pretraining(tmp_path / "many", updates=50, strategy="fsdp", micro_batch=1)
    together(world, lambda rank: str(pretrain(settings).folder))
    assert_same_run(tmp_path / "one", tmp_path / "many")


def test_a_sharded_finetuning_is_that_of_one(language_model: Path, labelled: Path, tmp_path: Path):
    file = labelled / "choice.jsonl"
    finetune(finetuning(language_model, file, tmp_path / "one", epochs=4.0))
    settings = finetuning(language_model, file, tmp_path / "many", epochs=4.0)
    settings = settings.model_copy(update={"loop": settings.loop.model_copy(update={"strategy": "fsdp"})})
    together(2, lambda rank: str(finetune(settings).folder))
    assert_same_run(tmp_path / "one", tmp_path / "many", of_no_effect=SAME_FOR_ALL_ANSWERS)


def test_the_embeddings_of_a_sharded_run_are_one_tensor(pretraining: Pretraining, tmp_path: Path):
    settings = pretraining(tmp_path / "many", updates=5, strategy="fsdp")
    together(2, lambda rank: str(pretrain(settings).folder))
    pretrain(pretraining(tmp_path / "one", updates=5))
    names = [set(load_file(tmp_path / each / "model.safetensors")) for each in ("one", "many")]
    assert names[0] == names[1]


def killed_at(number: int, owner: Any, name: str) -> None:
    """Has this process be killed when a function is called for so many times."""
    before, calls = getattr(owner, name), []

    def call(*given: Any, **named: Any) -> Any:
        calls.append(0)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return before(*given, **named)

    setattr(owner, name, call)


@pytest.mark.parametrize(
    ("rank", "call", "owner", "name"),
    # Of each checkpoint process 0 writes weights and moments; all take part in bringing the shards together.
    [(0, 4, run_checkpoints, "save_tensors"), (1, 2, Shards, "parts")],
    ids=["the moments are written", "the shards come together"],
)
def test_a_process_killed_in_a_save_costs_the_updates_since_the_checkpoint_before(
    rank: int, call: int, owner: Any, name: str, pretraining: Pretraining, tmp_path: Path
):
    def settings(resume: bool) -> PretrainSettings:
        return pretraining(tmp_path / "many", strategy="fsdp", checkpoint_every=4, updates=12, resume=resume)

    def work(mine: int) -> str:
        if mine == rank:
            killed_at(call, owner, name)
        return str(pretrain(settings(resume=False)).folder)

    ended = Together(2, work).ended()
    assert ended[rank] == Ended()
    assert ended[1 - rank].error == "LostProcess"
    assert RunFolder(tmp_path / "many").checkpoints.updates() == [4]
    pretrain(settings(resume=True))
    pretrain(pretraining(tmp_path / "one", updates=12))
    assert_same_run(tmp_path / "one", tmp_path / "many")


def test_a_sharded_run_goes_on_to_the_same_bits(pretraining: Pretraining, tmp_path: Path):
    whole = pretraining(tmp_path / "whole", strategy="fsdp")
    together(2, lambda rank: str(pretrain(whole).folder))
    disturbed(pretraining(tmp_path / "cut", strategy="fsdp"), 8, 0, lambda: os.kill(os.getpid(), signal.SIGTERM))
    again = pretraining(tmp_path / "cut", strategy="fsdp", resume=True)
    together(2, lambda rank: str(pretrain(again).folder))
    for name in ("model", "optimizer"):
        parts = [tmp_path / run / f"checkpoints/update-00000020/{name}.safetensors" for run in ("whole", "cut")]
        assert parts[0].read_bytes() == parts[1].read_bytes()


def test_what_needs_whole_matrices_is_refused(pretraining: Pretraining, tmp_path: Path):
    muon = pretraining(tmp_path / "run", strategy="fsdp", optimizer=OptimizerSettings(optimizer="muon"))
    with pytest.raises(SettingsError, match="--optimizer muon, which moves whole matrices"):
        pretrain(muon)
