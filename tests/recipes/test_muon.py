"""Muon in whole runs: said, kept, resumed, refused where it means nothing."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from foretext.cli import main
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.training.settings import OptimizerSettings

SMALL = "--layers 1 --width 32 --heads 2 --context 32 --initial-deviation 0.1 --batch 4 --warmup 5 --device cpu"


@pytest.fixture
def corpus(language_model: Path) -> Path:
    return language_model.parent / "corpus"


def pretrain(corpus: Path, out: Path, *flags: str) -> int:
    return main(["pretrain", str(corpus), "--out", str(out), *SMALL.split(), "--learning-rate", "1e-2", *flags])


def test_a_pre_training_says_which_weights_are_whose_and_keeps_the_departure(corpus, tmp_path, capsys, caplog):
    caplog.set_level(logging.INFO)
    assert pretrain(corpus, tmp_path / "run", "--updates", "20", "--optimizer", "muon", "--muon-steps", "4") == 0
    assert "muon moves 4 matrices: attention.query_key_value, attention.output, feed_forward.expand, " in caplog.text
    assert "; adam moves embedding, " in caplog.text
    history = json.loads((tmp_path / "run" / "model.json").read_text())["history"]
    departed = {d["setting"]: (d["value"], d["paper"]) for d in history["pretraining"]["departures"]}
    assert departed["optimizer"] == ("muon", "adam")
    assert (departed["muon_rate"], departed["muon_steps"]) == ((0.2, ""), (4, ""))
    assert departed["muon_momentum"] == (0.95, "")
    capsys.readouterr()
    assert main(["recipe", str(tmp_path / "run")]) == 0
    table = " ".join(capsys.readouterr().out.split())
    assert "optimizer muon (not" in table


def test_without_it_nothing_of_it_departs_or_is_shown(language_model, capsys):
    history = json.loads((language_model / "model.json").read_text())["history"]
    assert not [
        d for d in history["pretraining"]["departures"] if "muon" in d["setting"] or d["setting"] == "optimizer"
    ]


def test_a_run_is_not_resumed_with_another_optimizer(corpus, tmp_path, capsys):
    assert pretrain(corpus, tmp_path / "run", "--updates", "8", "--optimizer", "muon") == 0
    assert pretrain(corpus, tmp_path / "run", "--updates", "8", "--resume") == 2
    assert "holds a run that was begun otherwise: optimizer: muon before, adam now" in capsys.readouterr().err


def test_a_run_of_a_version_that_knew_adam_alone_goes_on_under_it(corpus, tmp_path, capsys):
    out = tmp_path / "run"
    assert pretrain(corpus, out, "--updates", "8") == 0
    identity = json.loads((out / "run.json").read_text())
    for name in ("optimizer", "muon_rate", "muon_momentum", "muon_steps"):
        del identity["settings"]["optimizer"][name]
    (out / "run.json").write_text(json.dumps(identity))
    assert pretrain(corpus, out, "--updates", "8", "--resume") == 0
    assert pretrain(corpus, out, "--updates", "8", "--resume", "--optimizer", "muon") == 2
    assert "optimizer: adam before, muon now" in capsys.readouterr().err


def test_one_model_goes_on_under_the_other_optimizer(language_model, corpus, tmp_path):
    flags = ("--updates", "8", "--optimizer", "muon", "--start", str(language_model))
    assert pretrain(corpus, tmp_path / "run", *flags) == 0


def test_fine_tuning_takes_it_too(language_model, labelled, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    out = tmp_path / "run"
    flags = ["--epochs", "1", "--learning-rate", "1e-2", "--optimizer", "muon", "--device", "cpu"]
    assert main(["finetune", str(language_model), str(labelled / "train.csv"), "--out", str(out), *flags]) == 0
    assert "; adam moves embedding, " in caplog.text
    assert "head.linear, head.linear.bias" in caplog.text
    record = json.loads((out / "model.json").read_text())["history"]["finetuning"]
    departed = {d["setting"]: d["value"] for d in record["departures"] if d["stage"] == "finetuning"}
    assert departed["optimizer"] == "muon"
    assert departed["muon_rate"] == pytest.approx(0.2)


@pytest.mark.parametrize("flag", [["--muon-rate", "0.1"], ["--muon-steps", "3"], ["--muon-momentum", "0.9"]])
def test_what_means_nothing_without_it_is_refused(corpus, tmp_path, capsys, flag):
    assert pretrain(corpus, tmp_path / "run", *flag) == 2
    assert f"{flag[0]} means something with --optimizer muon alone" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_it_is_asked_for_by_name_or_in_its_table():
    """The table of its settings has the same name."""
    for given in ("muon", {"optimizer": "muon"}, OptimizerSettings(optimizer="muon")):
        made = PretrainSettings.named({"corpus": "c", "out": "o", "optimizer": given})
        assert made.optimizer.optimizer == "muon"
        assert PretrainSettings.preset("mini", corpus="c", out="o", optimizer=given).optimizer.optimizer == "muon"
