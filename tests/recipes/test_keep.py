"""What runs keep: weights, the last or the best by validation; and checkpoints where nothing is validated."""

from __future__ import annotations

import dataclasses
from importlib import import_module

import pytest
import torch

from foretext.checkpoints.run_folder import RunFolder
from foretext.checkpoints.saved_model import load_model
from foretext.corpus import prepare
from foretext.errors import SettingsError
from foretext.evaluation.perplexity import Perplexity
from foretext.model.settings import ModelShape
from foretext.recipes.finetune import CHECKPOINTS_APART, finetuning_run
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.tasks.labelled import LabelledDataSettings, read_labelled_data
from foretext.tokenizer import Tokenizer
from foretext.training.settings import LoopSettings

SHAPE = ModelShape(context=32, layers=1, width=32, heads=2, initial_deviation=0.1)
LOSSES = {2: 3.0, 4: 1.0, 6: 2.0, 8: 2.5, 10: 1.5}  # by update; the best comes after 4


@pytest.fixture
def run(language_model, tmp_path, monkeypatch):
    """What pre-trains for 10 updates, with validations that come out as `LOSSES` says."""

    def made(*, patience: int = 0, **values):
        losses = iter(LOSSES.values())
        monkeypatch.setattr(
            import_module("foretext.recipes.pretrain"), "perplexity", lambda *_: Perplexity(next(losses), 1)
        )
        loop = LoopSettings(precision="fp32", device="cpu", validate_every=2, patience=patience)
        given = {"updates": 10, "batch": 4, "learning_rate": 1e-3, "warmup": 1, "model": SHAPE, **values}
        return pretrain(
            PretrainSettings(corpus=language_model.parent / "corpus", out=tmp_path / "run", loop=loop, **given)
        )

    return made


@pytest.mark.parametrize(
    ("given", "updates", "kept"),
    [
        ({}, 10, 10),
        ({"keep": "best"}, 10, 4),
        ({"patience": 2}, 8, 4),
        ({"patience": 2, "keep": "last"}, 8, 8),
    ],
    ids=str,
)
def test_the_weights_that_are_kept_are_those_that_were_asked_for(run, tmp_path, given, updates, kept):
    done = run(**given)
    assert (done.updates, done.kept_update, done.valid_loss) == (updates, kept, LOSSES[kept])
    saved = load_model(tmp_path / "run")
    assert saved.history.pretraining.result.kept_update == kept
    checkpoint = next(c for c in RunFolder(tmp_path / "run").checkpoints.complete() if c.update == kept)
    weights = RunFolder(tmp_path / "run").checkpoints.part(checkpoint, "model")
    assert all(torch.equal(value, weights[f"model.{name}"]) for name, value in saved.gpt.named_parameters())
    said = f"kept the weights after update {kept}, the best by validation loss"
    assert (said in done.lines()) == (kept != updates)


def test_what_is_kept_may_change_when_a_run_is_concluded_again(run):
    run()
    assert run(keep="best", resume=True).kept_update == 4


@pytest.fixture
def unvalidated(language_model, tmp_path):
    """What pre-trains for 40 updates on a corpus without a validation set."""
    tokenizer = Tokenizer.load(language_model)
    texts = sorted(language_model.parent.glob("*.txt"))
    prepare(texts, tmp_path / "corpus", tokenizer=tokenizer, workers=1, validation=0)

    def made(**values):
        given = {"updates": 40, "batch": 2, "warmup": 1, "device": "cpu", "precision": "fp32", **values}
        corpus = {"corpus": tmp_path / "corpus", "out": tmp_path / "run"}
        return pretrain(PretrainSettings.named({**corpus, **SHAPE.model_dump(exclude_unset=True), **given}))

    return made


def test_a_pre_training_without_a_validation_set_has_checkpoints_on_the_way(unvalidated, tmp_path):
    unvalidated(keep_checkpoints=50)
    assert RunFolder(tmp_path / "run").checkpoints.updates() == [*range(2, 41, 2)]


@pytest.mark.parametrize(
    ("flag", "values"),
    [("--patience", {"patience": 3}), ("--keep best", {"keep": "best"}), ("--probe", {"probe": "CoLA"})],
)
def test_what_validation_decides_is_refused_without_a_validation_set(unvalidated, tmp_path, flag, values):
    with pytest.raises(SettingsError, match=f"{flag} needs validations, and this corpus has no validation set"):
        unvalidated(**values)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("batch", "apart"), [(4, CHECKPOINTS_APART), (1, 128)])  # of 128 examples
def test_a_fine_tuning_without_validation_has_a_checkpoint_an_epoch_unless_epochs_are_short(
    language_model, labelled, tmp_path, batch, apart
):
    files = LabelledDataSettings(data=labelled / "train.csv", valid=labelled / "test.csv", kind="classification")
    data = read_labelled_data(files, seed=0)
    data = dataclasses.replace(data, train=[*data.train, *data.train], valid=())
    settings = FinetuneSettings(model=str(language_model), out=tmp_path / "run", labelled=files, batch=batch, epochs=9)
    plan = finetuning_run(load_model(language_model), data, settings).plan
    assert (plan.checkpoint_every, plan.validate_every) == (0, apart)
