"""The loop: what was cut off goes on to the bit, and the best is kept."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
import torch

from foretext.batch import Batch
from foretext.checkpoints.run_folder import RunFolder
from foretext.errors import ForetextError, SettingsError


class CutError(Exception):
    """Stands for a power cut."""


def cut_at(last: int, batch_at):
    def batch(update: int, rank: int, world: int) -> Batch:
        if update == last:
            raise CutError
        return batch_at(update, rank, world)

    return batch


def test_a_run_that_was_cut_off_ends_with_the_weights_of_one_that_was_not(tmp_path, trainer, batch_at):
    whole = trainer(tmp_path / "whole")
    whole.run()
    with pytest.raises(CutError):
        trainer(tmp_path / "cut", batch=cut_at(8, batch_at)).run()
    resumed = trainer(tmp_path / "cut", resume=True)
    resumed.run()
    for (name, one), other in zip(whole.objective.named_parameters(), resumed.objective.parameters(), strict=True):
        assert torch.equal(one, other), name


def test_the_metrics_of_a_resumed_run_hold_each_update_once(tmp_path, trainer, batch_at):
    with pytest.raises(CutError):
        trainer(tmp_path, batch=cut_at(11, batch_at)).run()
    trainer(tmp_path, resume=True).run()
    updates = [json.loads(line)["update"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert updates == [2, 4, 6, 8, 10, 12]


def test_micro_batches_change_nothing_but_rounding_when_dropout_is_off(trainer):
    def weights(micro_batch):
        made = trainer(None, micro_batch=micro_batch, updates=4)
        made.objective.model.settings = made.objective.model.settings.model_copy(update={"embedding_dropout": 0.0})
        for block in made.objective.model.blocks:
            block.residual_dropout = block.attention.attention_dropout = 0.0
        made.run()
        return torch.cat([parameter.detach().flatten() for parameter in made.objective.parameters()])

    torch.testing.assert_close(weights(0), weights(1), rtol=0, atol=1e-5)


def test_the_best_checkpoint_is_kept_beside_the_newest(tmp_path, trainer):
    losses = iter([2.0, 1.0, 3.0, 4.0])
    made = trainer(tmp_path, validate=lambda: {"loss": next(losses)}, keep_checkpoints=1)
    state = made.run()
    assert (state.best, state.best_update) == (1.0, 6)
    kept = sorted(folder.name for folder in (tmp_path / "checkpoints").glob("update-*"))
    assert kept == ["update-00000006", "update-00000012"]


def test_a_run_without_validation_keeps_checkpoints_as_often_as_it_would_validate(tmp_path, trainer, batch_at):
    options = {"checkpoint_every": 0, "keep_checkpoints": 9}
    made = trainer(tmp_path / "whole", **options)
    made.run()
    assert made.folder.checkpoints.updates() == [3, 6, 9, 12]
    with pytest.raises(CutError):
        trainer(tmp_path / "cut", batch=cut_at(8, batch_at), **options).run()
    assert RunFolder(tmp_path / "cut").checkpoints.updates() == [3, 6]


def test_training_stops_when_patience_runs_out(tmp_path, trainer):
    losses = iter([1.0, 2.0, 3.0, 0.0])
    state = trainer(tmp_path, validate=lambda: {"loss": next(losses)}, patience=2).run()
    assert state.update == 9


def test_a_loss_that_is_not_finite_stops_the_run_with_advice(tmp_path, trainer):
    made = trainer(tmp_path)
    with torch.no_grad():
        made.objective.model.embedding.fill_(math.nan)
    with pytest.raises(ForetextError, match="lower --learning-rate"):
        made.run()


def test_a_folder_of_another_run_is_not_touched(tmp_path):
    RunFolder.start(tmp_path / "run", {"seed": 1}, resume=False)
    with pytest.raises(SettingsError, match="add --resume"):
        RunFolder.start(tmp_path / "run", {"seed": 1}, resume=False)
    with pytest.raises(SettingsError, match="seed: 1 before, 2 now"):
        RunFolder.start(tmp_path / "run", {"seed": 2}, resume=True)


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path, trainer):
    made = trainer(tmp_path, keep_checkpoints=2)
    made.run()
    damaged = tmp_path / "checkpoints" / "update-00000012" / "optimizer.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-10])
    assert made.folder.checkpoints.latest().update == 9


def test_point_06_the_gradient_is_clipped_to_a_global_norm(tmp_path, trainer):
    """One norm over all tensors; Adam's first moment after one update is (1 - beta1) * gradient."""
    made = trainer(None, updates=1)
    made.run()
    moments = [made.optimizer.state[parameter]["exp_avg"] for parameter in made.objective.parameters()]
    norm = math.sqrt(sum(float(moment.double().square().sum()) for moment in moments)) / (1 - 0.9)
    unclipped = trainer(None, updates=1)
    unclipped = dataclasses.replace(unclipped, plan=dataclasses.replace(unclipped.plan, clip=0.0))
    unclipped.run()
    free = [unclipped.optimizer.state[parameter]["exp_avg"] for parameter in unclipped.objective.parameters()]
    free_norm = math.sqrt(sum(float(moment.double().square().sum()) for moment in free)) / (1 - 0.9)
    assert free_norm > 1.0  # otherwise this says nothing
    assert norm == pytest.approx(1.0, rel=1e-4)
    for clipped, whole in zip(moments, free, strict=True):
        torch.testing.assert_close(clipped, whole / free_norm, rtol=1e-3, atol=1e-9)


def test_bf16_keeps_fp32_weights_and_loses_no_more_than_rounding(tmp_path, trainer):
    runs = {name: trainer(tmp_path / name, precision=name) for name in ("fp32", "bf16")}
    for run in runs.values():
        run.run()
    assert {parameter.dtype for parameter in runs["bf16"].objective.parameters()} == {torch.float32}
    last = {name: run.folder.metrics.lines()[-1]["loss"] for name, run in runs.items()}
    assert last["bf16"] != last["fp32"]  # the products really are bf16, which has 8 bits
    assert abs(last["bf16"] - last["fp32"]) < 2**-8 * last["fp32"]


@pytest.mark.slow
def test_a_run_that_is_compiled_learns_as_one_that_is_not(tmp_path, trainer):
    runs = {name: trainer(tmp_path / name, compile=name) for name in ("no", "layers", "graphs")}
    for run in runs.values():
        run.run()
    last = {name: run.folder.metrics.lines()[-1]["loss"] for name, run in runs.items()}
    assert last["layers"] == pytest.approx(last["no"], rel=0.05)  # dropout draws otherwise
    assert last["graphs"] == pytest.approx(last["layers"], rel=1e-3)


def test_a_validation_that_is_not_a_finite_number_is_null_in_the_metrics(trainer, tmp_path):
    losses = iter([3.0, math.nan, math.inf, 2.0])
    made = trainer(tmp_path, validate=lambda: {"loss": next(losses)})
    state = made.run()

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    texts = (tmp_path / "metrics.jsonl").read_text().splitlines()
    lines = [json.loads(text, parse_constant=refuse) for text in texts]
    assert [line["valid_loss"] for line in lines if "valid_loss" in line] == [3.0, None, None, 2.0]
    assert state.best_update == 12
