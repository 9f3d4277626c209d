"""Settings that a model recommends: where they count, what beats them, and that they are said."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import foretext
from foretext.checkpoints.saved_model import load_model
from foretext.cli import main
from foretext.errors import ModelError, SettingsError
from foretext.recipes.recipe import recipe
from foretext.recipes.settings.finetune import FinetuneSettings, recommendable
from foretext.recipes.settings.recipe import RecipeSettings
from foretext.recipes.studies.trials import wanted_trial
from foretext.settings import leaves, resolve
from foretext.sklearn import ForetextClassifier
from foretext.tasks.labelled import LabelledDataSettings, read_labelled_data

RECOMMENDED = {"epochs": 2.0, "batch": 16, "learning_rate": 1e-3, "language_model_weight": 0.0, "head_reads": "mean"}


@pytest.fixture(scope="module")
def model(language_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The language model, with settings that it recommends."""
    return recommending(language_model, tmp_path_factory.mktemp("recommending") / "model", RECOMMENDED)


def recommending(source: Path, folder: Path, values: Any) -> Path:
    shutil.copytree(source, folder)
    described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    (folder / "model.json").write_text(json.dumps({**described, "recommended": values}), encoding="utf-8")
    return folder


def given(model: Path, **flags: Any) -> FinetuneSettings:
    return resolve(FinetuneSettings, flags={"model": str(model), "out": "run", **flags}).value


def test_what_is_not_given_is_as_the_model_recommends(model):
    found = given(model)
    assert (found.epochs, found.batch, found.learning_rate, found.points.head_reads) == (2.0, 16, 1e-3, "mean")
    assert found.warmup == 0.002  # the paper's, since it says nothing of it


def test_reading_both_ways_gives_way_to_a_language_model_loss_that_is_given(language_model, tmp_path):
    both = recommending(language_model, tmp_path / "both", {"attend": "both", "language_model_weight": 0.0})
    assert given(both).points.attend == "both"
    asked = given(both, language_model_weight=0.5)
    assert (asked.points.attend, asked.language_model_weight) == ("causal", 0.5)


