"""A kept checkpoint is a model wherever a model is named, of a run that has ended or not."""

from __future__ import annotations

import shutil

import pytest
import torch

import foretext
from foretext.checkpoints.find import find_description
from foretext.checkpoints.model_at_update import load_at_update, load_named
from foretext.checkpoints.run_folder import RunFolder
from foretext.checkpoints.saved_model import load_model
from foretext.errors import ModelError, SettingsError, UnknownName
from foretext.recipes.evaluate import evaluate
from foretext.recipes.export_model import export_model
from foretext.recipes.finetune import finetune
from foretext.recipes.generate import generate
from foretext.recipes.pretrain import pretrain
from foretext.recipes.recipe import recipe
from foretext.recipes.settings.evaluate import EvaluateSettings
from foretext.recipes.settings.export_model import ExportModelSettings
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.generate import GenerateSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.recipes.settings.recipe import RecipeSettings
from foretext.tasks.labelled import LabelledDataSettings
from foretext.tokenizer import Tokenizer
from foretext.training.settings import LoopSettings

from .test_keep import SHAPE

CPU = LoopSettings(device="cpu", precision="fp32")


@pytest.fixture
def unfinished(language_model, tmp_path):
    """That run as it stood before it had ended."""
    folder = tmp_path / "unfinished"
    shutil.copytree(language_model, folder)
    for name in ("model.json", "model.safetensors", "tokenizer.json", "report.html"):
        (folder / name).unlink()
    return folder


def kept(folder) -> list[int]:
    return RunFolder(folder).checkpoints.updates()


@pytest.mark.parametrize("which", [0, -1])
def test_the_weights_are_those_of_the_checkpoint(language_model, unfinished, which):
    update = kept(language_model)[which]
    checkpoints = RunFolder(language_model).checkpoints
    weights = checkpoints.part(checkpoints.at(update), "model")
    for folder in (language_model, unfinished):
        saved = load_named(f"{folder}@{update}")
        assert all(torch.equal(value, weights[f"model.{name}"]) for name, value in saved.gpt.named_parameters())
        assert saved.fingerprint == checkpoints.at(update).state["sha256"]["model"]
        assert saved.history.pretraining.result.updates == update


def test_the_last_and_the_best_have_names(language_model):
    checkpoints = RunFolder(language_model).checkpoints
    newest = checkpoints.latest()
    assert load_named(f"{language_model}@last").fingerprint == newest.state["sha256"]["model"]
    best = checkpoints.at(newest.state["best_update"])
    assert load_named(f"{language_model}@best").fingerprint == best.state["sha256"]["model"]


def test_a_checkpoint_is_used_as_a_model_is(unfinished, labelled, tmp_path):
    name = f"{unfinished}@{kept(unfinished)[0]}"
    assert generate(GenerateSettings(model=name, prompt="Ann saw", tokens=3, device="cpu")).text
    export_model(ExportModelSettings(format="hf", model=name, out=tmp_path / "exported"))
    data = LabelledDataSettings(data=labelled / "train.csv", kind="classification")
    run = FinetuneSettings(model=name, out=tmp_path / "run", labelled=data, epochs=1, batch=8, loop=CPU)
    done = finetune(run)
    scored = evaluate(EvaluateSettings(model=f"{tmp_path / 'run'}@last", data=labelled / "test.csv", device="cpu"))
    assert scored.evaluation.count == 24
    assert foretext.load_model(f"{tmp_path / 'run'}@{done.updates}").task is not None


def test_the_recipe_of_a_checkpoint_is_that_of_its_run(language_model, unfinished):
    whole = recipe(RecipeSettings(run=str(language_model)))
    assert whole.watched == ("pre-training was sound to its end",)
    found = recipe(RecipeSettings(run=f"{unfinished}@{kept(unfinished)[0]}"))
    assert (found.values, found.departures) == (whole.values, whole.departures)
    assert found.watched == (f"pre-training was sound up to update {kept(unfinished)[0]}",)


def test_of_an_unfinished_run_a_checkpoint_is_offered(unfinished):
    with pytest.raises(ModelError, match=f"has not finished; go on with --resume, or .*{unfinished.name}@last"):
        load_named(unfinished)


def test_a_run_starts_from_a_checkpoint(language_model, tmp_path):
    name = f"{language_model}@{kept(language_model)[0]}"
    given = {"updates": 2, "batch": 4, "warmup": 1, "model": SHAPE, "loop": CPU, "start": name}
    pretrain(PretrainSettings(corpus=language_model.parent / "corpus", out=tmp_path / "on", **given))
    assert load_model(tmp_path / "on").history.pretraining.start.model == load_named(name).fingerprint


def test_an_update_that_was_not_kept_is_refused_with_those_that_were(language_model):
    listed = ", ".join(map(str, kept(language_model)))
    with pytest.raises(SettingsError, match=f"no checkpoint of update 7; kept are {listed}"):
        load_named(f"{language_model}@7")


def test_a_damaged_checkpoint_is_refused(unfinished):
    file = unfinished / "checkpoints" / f"update-{kept(unfinished)[0]:08d}" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ModelError, match="damaged"):
        load_named(f"{unfinished}@{kept(unfinished)[0]}")


def test_two_updates_contradict_each_other(language_model):
    update = kept(language_model)[0]
    assert (
        load_at_update(str(language_model), update).fingerprint == load_named(f"{language_model}@{update}").fingerprint
    )
    with pytest.raises(SettingsError, match="names an update already"):
        load_at_update(f"{language_model}@{update}", update)


def test_a_folder_whose_own_name_looks_so_is_that_folder(language_model, tmp_path):
    shutil.copytree(language_model, tmp_path / "run@5")
    assert load_named(str(tmp_path / "run@5")).fingerprint == load_model(language_model).fingerprint


def test_the_tokenizer_of_a_checkpoint_is_known_before_its_run_has_ended(unfinished):
    tokenizer = Tokenizer.load(find_description(f"{unfinished}@last"))
    assert tokenizer.fingerprint == load_named(f"{unfinished}@last").tokenizer.fingerprint


def test_a_run_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UnknownName, match="no model called"):
        load_named(str(tmp_path / "nowhere@5"))
