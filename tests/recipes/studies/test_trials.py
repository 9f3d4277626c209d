"""Trials: one fine-tuning and its scores, done once, kept by what it follows from."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from foretext.checkpoints.saved_model import SavedModel, load_model
from foretext.errors import ForetextError, ModelError
from foretext.evaluation.scoring import score_examples
from foretext.recipes.studies import trials
from foretext.recipes.studies.trials import trial
from foretext.serving.predictor import Predictor
from foretext.tasks.examples import Span
from foretext.tasks.labelled import LabelledData, LabelledDataSettings, read_labelled_data
from foretext.tasks.reading import read_labelled
from foretext.training.settings import LoopSettings

QUICK: dict[str, Any] = {
    "epochs": 1.0,
    "batch": 16,
    "learning_rate": 1e-2,
    "loop": LoopSettings(device="cpu", precision="fp32"),
}


@pytest.fixture(scope="module")
def model(language_model: Path) -> SavedModel:
    return load_model(language_model)


@pytest.fixture(scope="module")
def data(labelled: Path) -> LabelledData:
    settings = LabelledDataSettings(data=labelled / "train.csv", kind="classification")
    return read_labelled_data(settings, seed=0)


def test_a_trial_scores_what_its_kept_run_predicts(
    model: SavedModel, data: LabelledData, labelled: Path, tmp_path: Path
) -> None:
    test = read_labelled(labelled / "test.csv", data.schema).examples
    done = trial(model, data, seed=0, folder=tmp_path, tests={"test": test}, keep_run=True, **QUICK)
    assert done.folder is not None
    said = Predictor.load(done.folder, device="cpu").answer_all(test)
    assert done.sets["test"].predictions == list(said.labels)
    assert done.score == score_examples(test, said, schema=data.schema).score.value


def test_a_trial_is_done_once(
    model: SavedModel, data: LabelledData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = trial(model, data, seed=1, folder=tmp_path, **QUICK)
    assert [path.name for path in tmp_path.iterdir()] == [f"{first.fingerprint}.json"]
    monkeypatch.setattr(trials, "finetune_from", lambda *_: pytest.fail("trained again"))
    again = trial(model, data, seed=1, folder=tmp_path, **QUICK)
    assert again == first


@pytest.mark.parametrize(
    "labels",
    [["a", "b"], [0.5, 1.0], [("law", "sea"), ()], [(Span(0, 3, "person"), Span(4, 6, "place")), (Span(1, 2, "x"),)]],
)
def test_predictions_of_every_form_come_back_from_a_trial_s_file_as_they_were(
    labels: list[Any], tmp_path: Path
) -> None:
    scores = trials.Scores(2, {"accuracy": 1.0}, {"accuracy": 0.5}, labels)
    done = trials.Trial("x", 0, {}, 1, 1, 0.0, {"valid": scores}, ())
    (tmp_path / "x.json").write_text(json.dumps({"format": trials.FORMAT, **asdict(done)}))
    assert trials.read_trial(tmp_path / "x.json") == done


def test_everything_that_decides_the_result_gives_another_trial(
    model: SavedModel, data: LabelledData, tmp_path: Path
) -> None:
    def fingerprint(data: LabelledData = data, **changed: Any) -> str:
        settings = trials.FinetuneSettings(model="m", out=tmp_path, **{**QUICK, **changed})
        return trials.fingerprint(model, data, settings, {"valid": data.valid})

    fewer = LabelledData(data.schema, data.train[1:], data.valid)
    changed = [fingerprint(seed=1), fingerprint(epochs=2.0), fingerprint(transfer_layers=-1), fingerprint(fewer)]
    assert len({fingerprint(), *changed}) == 5
    assert fingerprint(loop=LoopSettings(device="auto", precision="fp32")) == fingerprint()
    assert fingerprint(loop=LoopSettings(device="cpu", precision="bf16")) != fingerprint()


def test_a_model_that_was_never_saved_is_refused(model: SavedModel, data: LabelledData, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a trial needs a model that was saved"):
        trial(SavedModel(model.gpt, model.tokenizer), data, seed=0, folder=tmp_path, **QUICK)


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"format": 1}')
    with pytest.raises(ForetextError, match=r"x\.json is no record of a trial"):
        trials.read_trial(tmp_path / "x.json")
