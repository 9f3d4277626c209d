"""The one road: every run leaves the same files and the same fields of its record, whatever it trains."""

from __future__ import annotations

import copy
import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from foretext.batch import Batch
from foretext.checkpoints.history import Finetuning, History, Imported, Pretraining, PretrainingResult, WatchRecord
from foretext.checkpoints.run_folder import RunFolder
from foretext.checkpoints.saved_model import describe, load_model
from foretext.errors import SettingsError, UnsoundRun
from foretext.model.gpt import GPT
from foretext.model.settings import ModelSettings
from foretext.recipes.run import Concluded, Run, carry_out
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.tasks.schema import TaskSchema
from foretext.tokenizer import Tokenizer
from foretext.training.objectives import LanguageModelling
from foretext.training.settings import LoopSettings

pytestmark = pytest.mark.usefixtures("drawn")

TOKENIZER = Tokenizer.learn_from_texts(["the cat sat on the mat and the dog sat too"], 30)
TASK = TaskSchema(kind="classification", text=("text",), classes=("no", "yes"))
OF_BOTH = {"command", "settings", "engine", "result", "departures", "watch"}


@dataclass(frozen=True)
class Outcome:
    """What a made-up run comes to."""

    folder: Path
    updates: int

    def result(self) -> PretrainingResult:
        return PretrainingResult(updates=self.updates, valid_loss=1.5)


def batch_at(update: int, rank: int, world: int) -> Batch:
    ids = np.random.default_rng([update, rank, world]).integers(0, TOKENIZER.size, 16)
    return Batch(ids, np.full(2, 8), np.arange(2))


@pytest.fixture
def run(tmp_path, plan):
    """A run of three updates on random ids, for a model that was imported."""
    shape = ModelSettings(vocabulary=TOKENIZER.size, context=8, layers=1, width=16, heads=2)
    settings = PretrainSettings(corpus=tmp_path, out=tmp_path / "run", loop=LoopSettings(device="cpu"))
    return Run(
        title="made-up training",
        settings=settings,
        record=Pretraining(settings={"epochs": 1.0}, corpus="c0ffee"),
        history=History(imported=Imported(format="hf")),
        objective=LanguageModelling(GPT(shape)),
        plan=plan(updates=3, log_every=1),
        batch_at=batch_at,
        validate=None,
        of_length=lambda updates: (plan(updates=updates, log_every=1), Pretraining(settings={"updates": updates})),
        conclude=lambda folder, state: Concluded(Outcome(folder.path, state.update), TASK),
        tokenizer=TOKENIZER,
    )


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_pretraining_and_fine_tuning_leave_the_same_files(language_model, classifier):
    assert names(language_model) == names(classifier)
    assert names(classifier) == {
        *("run.json", "settings.toml", "metrics.jsonl", "report.html", "checkpoints"),
        *("model.json", "model.safetensors", "tokenizer.json"),
    }


def test_pretraining_and_fine_tuning_keep_the_same_fields_of_their_records(language_model, classifier):
    trained = json.loads((classifier / "model.json").read_text(encoding="utf-8"))["history"]
    before = json.loads((language_model / "model.json").read_text(encoding="utf-8"))["history"]
    assert trained["pretraining"] == before["pretraining"]
    pretraining, finetuning = trained["pretraining"], trained["finetuning"]
    assert pretraining.keys() == OF_BOTH | {"corpus"}
    assert finetuning.keys() == OF_BOTH | {"model", "data", "task", "learning_rate"}
    assert pretraining["engine"].keys() == finetuning["engine"].keys()
    for folder, record in ((language_model, pretraining), (classifier, finetuning)):
        identity = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        assert identity == {name: record[name] for name in identity}


def test_the_model_remembers_what_it_was_what_was_run_and_what_came_of_it(run, caplog):
    caplog.set_level(logging.INFO)
    assert carry_out(run) == Outcome(run.settings.out, 3)
    saved = load_model(run.settings.out)
    assert saved.task == TASK
    assert saved.history.imported == run.history.imported
    record = saved.history.pretraining
    without = {"engine": Pretraining().engine, "result": PretrainingResult(), "departures": None}
    assert replace(record, **without, watch=WatchRecord()) == run.record
    assert record.watch == WatchRecord(mode="act", sound=True, left_out=0, alarms=0, went_back=())
    assert record.engine.device == "cpu"
    assert record.result == PretrainingResult(updates=3, valid_loss=1.5)
    assert ("layers", 1, 12) in {(d.setting, d.value, d.paper) for d in record.departures}
    assert "departs from the paper in the model: " in caplog.text
    assert "Made-up training run" in (run.settings.out / "report.html").read_text(encoding="utf-8")


