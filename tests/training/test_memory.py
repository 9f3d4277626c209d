"""Memory: what fits at once is found out, what is computed again is the same, and takes less."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from foretext.batch import Batch, pack
from foretext.errors import ForetextError
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.model.settings import ModelSettings
from foretext.training import engine, memory
from foretext.training.freed_memory import ENOUGH_FREE
from foretext.training.objectives import Counts, LanguageModelling

SHAPE = ModelSettings(vocabulary=30, context=32, layers=3, width=16, heads=2)  # dropout is on
UNEVEN = pack([[[1, 2, 3]], [[4] * 8], [[5, 6]], [[7] * 4]])
GRADIENTS = "foretext.training.gradients"  # which asks for memory


def test_a_part_has_no_more_cells_than_it_may():
    assert memory.grid_cells(UNEVEN) == 4 * 8
    for most, examples in ((0, 4), (7, 1), (16, 2), (31, 3), (32, 4), (99, 4)):
        assert memory.examples_within(UNEVEN, most) == examples


def test_the_peak_is_that_of_the_tensors_alive_together():
    kept = torch.zeros(1000)

    def step(_: Batch) -> None:
        first = torch.ones(100)  # 400 bytes
        second = first + 1  # 800
        del first  # 400
        second.add_(1)[:50].mul_(2)  # nothing new
        kept.view(10, 100).add_(1)  # held before
        third = torch.zeros(300, dtype=torch.bfloat16)  # 1,000
        del second, third

    assert memory.peak_bytes(step, UNEVEN, held=[kept]) == 1000


def test_what_fits_follows_from_what_a_cell_takes(monkeypatch):
    monkeypatch.setattr(memory, "FREE_SHARE", 0.5)

    def step(batch: Batch) -> None:
        torch.zeros(50 + 10 * memory.grid_cells(batch), dtype=torch.uint8)  # 10 bytes a cell, and 50

    batch = pack([[[1] * 4]] * 8)
    assert memory.cells_that_fit(step, batch, 50 + 2 * 10 * 12) == 12
    assert memory.cells_that_fit(step, batch, 0) == 1
    assert memory.cells_that_fit(step, pack([[[1, 2]]]), 0) == 0  # nothing to cut


def objective() -> LanguageModelling:
    return LanguageModelling(GPT(SHAPE, seed=1))


def gradients(recompute: bool) -> list[torch.Tensor]:
    made = objective()
    made.model.recompute = recompute
    torch.manual_seed(3)
    made(Sequences.of(pack([[[1, 2, 3] * 5], [[4, 5] * 4]])), Counts(2, 2))["loss"].backward()
    return [parameter.grad for parameter in made.parameters()]


def test_recomputed_activations_give_the_same_gradients_with_the_same_dropout():
    for kept, again in zip(gradients(False), gradients(True), strict=True):
        assert torch.equal(kept, again)


def test_recomputing_needs_less_memory():
    peaks = []
    for recompute in (False, True):
        made = objective()
        made.model.recompute = recompute

        def step(batch: Batch, made: LanguageModelling = made) -> None:
            made(Sequences.of(batch), Counts(8, 8))["loss"].backward()

        peaks.append(memory.peak_bytes(step, pack([[[1] * 32]] * 8), held=made.parameters()))
    assert peaks[1] < 0.6 * peaks[0]  # of three layers one is held, and what stands between them


def full_after(monkeypatch, examples: int) -> list[int]:
    """Has every part of more than so many examples run out of memory, and notes the sizes that were tried."""
    tried = []
    forward = LanguageModelling.forward

    def limited(self, sequences, counts):
        tried.append(sequences.example_count)
        if sequences.example_count > examples:
            raise torch.OutOfMemoryError("no room")
        return forward(self, sequences, counts)

    monkeypatch.setattr(LanguageModelling, "forward", limited)
    # As on an accelerator: nothing is known before.
    monkeypatch.setattr(f"{GRADIENTS}.cells_that_fit", lambda *_, **__: 0)
    return tried


def test_auto_halves_until_it_fits_and_ends_with_the_weights_of_that_micro_batch(monkeypatch, caplog, trainer):
    tried = full_after(monkeypatch, 1)
    caplog.set_level(logging.INFO)
    found = trainer(None, updates=2, micro_batch="auto")
    found.run()
    assert tried[:3] == [4, 2, 1]
    assert set(tried[3:]) == {1}  # once found it is kept
    assert "1 of 4 examples at once" in caplog.text
    given = trainer(None, updates=2, micro_batch=1)
    given.run()
    for one, other in zip(found.objective.parameters(), given.objective.parameters(), strict=True):
        assert torch.equal(one, other)


def test_where_one_example_does_not_fit_advice_is_given(monkeypatch, trainer):
    full_after(monkeypatch, 0)
    with pytest.raises(ForetextError, match="1 examples of up to 8 tokens do not fit .* --recompute needs less"):
        trainer(None, micro_batch="auto").run()
    with pytest.raises(ForetextError, match="4 examples .* --micro-batch auto"):
        trainer(None).run()


def test_on_a_cpu_auto_follows_from_free_memory_and_a_resumed_run_keeps_what_was_found(monkeypatch, tmp_path, trainer):
    def cells_with(free: int) -> int:
        monkeypatch.setattr(f"{GRADIENTS}.free_memory", lambda: free)
        made = trainer(None, updates=1, micro_batch="auto")
        made.run()
        return made.state.grid_cells

    assert cells_with(1) == 1
    assert 8 <= cells_with(1_000_000) < cells_with(2_000_000)
    monkeypatch.setattr(f"{GRADIENTS}.free_memory", lambda: 1)
    trainer(tmp_path, updates=3, micro_batch="auto").run()
    monkeypatch.setattr(f"{GRADIENTS}.free_memory", lambda: 1 << 40)
    resumed = trainer(tmp_path, updates=6, micro_batch="auto", resume=True)
    resumed.run()
    assert resumed.state.grid_cells == 1


def test_free_memory_is_some_and_less_than_the_machine_has():
    assert 0 < memory.free_memory() < 1 << 50


def test_an_engine_brings_all_of_a_batch_to_its_device(trainer):
    batch = Batch(np.arange(6), np.array([2, 4]), np.array([0, 1]), np.array([1, 0]))
    elsewhere = replace(trainer(None).engine, device=torch.device("meta"))  # has shapes, and no memory
    for name, value in vars(Sequences.of(batch)).items():
        brought = getattr(elsewhere.sequences(batch), name)
        if isinstance(value, torch.Tensor):
            assert (brought.device.type, brought.shape) == ("meta", value.shape)
        else:
            assert brought == value


@pytest.mark.parametrize(("keeps", "free", "given"), [(True, 0, 0), (True, -1, 1), (False, -1, 0)])
def test_kept_memory_is_given_back_once_it_is_no_longer_plenty(monkeypatch, keeps, free, given):
    calls = []
    monkeypatch.setattr(engine, "free_memory", lambda: ENOUGH_FREE + free)
    monkeypatch.setattr(engine, "give_back_freed_memory", lambda: calls.append(1))
    engine.Engine(fabric=None, device=torch.device("cpu"), precision="fp32", keeps_memory=keeps).tidy()
    assert len(calls) == given
