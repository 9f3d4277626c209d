"""Scores that the examples leave undefined are said to be so, as a word and as null, and choose no weights."""

from __future__ import annotations

import json
import logging
import math
import re
from pathlib import Path

import pytest

import foretext
from foretext.checkpoints.saved_model import load_model
from foretext.cli import main
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.tasks.labelled import LabelledDataSettings
from foretext.training.settings import LoopSettings

pytestmark = pytest.mark.usefixtures("drawn")

TRAIN = {
    "regression": "text,label\n" + "".join(f"Ann saw {number} cats.,{number}.5\n" for number in range(8)),
    "classification": "text,label\n" + "Ann saw a cat.,cat\nBob saw a dog.,dog\n" * 4,
    "ordinal": "text,label\n" + "Ann saw a cat.,low\nBob saw a dog.,high\n" * 4,
}
EQUAL = {
    "regression": "text,label\na cat,3.5\na dog,3.5\n",
    "classification": "text,label\na cat,cat\nanother cat,cat\n",
    "ordinal": "text,label\na cat,low\nanother cat,low\n",
}
METRIC = {"regression": "pearson", "classification": "matthews", "ordinal": "quadratic_kappa"}


def finetuned(language_model: Path, tmp_path: Path, kind: str, valid: str) -> Path:
    (tmp_path / "train.csv").write_text(TRAIN[kind])
    (tmp_path / "valid.csv").write_text(valid)
    files = {"data": tmp_path / "train.csv", "valid": tmp_path / "valid.csv"}
    settings = FinetuneSettings(
        model=str(language_model),
        out=tmp_path / "run",
        labelled=LabelledDataSettings(kind=kind, metric=METRIC[kind], **files),
        epochs=2,
        batch=4,
        loop=LoopSettings(device="cpu", precision="fp32", patience=1),
    )
    foretext.finetune(settings)
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("kind", "chooses"),
    [
        ("regression", "the weights after the last update are kept"),
        ("classification", "accuracy chooses the weights"),
        ("ordinal", "accuracy chooses the weights"),
    ],
)
def test_weights_are_not_chosen_by_a_score_that_tells_nothing(capfd, caplog, language_model, tmp_path, kind, chooses):
    with caplog.at_level(logging.WARNING):
        run = finetuned(language_model, tmp_path, kind, EQUAL[kind])
    assert f"{METRIC[kind]} tells nothing (all targets are equal): {chooses}" in caplog.text
    result = load_model(run).history.finetuning.result
    if kind == "regression":
        assert result.best_update == result.updates == 4
    if kind == "ordinal":
        return  # kappa has a value there, 0, as long as the predictions are not that class alone

    assert main(["evaluate", str(run), "--data", str(tmp_path / "valid.csv"), "--device", "cpu"]) == 0
    assert re.search("undefined +all targets are equal", capfd.readouterr().out)
    report = tmp_path / "report.html"
    arguments = ["evaluate", run, "--data", tmp_path / "valid.csv", "--device", "cpu", "--json", "--report", report]
    assert main([str(argument) for argument in arguments]) == 0
    estimate = json.loads(capfd.readouterr().out, parse_constant=pytest.fail)["metrics"][METRIC[kind]]
    assert estimate == {"value": None, "low": None, "high": None, "count": 2, "undefined": "all targets are equal"}
    assert "undefined: all targets are equal" in report.read_text()
    scores = foretext.load(run, device="cpu").scores
    assert math.isnan(scores[METRIC[kind]])
    assert scores.lines()[0].startswith(f"{METRIC[kind]} undefined: all targets are equal")


def test_one_example_has_no_correlation(capfd, language_model, tmp_path):
    run = finetuned(language_model, tmp_path, "regression", "text,label\na cat,1.5\na dog,2.5\n")
    (tmp_path / "one.csv").write_text("text,label\na cat,1.5\n")
    assert main(["evaluate", str(run), "--data", str(tmp_path / "one.csv"), "--device", "cpu"]) == 0
    assert re.search("undefined +it takes two examples", capfd.readouterr().out)