def test_a_flag_the_environment_and_a_file_beat_it(model, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("batch = 4\n[points]\nhead_reads = 'extract'\n")
    found = resolve(
        FinetuneSettings,
        toml=file,
        environment={"FORETEXT_LEARNING_RATE": "0.5"},
        flags={"model": str(model), "out": "run", "epochs": 1},
    )
    value = found.value
    assert (value.epochs, value.batch, value.learning_rate, value.points.head_reads) == (1, 4, 0.5, "extract")
    assert value.language_model_weight == 0.0
    assert found.sources["language_model_weight"] == f"recommended by {model}"
    assert found.sources["epochs"] == "--epochs"


def test_the_papers_recipe_is_the_papers(model):
    paper = FinetuneSettings(model=str(model), out="run", recipe="paper")
    assert given(model, recipe="paper") == paper
    assert FinetuneSettings.named({"model": model, "out": "run", "recipe": "paper"}) == paper


def test_printed_settings_show_whose_a_value_is(model, capsys):
    assert main(["finetune", str(model), "data.csv", "--out", "run", "--batch", "8", "--print-settings"]) == 0
    printed = capsys.readouterr().out
    assert f"epochs = 2.0  # recommended by {model}" in printed
    assert "batch = 8  # --batch" in printed


def test_its_recipe_says_what_it_recommends(model):
    shown = recipe(RecipeSettings(run=str(model)))
    assert shown.lines()[-1].startswith("it recommends for fine-tuning: epochs 2, batch 16, learning rate 0.001,")
    assert shown.to_json()["recommended"] == RECOMMENDED


def test_epochs_that_are_given_are_not_lengthened(language_model, tmp_path):
    model = recommending(language_model, tmp_path / "model", {"epochs": 2.0, "least_updates": 500, "fresh_blocks": 1})
    assert (given(model).epochs, given(model).least_updates) == (2.0, 500)
    assert given(model, epochs=3).least_updates == 0
    assert given(model, epochs=3, least_updates=7).least_updates == 7
    assert (given(model, minutes=1).epochs, given(model, minutes=1).least_updates) == (3.0, 0)
    assert given(model, transfer_layers=0).fresh_blocks == 0


def test_a_value_that_cannot_be_is_refused_and_an_unknown_name_left_out_and_said(language_model, tmp_path, caplog):
    wrong = recommending(language_model, tmp_path / "wrong", {"epochs": -1})
    with pytest.raises(SettingsError, match=r"epochs is -1 \(recommended by .*wrong\); it should be greater than 0"):
        given(wrong)
    newer = recommending(language_model, tmp_path / "newer", {"moons": 2, "device": "cuda", "batch": 8})
    assert given(newer).batch == 8
    assert "recommends what this version does not have, which is left out: device, moons" in caplog.text
    with pytest.raises(ModelError, match="must be a table"):
        given(recommending(language_model, tmp_path / "list", ["epochs"]))


def test_what_may_be_recommended_is_how_to_fine_tune():
    known = recommendable()
    assert (
        {"epochs", "layer_decay", "head_reads", "optimizer", "least_updates"} <= known < set(leaves(FinetuneSettings))
    )
    assert not {"device", "seed", "out", "patience", "watch"} & known


def test_a_run_names_each_as_recommended_and_its_model_recommends_the_same(model, labelled, tmp_path, caplog, capsys):
    caplog.set_level(logging.INFO)
    out = tmp_path / "run"
    arguments = ["finetune", str(model), str(labelled / "train.csv"), "--out", str(out), "--dropout", "0"]
    assert main([*arguments, "--kind", "classification", "--device", "cpu"]) == 0
    said = f"departs from the paper in fine-tuning, recommended by {model}: "
    line = next(record.message for record in caplog.records if record.message.startswith(said))
    assert all(part in line for part in ("epochs 2 (3)", "batch 16 (32)", "head reads mean (extract)"))
    assert "dropout" not in line
    made = load_model(out)
    assert made.recommended == RECOMMENDED
    departed = {d.setting: d.recommended for d in made.history.finetuning.departures}
    assert (departed["epochs"], departed["dropout"]) == (True, None)
    assert "epochs 2 (not 3; recommended)" in " ".join("\n".join(recipe(RecipeSettings(run=str(out))).lines()).split())
    settings = made.history.finetuning.settings
    assert settings["epochs"] == 2.0
    assert "recipe" not in settings


def test_python_takes_what_a_model_in_memory_recommends(language_model, labelled):
    source = replace(load_model(language_model), recommended=RECOMMENDED, folder=None)
    data = labelled / "train.csv"
    made = foretext.finetune(source, data, kind="classification", epochs=1, device="cpu").saved
    settings = made.history.finetuning.settings
    assert (settings["epochs"], settings["batch"]) == (1.0, 16)
    paper = foretext.finetune(source, data, kind="classification", epochs=1, device="cpu", recipe="paper").saved
    assert paper.history.finetuning.settings["batch"] == 32


def test_estimators_take_it_where_a_parameter_is_not_given(model):
    texts, y = [f"Ann saw a {animal}." for animal in ("cat", "dog") * 20], [0, 1] * 20
    fitted = ForetextClassifier(str(model), dropout=0.0, device="cpu").fit(texts, y)
    settings = fitted.model_.saved.history.finetuning.settings
    assert (settings["epochs"], settings["batch"], settings["dropout"]) == (2.0, 16, 0.0)
    paper = ForetextClassifier(str(model), epochs=1, device="cpu", settings={"recipe": "paper"}).fit(texts, y)
    assert paper.model_.saved.history.finetuning.settings["batch"] == 32


def test_what_means_nothing_for_a_kind_is_not_taken_over(model, tmp_path):
    spans = [{"start": 0, "end": 3, "label": "name"}]
    rows = [{"text": f"Ann saw a {animal}", "spans": spans} for animal in ("cat", "dog", "hen", "fox")]
    made = foretext.finetune(model, rows, label="spans", kind="tagging", device="cpu").saved
    assert made.gpt.head.settings.reads == "tokens"
    assert made.history.finetuning.settings["points"]["head_reads"] == "extract"


def test_trials_of_studies_and_reproductions_stay_at_the_papers_values(model, labelled, tmp_path):
    data = read_labelled_data(LabelledDataSettings(data=labelled / "train.csv", kind="classification"), seed=0)
    wanted = wanted_trial(load_model(model), data, seed=0, folder=tmp_path).settings
    assert (wanted.recipe, wanted.epochs, wanted.batch) == ("paper", 3.0, 32)
