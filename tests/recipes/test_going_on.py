"""Pre-training that goes on from a trained model."""

from __future__ import annotations

import json

import pytest

from foretext.checkpoints.history import Start
from foretext.checkpoints.saved_model import load_model
from foretext.cli import main
from foretext.errors import SettingsError
from foretext.model.settings import ModelShape
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.training.settings import LoopSettings

SHAPE = ModelShape(context=32, layers=1, width=32, heads=2, initial_deviation=0.1)


def settings(language_model, out, **values):
    given = {"updates": 5, "batch": 4, "learning_rate": 1e-3, "warmup": 1, "model": SHAPE, **values}
    loop = LoopSettings(precision="fp32", device="cpu")
    return PretrainSettings(corpus=language_model.parent / "corpus", out=out, loop=loop, **given)


def test_it_starts_where_the_model_was(language_model, tmp_path):
    gone_on = pretrain(settings(language_model, tmp_path / "on", start=str(language_model)))
    afresh = pretrain(settings(language_model, tmp_path / "new"))
    before = json.loads((language_model / "model.json").read_text("utf-8"))["history"]["pretraining"]["result"]
    assert gone_on.valid_loss < before["valid_loss"] + 0.1
    assert afresh.valid_loss > before["valid_loss"] + 0.5


def test_the_record_tells_of_the_model_and_of_no_path(language_model, tmp_path):
    pretrain(settings(language_model, tmp_path / "on", start=str(language_model)))
    record = load_model(tmp_path / "on").history.pretraining
    source = load_model(language_model)
    assert record.start == Start(source.fingerprint, source.history)
    assert "start" not in record.settings
    assert ("start", "a trained model", "new weights") in [
        (departure.setting, departure.value, departure.paper) for departure in record.departures
    ]


def test_a_resume_from_another_model_is_refused(language_model, tmp_path):
    pretrain(settings(language_model, tmp_path / "on", start=str(language_model)))
    with pytest.raises(SettingsError, match="start"):
        pretrain(settings(language_model, tmp_path / "on", start=str(tmp_path / "on"), resume=True))


def test_a_model_of_another_shape_is_refused(language_model, tmp_path):
    wider = SHAPE.model_copy(update={"width": 64})
    with pytest.raises(SettingsError, match="width 32, not 64: give the --preset"):
        pretrain(settings(language_model, tmp_path / "on", start=str(language_model), model=wider))
    assert not (tmp_path / "on").exists()


def test_a_shape_that_is_not_given_is_that_of_the_model(language_model, tmp_path, caplog):
    with caplog.at_level("INFO"):
        pretrain(settings(language_model, tmp_path / "on", start=str(language_model), model=ModelShape()))
    before, after = (load_model(folder).gpt.settings for folder in (language_model, tmp_path / "on"))
    assert (after.layers, after.width, after.heads, after.context) == (1, 32, 2, 32)
    assert after.embedding_dropout == 0.1 == before.embedding_dropout
    assert "as the model that is gone on from: context 32, layers 1, width 32, heads 2" in caplog.messages


@pytest.mark.parametrize(
    ("given", "refused"), [({"context": 512}, "context 32, not 512"), ({"layers": 12}, "layers 1, not 12")]
)
def test_what_is_given_is_not_taken_from_the_model_though_it_is_the_default(language_model, tmp_path, given, refused):
    with pytest.raises(SettingsError, match=refused):
        pretrain(settings(language_model, tmp_path / "on", start=str(language_model), model=ModelShape(**given)))


def test_with_rotary_positions_the_default_context_may_be_asked_for(language_model, tmp_path):
    """As in docs/import.md, of a model whose context is longer."""
    corpus, form = language_model.parent / "corpus", "--layers 1 --width 32 --heads 2 --positions rotary --device cpu"
    steps = "--updates 1 --batch 1 --warmup 0 --precision fp32"
    command = f"pretrain {corpus} {steps} {form}"
    assert main(f"{command} --context 520 --out {tmp_path / 'one'}".split()) == 0
    command = f"pretrain {corpus} {steps} --device cpu --start {tmp_path / 'one'}"
    assert main(f"{command} --context 512 --out {tmp_path / 'two'}".split()) == 0
    assert load_model(tmp_path / "two").gpt.settings.context == 512
    assert main(f"{command} --out {tmp_path / 'three'}".split()) == 0
    assert load_model(tmp_path / "three").gpt.settings.context == 520


def test_a_model_for_a_task_is_refused(language_model, classifier, tmp_path):
    with pytest.raises(SettingsError, match="start from a language model"):
        pretrain(settings(language_model, tmp_path / "on", start=str(classifier)))


def test_a_corpus_may_be_prepared_with_the_tokenizer_of_an_installed_model(language_model, tmp_path, monkeypatch):
    from foretext.checkpoints import find
    from foretext.corpus import Corpus
    from foretext.recipes.prepare import prepare
    from foretext.recipes.settings.prepare import PrepareSettings

    monkeypatch.setattr(find, "installed_models", lambda: {"small-one": language_model})
    (tmp_path / "notes.txt").write_text("Ann saw a dog in the barn.")
    prepare(PrepareSettings(inputs=(str(tmp_path / "notes.txt"),), tokenizer="small-one", out=tmp_path / "corpus"))
    Corpus.open(tmp_path / "corpus").check_tokenizer(load_model(language_model).tokenizer.fingerprint)