def test_a_run_that_is_done_is_concluded_again_from_its_checkpoint(run):
    carry_out(run)
    weights = describe(run.settings.out).weights_sha256
    again = replace(
        run, settings=run.settings.model_copy(update={"resume": True}), batch_at=lambda *_: pytest.fail("an update")
    )
    assert carry_out(again) == Outcome(run.settings.out, 3)
    assert describe(run.settings.out).weights_sha256 == weights


def test_another_run_is_refused_before_anything_is_written(run):
    carry_out(run)
    before = (run.settings.out / "settings.toml").read_bytes()
    other = run.settings.model_copy(update={"resume": True, "seed": 9})
    with pytest.raises(SettingsError, match="the corpus is another one"):
        carry_out(replace(run, settings=other, record=replace(run.record, corpus="0ther")))
    with pytest.raises(SettingsError, match="it is a pre-training and was to be a fine-tuning"):
        carry_out(replace(run, settings=other, record=Finetuning()))
    assert (run.settings.out / "settings.toml").read_bytes() == before


def test_that_one_process_has_no_shards_is_said(run, caplog):
    settings = run.settings.model_copy(update={"loop": LoopSettings(device="cpu", strategy="fsdp")})
    carry_out(replace(run, settings=settings))
    assert "--strategy fsdp changes nothing: one process has all weights" in caplog.text


def counting(update: int, rank: int, world: int) -> Batch:
    """Ids that rise by three from a start that is drawn, which is soon learned."""
    starts = np.random.default_rng([update, rank, world]).integers(0, TOKENIZER.size, (4, 1))
    return Batch(((starts + 3 * np.arange(8)) % TOKENIZER.size).ravel(), np.full(4, 8), np.arange(4))


def test_a_run_that_the_watch_stops_leaves_the_best_model_that_it_came_to(run, plan):
    """The rate grows beyond all bounds from update 150 on; validation is best at update 100."""
    planned = plan(
        updates=400,
        learning_rate=1e-2,
        schedule=lambda update: 1.0 if update < 150 else min(200.0, 1.05 ** (update - 150)),
        validate_every=20,
    )
    scores = iter([5.0, 4.0, 3.0, 2.0, 1.0, *[9.0] * 100])
    bad = replace(run, plan=planned, batch_at=counting, validate=lambda: {"loss": next(scores)})
    with pytest.raises(UnsoundRun, match=f"; the best model, that after update 100, is saved in {run.settings.out}$"):
        carry_out(bad)
    best = bad.objective.model.state_dict()
    RunFolder(run.settings.out).checkpoints.restore_best(100, bad.objective)
    saved = load_model(run.settings.out)
    assert all(torch.equal(weights, best[name]) for name, weights in saved.gpt.state_dict().items())
    record = saved.history.pretraining
    assert record.result.updates == 100
    assert (record.watch.sound, record.watch.alarms, len(record.watch.went_back)) == (False, 3, 3)
    assert "stopped at update" in record.watch.stopped
    assert "the run is not sound" in (run.settings.out / "report.html").read_text(encoding="utf-8")
    before = describe(run.settings.out).weights_sha256
    again = replace(bad, settings=run.settings.model_copy(update={"resume": True}))
    with pytest.raises(UnsoundRun, match="the best model, that after update 100"):
        carry_out(again)
    assert describe(run.settings.out).weights_sha256 == before


def test_a_tracker_is_no_part_of_what_a_run_is_and_may_come_with_a_resume(run, tmp_path):
    def again(out: Path, **values: Any) -> Run:
        loop = LoopSettings(device="cpu", log_to=("tensorboard",))
        settings = run.settings.model_copy(update={"out": out, "loop": loop, **values})
        return replace(run, settings=settings, objective=LanguageModelling(fresh))

    fresh = copy.deepcopy(run.objective.model)
    carry_out(run)
    carry_out(again(tmp_path / "tracked"))
    for name in ("run.json", "model.safetensors"):
        assert (tmp_path / "tracked" / name).read_bytes() == (run.settings.out / name).read_bytes()
    assert "tensorboard" in names(tmp_path / "tracked")
    assert "tensorboard" not in names(run.settings.out)
    carry_out(again(run.settings.out, resume=True))
    assert "tensorboard" in names(run.settings.out)


def test_a_tracker_that_is_not_installed_ends_a_run_before_it_begins(run, monkeypatch):
    monkeypatch.setattr("foretext.training.trackers.find_spec", lambda package: None)
    loop = LoopSettings(device="cpu", log_to=("wandb",))
    with pytest.raises(SettingsError, match="pip install wandb"):
        carry_out(replace(run, settings=run.settings.model_copy(update={"loop": loop})))
    assert not run.settings.out.exists()
