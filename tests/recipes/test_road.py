"""The road from text to predictions, on made-up sentences small enough to train on in seconds."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from foretext.checkpoints.saved_model import load_model
from foretext.errors import DataError, FingerprintMismatch, ModelError, SettingsError
from foretext.model import sequences
from foretext.model.settings import ModelShape
from foretext.model.tree import grow
from foretext.recipes.evaluate import evaluate
from foretext.recipes.finetune import default_learning_rate, finetune
from foretext.recipes.generate import generate
from foretext.recipes.perplexity import perplexity
from foretext.recipes.predict import predict
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.evaluate import EvaluateSettings
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.generate import GenerateSettings
from foretext.recipes.settings.perplexity import PerplexitySettings
from foretext.recipes.settings.predict import PredictSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.serving.predictor import Predictor
from foretext.tasks.labelled import LabelledDataSettings
from foretext.tokenizer import Tokenizer
from foretext.training.settings import LoopSettings

CPU = LoopSettings(device="cpu", precision="fp32")


def settings(model, out, labelled, **values):
    own = {name: values.pop(name) for name in list(values) if name in FinetuneSettings.model_fields}
    return FinetuneSettings(
        model=str(model),
        out=out,
        labelled=LabelledDataSettings(data=labelled, **values),
        **{"loop": CPU, "epochs": 1, "batch": 8, "learning_rate": 1e-2, "dropout": 0, **own},
    )


def test_a_pre_trained_model_predicts_its_text_better_than_chance(language_model, tmp_path):
    (tmp_path / "new.txt").write_text("Ann saw a dog in the barn. Cleo saw a hen in the wood.")
    measured = perplexity(PerplexitySettings(model=str(language_model), inputs=(str(tmp_path),)))
    assert measured.perplexity < load_model(language_model).tokenizer.size / 2
    assert measured.words == 14
    assert measured.loss * measured.tokens == pytest.approx(np.log(measured.perplexity_per_word) * 14)


def test_perplexity_is_of_the_checkpoint_that_is_asked_for(language_model, classifier, tmp_path):
    (tmp_path / "new.txt").write_text("Ann saw a dog in the barn. Cleo saw a hen in the wood.")
    folders = sorted((language_model / "checkpoints").glob("update-*"))
    earlier, last = (int(folder.name.removeprefix("update-")) for folder in folders)

    def at(update, model=language_model):
        return perplexity(PerplexitySettings(model=str(model), inputs=(str(tmp_path),), update=update))

    assert at(last) == at(None)  # the run ends with it
    assert at(earlier).loss != at(last).loss
    with pytest.raises(SettingsError, match=f"no checkpoint of update 7; kept are {earlier}, {last}$"):
        at(7)
    with pytest.raises(SettingsError, match="was fine-tuned"):
        at(last, classifier)


def test_generation_goes_on_from_the_prompt(language_model):
    text = generate(GenerateSettings(model=str(language_model), prompt="Ann saw", tokens=5, seed=1))
    assert text.lines()[0].startswith("ann saw ")
    assert text == generate(GenerateSettings(model=str(language_model), prompt="Ann saw", tokens=5, seed=1))


def test_a_classifier_learns_what_the_words_say(classifier, labelled):
    found = evaluate(EvaluateSettings(model=str(classifier), data=labelled / "test.csv"))
    assert found.evaluation.main == "accuracy"
    assert found.evaluation.score.value > 0.9
    assert found.evaluation.confusion is not None


@pytest.mark.parametrize(
    ("file", "kind", "metric"),
    [
        ("pairs.csv", "entailment", "accuracy"),
        ("pairs.csv", "similarity", "accuracy"),
        ("scores.tsv", "similarity", "pearson"),
        ("choice.jsonl", "choice", "accuracy"),
    ],
)
def test_every_kind_of_task_is_trained_evaluated_and_predicted(language_model, labelled, tmp_path, file, kind, metric):
    result = finetune(settings(language_model, tmp_path / "run", labelled / file, kind=kind))
    assert result.evaluation.main == metric
    found = evaluate(EvaluateSettings(model=str(tmp_path / "run"), data=labelled / file))
    assert found.evaluation.count == len((labelled / file).read_text().splitlines()) - (kind != "choice")
    predict(PredictSettings(model=str(tmp_path / "run"), data=str(labelled / file), out=str(tmp_path / "out.jsonl")))
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(rows) == found.evaluation.count
    assert "prediction" in rows[0]
    if kind == "choice":
        assert all(len(row["probabilities"]) == len(row["answers"]) for row in rows)


def test_scores_of_one_text_are_learned_by_least_squares(language_model, labelled, tmp_path):
    rows = list(csv.DictReader((labelled / "train.csv").open()))
    with (tmp_path / "stars.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "stars"])
        writer.writerows([row["text"], 10.0 + 3 * ("cat" in row["text"])] for row in rows)
    data = tmp_path / "stars.csv"
    result = finetune(settings(language_model, tmp_path / "run", data, kind="regression", label="stars", epochs=12))
    assert result.evaluation.main == "pearson"
    predictor = Predictor.load(tmp_path / "run", device="cpu")
    cat, dog = (p.label for p in predictor.predict(["Ann saw a cat in the yard.", "Ann saw a dog in the yard."]))
    assert cat > dog
    assert 8 < dog < 15


def test_predictions_come_in_input_order_with_the_inputs_columns(classifier, labelled, tmp_path):
    predict(PredictSettings(model=str(classifier), data=str(labelled / "test.csv"), out=str(tmp_path / "out.csv")))
    given = list(csv.DictReader((labelled / "test.csv").open()))
    answered = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [{name: row[name] for name in given[0]} for row in answered] == given
    probabilities = [name for name in answered[0] if name.startswith("probability_")]
    for row in answered:
        values = {name.removeprefix("probability_"): float(row[name]) for name in probabilities}
        assert sum(values.values()) == pytest.approx(1, abs=1e-5)
        assert max(values, key=values.get) == row["prediction"]


def test_predictions_do_not_depend_on_the_batch_size(classifier, labelled):
    predictor = Predictor.load(classifier, device="cpu", remembered=0)
    texts = [row["text"] for row in csv.DictReader((labelled / "test.csv").open())]
    one, many = (list(predictor.stream(texts, tokens_per_batch=size)) for size in (1, 8_192))
    assert [p.label for p in one] == [p.label for p in many]
    for first, second in zip(one, many, strict=True):
        # Sums run in another order for other shapes: a few units in the last of float32's seven digits.
        assert first.probabilities == pytest.approx(second.probabilities, abs=1e-6)


def test_predictions_go_through_standard_input_and_output(classifier, monkeypatch, capfdbinary):
    class Stdin:
        buffer = io.BufferedReader(io.BytesIO(b'{"text": "Ann saw a cat in the yard."}\n'))

    monkeypatch.setattr(sys, "stdin", Stdin)
    found = predict(PredictSettings(model=str(classifier), data="-", file={"format": "jsonl"}))
    row = json.loads(capfdbinary.readouterr().out)
    assert (found.rows, row["prediction"]) == (1, "cat")


def test_a_column_called_prediction_is_not_overwritten(classifier, tmp_path):
    (tmp_path / "in.csv").write_text("text,prediction\nAnn saw a cat.,dog\n")
    with pytest.raises(DataError, match="'prediction' already"):
        predict(PredictSettings(model=str(classifier), data=str(tmp_path / "in.csv"), out=str(tmp_path / "out.csv")))
    assert not (tmp_path / "out.csv").exists()


def test_fine_tuning_twice_gives_the_same_weights_and_resuming_a_finished_run_keeps_them(
    language_model, labelled, tmp_path
):
    data = labelled / "train.csv"
    for name in ("one", "two"):
        finetune(settings(language_model, tmp_path / name, data, kind="classification"))
    finetune(settings(language_model, tmp_path / "two", data, kind="classification", resume=True))
    one, two = (load_model(tmp_path / name).gpt.state_dict() for name in ("one", "two"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_without_dropout_sharing_documents_trains_to_the_same_weights(language_model, labelled, tmp_path, monkeypatch):
    joined = []
    for name, growing in {"apart": lambda batch, **how: None, "shared": grow}.items():
        run = settings(language_model, tmp_path / name, labelled / "choice.jsonl", kind="choice", learning_rate=1e-4)
        with monkeypatch.context() as patch:
            found = []

            def noted(batch, growing=growing, found=found, **how):
                found.append(growing(batch, **how))
                return found[-1]

            patch.setattr(sequences, "grow", noted)
            finetune(run)
        joined.append([tree for tree in found if tree])
    assert not joined[0]
    assert len(joined[1]) >= 5
    apart, shared = (load_model(tmp_path / name).gpt.state_dict() for name in ("apart", "shared"))
    for name, weights in apart.items():
        # Where a gradient is near 0, Adam's m / √v turns its rounding into a part of a step.
        torch.testing.assert_close(shared[name], weights, rtol=0, atol=1e-5, msg=name)


def test_a_model_does_not_tell_where_it_was_made(classifier):
    description = (classifier / "model.json").read_text()
    assert json.loads(description)["history"]["finetuning"]["result"]["updates"] > 0
    assert str(classifier.parent) not in description


def test_from_scratch_nothing_is_transferred(language_model, labelled, tmp_path):
    data = labelled / "train.csv"
    tiny = {"kind": "classification", "learning_rate": 1e-12, "transfer_layers": -1, "dropout": 0}
    finetune(settings(language_model, tmp_path / "run", data, **tiny))
    before, after = load_model(language_model).gpt, load_model(tmp_path / "run").gpt
    assert not torch.allclose(before.embedding[:20], after.embedding[:20], atol=1e-3)
    assert float(after.embedding.detach().std()) == pytest.approx(0.1, rel=0.1)


def test_an_lstm_is_pre_trained_saved_and_fine_tuned_as_a_transformer_is(language_model, labelled, tmp_path):
    shape = ModelShape(backbone="lstm", context=32, width=32, heads=2, lstm_units=48, initial_deviation=0.1)
    corpus = language_model.parent / "corpus"
    rate = {"updates": 60, "batch": 4, "learning_rate": 1e-2, "warmup": 5}
    trained = pretrain(PretrainSettings(corpus=corpus, out=tmp_path / "lstm", model=shape, loop=CPU, **rate))
    assert trained.valid_perplexity < load_model(tmp_path / "lstm").tokenizer.size / 2
    data = labelled / "train.csv"
    tuned = finetune(settings(tmp_path / "lstm", tmp_path / "run", data, kind="classification", epochs=12))
    assert tuned.evaluation.score.value > 0.9
    assert load_model(tmp_path / "run").gpt.settings.backbone == "lstm"


def test_the_default_rate_is_the_papers_at_the_papers_width():
    assert default_learning_rate(768) == 6.25e-5
    assert default_learning_rate(384) == 4 * 6.25e-5


def test_a_language_model_without_a_task_cannot_predict(language_model, labelled):
    with pytest.raises(ModelError, match="without a task; `foretext finetune`"):
        evaluate(EvaluateSettings(model=str(language_model), data=labelled / "test.csv"))


def test_what_is_missing_is_asked_for(language_model, tmp_path):
    with pytest.raises(SettingsError, match="--data"):
        finetune(FinetuneSettings(model=str(language_model), out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_truncated_weight_file_is_refused_by_name(classifier, labelled, tmp_path):
    for file in classifier.glob("*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.safetensors").write_bytes((classifier / "model.safetensors").read_bytes()[:-100])
    with pytest.raises(ModelError, match="model.safetensors is damaged"):
        evaluate(EvaluateSettings(model=str(tmp_path), data=labelled / "test.csv"))


def test_a_corpus_made_with_another_tokenizer_is_refused(language_model, tmp_path):
    corpus = tmp_path / "corpus"
    original = language_model.parent / "corpus"
    for file in original.rglob("*"):
        if file.is_file():
            target = corpus / file.relative_to(original)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    Tokenizer.learn_from_texts(["some other words than those"], 40).save(corpus)
    shape = ModelShape(context=32, layers=1, width=32, heads=2)
    with pytest.raises(FingerprintMismatch):
        pretrain(PretrainSettings(corpus=corpus, out=tmp_path / "run", updates=1, warmup=0, model=shape, loop=CPU))
    assert not (tmp_path / "run").exists()


def test_predicting_loads_no_library_that_it_does_not_use(classifier, tmp_path):
    """A command of one line is done in seconds only if it leaves alone what takes seconds to load."""
    (tmp_path / "one.csv").write_text("text\nAnn saw a cat in the barn.\n")
    heavy = {
        "sklearn",
        "scipy",
        "matplotlib",
        "pyarrow",
        "lightning_fabric",
        "huggingface_hub",
        "transformers",
        "sympy",
    }
    program = f"import sys; from foretext.cli import main; main(sys.argv[1:]); print(*{heavy!r} & sys.modules.keys())"
    command = [sys.executable, "-c", program, "predict", str(classifier), str(tmp_path / "one.csv")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert printed[0].startswith("text,prediction")
    assert printed[-1] == ""
