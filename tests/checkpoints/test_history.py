"""A history is read from `model.json` of every version there was, and written as it was read."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from foretext.checkpoints.history import (
    ChunkRecord,
    Departure,
    EngineRecord,
    Finetuning,
    FinetuningResult,
    History,
    Imported,
    Pretraining,
    PretrainingResult,
    Start,
    WatchRecord,
    WentBack,
)
from foretext.checkpoints.saved_model import describe
from foretext.recipes.paper.departures import run_values
from foretext.tasks.schema import TaskSchema

FIRST_MODEL = Path(__file__).parent / "first-model"  # the model.json that the first one came with

CLIP = {"point": "6", "name": "Gradient clipping", "stage": "finetuning", "setting": "clip", "value": 5.0, "paper": 1.0}
ENGINE = {"device": "cpu", "processor": "x86_64", "precision": "bf16", "threads": 2, "processes": 1, "torch": "2.13.0"}
TASK = TaskSchema(kind="classification", text=("text",), classes=("no", "yes")).to_dict()
VALIDATION = {"count": 8, "metrics": {"accuracy": {"value": 0.5}}}
# As versions wrote them, the oldest first. The first ones knew no departures, and no rate but that of the result.
PRETRAINED_FIRST = {
    "pretraining": {
        "command": "pretrain",
        "settings": {"updates": 7, "model": {"layers": 4}, "optimizer": {"clip": 1.0}},
        "corpus": "c0ffee",
        "engine": ENGINE,
        "result": {"parameters": 9, "updates": 7, "tokens": 70, "seconds": 1.5},
    }
}
FINETUNED_FIRST = {
    **PRETRAINED_FIRST,
    "finetuning": {
        "command": "finetune",
        "settings": {"learning_rate": None, "epochs": 3.0},
        "model": "abc",
        "data": "da7a",
        "task": TASK,
        "engine": ENGINE,
        "result": {
            "updates": 3, "seconds": 0.5, "learning_rate": 2e-4, "best_update": 2, "validation": VALIDATION,
        },
    },
}  # fmt: skip
IMPORTED = {"import": {"format": "hf", "source": "somebody/gpt", "seed": 0, "drawn": "3 special tokens"}}
RELEASED = {"import": {"format": "openai", "seed": 1, "drawn": "3", "chunks": [{"values": 5, "header": "NUMPY"}]}}
GONE_ON = {
    "pretraining": {
        **PRETRAINED_FIRST["pretraining"],
        "start": {"model": "fed", "history": IMPORTED},
        "engine": {**ENGINE, "keeps_memory": True},
        "departures": [],
    }
}
BEFORE = {  # what the dicts held that these records took the place of
    **GONE_ON,
    "finetuning": {
        **FINETUNED_FIRST["finetuning"],
        "learning_rate": 2e-4,
        "engine": {**ENGINE, "keeps_memory": False},
        "departures": [CLIP],
    },
}
AFTER_ANOTHER_TASK = {
    "finetuning": {
        **BEFORE["finetuning"],
        "intermediate": {**FINETUNED_FIRST["finetuning"], "published": "SNLI"},
        "recommended": ["epochs", "batch"],
        "departures": [{**CLIP, "recommended": True}],
    }
}
SHAPES = {
    "nothing": {},
    "pre-trained, first version": PRETRAINED_FIRST,
    "fine-tuned, first version": FINETUNED_FIRST,
    "imported": IMPORTED,
    "imported from the release": RELEASED,
    "gone on with": GONE_ON,
    "fine-tuned, version before": BEFORE,
    "fine-tuned after another task": AFTER_ANOTHER_TASK,
}


@pytest.mark.parametrize("values", SHAPES.values(), ids=SHAPES)
def test_a_history_of_any_version_is_written_as_it_was_read(values):
    assert json.loads(json.dumps(History.from_json(values).to_json())) == values


def test_the_first_model_there_was_can_be_described():
    about = describe(FIRST_MODEL)
    written = json.loads((FIRST_MODEL / "model.json").read_text(encoding="utf-8"))
    assert about.history.to_json() == written["history"]
    assert about.history.pretraining.engine.precision == "bf16"
    assert about.history.pretraining.departures is None  # not known, which is not none
    assert run_values(about.model, about.history, "paper")["pretraining.adam"] == "released"


def test_all_of_a_history_comes_back():
    departures = (Departure(**CLIP),)
    imported = Imported("openai", "somebody", 3, "3 special tokens", (ChunkRecord(5, "NUMPY"),))
    history = History(
        imported=imported,
        pretraining=Pretraining(
            settings={"epochs": 1.0},
            corpus="c0ffee",
            start=Start("fed", History(imported=imported)),
            engine=EngineRecord("cpu", "x86_64", "fp32", 2, True, 1, "2.13.0"),
            result=PretrainingResult(9, 7, 70, 1.5, 2.0, 7.4),
            departures=departures,
            watch=WatchRecord("act", False, 3, 2, (WentBack(40, 20, "why"), WentBack(50, 20, "why")), "stopped"),
        ),
        finetuning=Finetuning(
            settings={"epochs": 3.0},
            model="abc",
            data="da7a",
            task=TaskSchema.from_dict(TASK),
            learning_rate=1e-3,
            engine=EngineRecord(precision="bf16"),
            result=FinetuningResult(3, 0.5, 1e-3, 2, VALIDATION),
            departures=(),
        ),
    )
    assert History.from_json(json.loads(json.dumps(history.to_json()))) == history


def test_a_watch_says_what_it_did_and_nothing_of_a_sound_run():
    assert WatchRecord().lines() == []
    assert WatchRecord("act", True, 0, 0, ()).lines() == []
    assert WatchRecord("act", True, 1_200, 1, (WentBack(4_000, 3_900, "the loss is high"),)).lines() == [
        "watch: updates left out, as they lay far outside the band: 1,200",
        "watch: at update 4,000: the loss is high; went back to update 3,900",
    ]
    assert WatchRecord("act", False, 0, 3, (), "stopped at update 7").lines() == [
        "watch: the run is not sound: stopped at update 7"
    ]
    assert WatchRecord("warn", True, 0, 0, (), outside=2).lines() == [
        "watch: updates far outside the band that were done: 2"
    ]
    assert "was not mended" in WatchRecord("warn", False, 0, 1, ()).lines()[0]


def test_what_an_older_record_lacks_is_not_known():
    history = History.from_json({"pretraining": {"result": {"valid_loss": None}}, "finetuning": {}})
    assert history.pretraining == Pretraining()
    assert history.pretraining.result.updates is None
    assert history.finetuning.task is None


def test_names_of_another_version_are_left_out_and_said(caplog):
    caplog.set_level(logging.INFO)
    history = History.from_json({"pretraining": {"corpus": "c0ffee", "moon": "full"}})
    assert history == History(pretraining=Pretraining(corpus="c0ffee"))
    assert "does not know them: moon" in caplog.text


def test_a_run_is_told_from_others_by_what_its_weights_follow_from():
    """As `run.json` of earlier versions has it, so that their runs can be resumed."""
    finetuning, pretraining = (History.from_json(BEFORE).finetuning, History.from_json(BEFORE).pretraining)
    written = BEFORE["finetuning"]
    assert finetuning.identity() == {name: written[name] for name in ("command", "settings", "model", "data", "task")}
    written = GONE_ON["pretraining"]
    named = {name: written[name] for name in ("command", "settings", "corpus")}
    assert pretraining.identity() == {**named, "start": "fed"}
    assert Pretraining(settings=written["settings"], corpus="c0ffee").identity() == named


def test_a_run_takes_the_place_of_the_one_of_its_kind():
    before = History.from_json(BEFORE)
    again = Finetuning(data="0ther")
    assert before.after(again) == History(pretraining=before.pretraining, finetuning=again)
    assert before.after(Pretraining()).finetuning == before.finetuning
