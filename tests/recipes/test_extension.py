"""A run goes on to more updates than it was begun with, and it is said what the schedule does there."""

from __future__ import annotations

import json
import logging

import pytest
import torch

from foretext.checkpoints.saved_model import load_model
from foretext.errors import SettingsError
from foretext.model.settings import ModelShape
from foretext.recipes.finetune import finetune
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.tasks.labelled import LabelledDataSettings
from foretext.training.settings import LoopSettings

SHAPE = ModelShape(context=32, layers=1, width=32, heads=2, initial_deviation=0.1)


def settings(language_model, out, **values):
    given = {"updates": 4, "batch": 4, "learning_rate": 1e-3, "warmup": 1, "model": SHAPE, **values}
    loop = LoopSettings(precision="fp32", device="cpu", log_every=1, patience=values.pop("patience", 0))
    given.pop("patience", None)
    return PretrainSettings(corpus=language_model.parent / "corpus", out=out, loop=loop, **given)


def test_a_finished_run_goes_on_from_its_end_by_the_schedule_of_its_new_length(language_model, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    pretrain(settings(language_model, tmp_path))
    before = load_model(tmp_path)
    done = pretrain(settings(language_model, tmp_path, updates=8, extend=True))
    assert done.updates == 8
    rate = 1e-3 * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * 3 / 7)))
    said = f"extended: from update 4 on the learning rate follows the schedule of 8 updates: {rate:.3g}, 0 before"
    assert said in caplog.text
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    rates = {line["update"]: line["learning_rate"] for line in lines if "learning_rate" in line}
    assert list(rates) == list(range(1, 9))
    assert rates[5] == pytest.approx(float(rate))
    assert load_model(tmp_path).fingerprint != before.fingerprint
    assert json.loads((tmp_path / "run.json").read_text())["settings"]["updates"] == 8


def test_an_extended_run_is_then_a_run_of_that_length(language_model, tmp_path):
    pretrain(settings(language_model, tmp_path))
    pretrain(settings(language_model, tmp_path, updates=6, extend=True))
    assert pretrain(settings(language_model, tmp_path, updates=6, resume=True)).updates == 6
    with pytest.raises(SettingsError, match="updates: 6 before, 4 now"):
        pretrain(settings(language_model, tmp_path, updates=4, resume=True))


def test_the_finished_model_stays_until_the_new_one_is_there(language_model, tmp_path, monkeypatch):
    pretrain(settings(language_model, tmp_path))
    before = load_model(tmp_path).fingerprint
    monkeypatch.setattr("foretext.recipes.run.save_model", lambda *_: pytest.fail("stands for a power cut"))
    with pytest.raises(pytest.fail.Exception):
        pretrain(settings(language_model, tmp_path, updates=6, extend=True))
    assert load_model(tmp_path).fingerprint == before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"updates": 3}, "has had 4 updates already, more than 3"),
        ({"updates": 8, "batch": 8}, "batch: 4 before, 8 now"),
        ({"updates": 8, "seed": 5}, "seed: 0 before, 5 now"),
    ],
    ids=str,
)
def test_nothing_else_may_change_and_nothing_goes_back(language_model, tmp_path, given, said):
    pretrain(settings(language_model, tmp_path))
    identity = (tmp_path / "run.json").read_bytes()
    with pytest.raises(SettingsError, match=said):
        pretrain(settings(language_model, tmp_path, extend=True, **given))
    assert (tmp_path / "run.json").read_bytes() == identity


def test_there_must_be_a_run_to_extend(language_model, tmp_path):
    with pytest.raises(SettingsError, match="there is no folder"):
        pretrain(settings(language_model, tmp_path / "nowhere", extend=True))


def test_a_plan_of_minutes_is_for_a_run_that_begins(language_model, tmp_path):
    given = settings(language_model, tmp_path, updates=0, extend=True)
    with pytest.raises(SettingsError, match="--minutes is for a run that begins"):
        pretrain(given.model_copy(update={"loop": given.loop.model_copy(update={"minutes": 1.0})}))


def test_a_fine_tuning_goes_on_to_more_epochs(language_model, labelled, tmp_path):
    def run(**values):
        data = LabelledDataSettings(data=labelled / "train.csv", kind="classification")
        loop = LoopSettings(device="cpu", precision="fp32")
        given = {"batch": 8, "learning_rate": 1e-2, "dropout": 0, "loop": loop, **values}
        return finetune(FinetuneSettings(model=str(language_model), out=tmp_path, labelled=data, **given))

    first = run(epochs=1)
    assert run(epochs=2, extend=True).updates == 2 * first.updates


def test_the_length_of_a_run_may_be_planned_for_a_time(language_model, tmp_path, monkeypatch):
    from foretext.recipes import length
    from foretext.training.planning import Speed

    monkeypatch.setattr(length, "measured", lambda *_: Speed(update=500.0, validation=0.0))
    given = settings(language_model, tmp_path, updates=0)
    loop = given.loop.model_copy(update={"minutes": 75})
    done = pretrain(given.model_copy(update={"loop": loop}))
    assert 7 <= done.updates <= 8  # 4,500 seconds, less those of setting up
    assert load_model(tmp_path).history.pretraining.settings["updates"] == done.updates
    again = pretrain(given.model_copy(update={"resume": True}))
    assert again.updates == done.updates
