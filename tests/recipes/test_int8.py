"""int8 answers nothing before it was compared with fp32 on labelled examples, and the report stays with the weights."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

from foretext.errors import SettingsError
from foretext.model.kernels.linear import int8_product
from foretext.recipes.evaluate import evaluate
from foretext.recipes.predict import predict
from foretext.recipes.settings.evaluate import EvaluateSettings
from foretext.recipes.settings.predict import PredictSettings
from foretext.serving import int8_report

pytestmark = pytest.mark.skipif(int8_product() is None, reason="no int8 here")


@pytest.fixture
def run(classifier, tmp_path):
    return shutil.copytree(classifier, tmp_path / "run")


def answers(run, data, out, **settings):
    predict(PredictSettings(model=str(run), data=str(data), out=str(out), device="cpu", **settings))
    return [row["prediction"] for row in csv.DictReader(out.open())]


def test_int8_is_refused_until_it_has_been_compared(run, labelled, tmp_path):
    with pytest.raises(SettingsError, match=r"evaluate .*--precision int8.*--check"):
        answers(run, labelled / "test.csv", tmp_path / "out.csv", precision="int8")
    assert not (tmp_path / "out.csv").exists()


def test_evaluate_compares_int8_with_fp32_and_lets_predict_use_it(run, labelled, tmp_path):
    data = labelled / "test.csv"
    exact = evaluate(EvaluateSettings(model=str(run), data=data, device="cpu", precision="fp32"))
    found = evaluate(EvaluateSettings(model=str(run), data=data, device="cpu", precision="int8"))
    assert found.int8 is not None
    assert found.int8.metrics["accuracy"] == (exact.evaluation.score.value, found.evaluation.score.value)
    assert json.loads((run / "int8.json").read_text()) == json.loads(json.dumps(found.int8.to_json()))
    quick = answers(run, data, tmp_path / "quick.csv", precision="int8")
    slow = answers(run, data, tmp_path / "slow.csv", precision="fp32")
    same = sum(one == other for one, other in zip(quick, slow, strict=True)) / len(quick)
    assert found.int8.agreement == same
    assert any(f"int8 gives {100 * same:.1f} % of the answers of fp32 (24 examples;" in line for line in found.lines())


def test_check_compares_first_and_keeps_the_report(run, labelled, tmp_path):
    answers(run, labelled / "test.csv", tmp_path / "one.csv", precision="int8", check=labelled / "train.csv")
    assert json.loads((run / "int8.json").read_text())["count"] == 64
    answers(run, labelled / "test.csv", tmp_path / "two.csv", precision="int8")


def test_a_report_about_other_weights_does_not_count(run, labelled, tmp_path):
    report = {"weights": "0" * 64}
    (run / "int8.json").write_text(json.dumps(report))
    with pytest.raises(SettingsError, match="not known for this model"):
        answers(run, labelled / "test.csv", tmp_path / "out.csv", precision="int8")


@pytest.mark.parametrize("word", [True, False])
def test_a_report_from_a_processor_of_another_kind_does_not_count(run, labelled, tmp_path, monkeypatch, word):
    """One without a word on bits is from when there was int8 for 8 bits alone."""
    data, file = labelled / "test.csv", run / "int8.json"
    monkeypatch.setattr(int8_report, "activation_bits", lambda: 8)
    evaluate(EvaluateSettings(model=str(run), data=data, device="cpu", precision="int8"))
    if not word:
        file.write_text(json.dumps({k: v for k, v in json.loads(file.read_text()).items() if k != "activation_bits"}))
    answers(run, data, tmp_path / "one.csv", precision="int8")
    monkeypatch.setattr(int8_report, "activation_bits", lambda: 7)
    with pytest.raises(SettingsError, match="not known for this processor"):
        answers(run, data, tmp_path / "two.csv", precision="int8")


def test_check_without_int8_is_a_mistake(run, labelled, tmp_path):
    with pytest.raises(SettingsError, match="--precision int8"):
        answers(run, labelled / "test.csv", tmp_path / "out.csv", check=labelled / "train.csv")
