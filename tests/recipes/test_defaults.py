"""The defaults are the paper's (Radford et al. 2018, section 4.1; recipe part 4)."""

from __future__ import annotations

from foretext.recipes.settings.finetune import PAPER_DROPOUT, FinetuneSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.settings import resolve
from foretext.tasks.schema import TaskSchema


def test_pre_training_defaults_are_the_papers():
    settings = PretrainSettings(corpus="corpus", out="run")
    shape = settings.model
    assert (shape.layers, shape.width, shape.heads, shape.hidden, shape.context) == (12, 768, 12, 3072, 512)
    assert (shape.embedding_dropout, shape.attention_dropout, shape.residual_dropout) == (0.1, 0.1, 0.1)
    assert shape.initial_deviation == 0.02
    assert (settings.learning_rate, settings.warmup, settings.batch, settings.epochs) == (2.5e-4, 2_000, 64, 100)
    optimizer = settings.optimizer
    assert (optimizer.beta1, optimizer.beta2, optimizer.epsilon) == (0.9, 0.999, 1e-8)
    assert (optimizer.weight_decay, optimizer.clip) == (0.01, 1.0)


def test_backbone_lstm_alone_asks_for_the_papers_lstm():
    flags = {"corpus": "corpus", "out": "run", "backbone": "lstm"}
    shape = resolve(PretrainSettings, flags=flags).value.model
    assert (shape.layers, shape.lstm_units) == (1, 2_048)
    assert resolve(PretrainSettings, flags={**flags, "layers": 2}).value.model.layers == 2


def test_fine_tuning_defaults_are_the_papers():
    settings = FinetuneSettings(model="gpt1", out="run")
    assert (settings.batch, settings.epochs, settings.warmup) == (32, 3, 0.002)
    assert (settings.language_model_weight, settings.dropout, settings.classifier_dropout) == (0.5, None, 0.1)
    assert (
        PAPER_DROPOUT == 0.1
    )  # what None is, but for imported models that had none (tests/reference/test_imported.py)
    assert settings.transfer_layers is None
    assert settings.keep == "best"
    pair = TaskSchema(kind="entailment", text=("premise", "hypothesis"))
    assert settings.labelled.as_read(pair).cutting == "equal"
