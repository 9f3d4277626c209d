"""Where a run stands comes back from checkpoints of every version, and a window counts from where it begins."""

from __future__ import annotations

import json

import pytest
import torch

from foretext.training.state import State, Window


def test_a_checkpoint_of_an_earlier_version_brings_all_that_it_knew():
    state = State()
    state.restore({"update": 6, "tokens": 60, "best": 1.5, "best_update": 3, "places": 8, "sha256": {"model": "ab"}})
    assert state == State(update=6, tokens=60, best=1.5, best_update=3, grid_cells=8)


def test_a_run_of_an_earlier_version_goes_on_with_the_parts_that_it_had_found_to_fit(tmp_path, trainer):
    trainer(tmp_path, updates=3, micro_batch="auto").run()
    kept = tmp_path / "checkpoints" / "update-00000003" / "state.json"
    values = json.loads(kept.read_text())
    del values["grid_cells"]
    kept.write_text(json.dumps({**values, "places": 8}))
    resumed = trainer(tmp_path, updates=6, micro_batch="auto", resume=True)
    assert resumed.run().grid_cells == 8


def test_a_window_begins_anew_where_the_run_stands():
    window = Window()
    window.add({"loss": torch.tensor(4.0)})
    window.close_update(torch.tensor(1.0), 0.1)
    window.begin(State(update=1, tokens=100, seconds=2.0))
    for loss in (1.0, 2.0):
        window.add({"loss": torch.tensor(loss)})
        window.close_update(torch.tensor(3.0), 0.2)
    line = window.line(State(update=3, tokens=160, seconds=5.0))
    assert (line["loss"], line["gradient_norm"], line["learning_rate"]) == (1.5, 3.0, 0.2)
    assert (line["tokens"], line["tokens_per_second"]) == (160, pytest.approx(20.0))
