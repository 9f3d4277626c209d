"""The whole way of the kinds whose labels are not one class: trained, scored with a report, answered, kept."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest

from foretext.checkpoints.saved_model import load_model
from foretext.recipes.evaluate import evaluate
from foretext.recipes.finetune import finetune
from foretext.recipes.predict import predict
from foretext.recipes.settings.evaluate import EvaluateSettings
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.predict import PredictSettings
from foretext.serving.predictor import Predictor
from foretext.tasks.examples import Span
from foretext.tasks.labelled import LabelledDataSettings
from foretext.training.settings import LoopSettings

from .conftest import sentence

LEVELS = {"barn": "low", "wood": "low", "yard": "medium", "lane": "high"}


def rows(seed: int, count: int) -> list[dict[str, Any]]:
    """Sentences with each kind of label: animal and place, a level that the place decides, who and what is named."""
    found, draw = [], random.Random(seed)
    for _ in range(count):
        text, name, animal, place = sentence(draw)
        spans = [
            {"start": text.index(word), "end": text.index(word) + len(word), "label": label}
            for word, label in ((name, "person"), (animal, "animal"))
        ]
        labels = [animal, place] if animal != "fox" else []
        found.append({"text": text, "labels": labels, "level": LEVELS[place], "spans": spans})
    return found


def written(folder: Path, name: str, found: list[dict[str, Any]], column: str) -> Path:
    path = folder / name
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", column])
            writer.writerows(
                [row["text"], ";".join(row[column]) if column == "labels" else row[column]] for row in found
            )
    else:
        path.write_text("".join(json.dumps({"text": row["text"], column: row[column]}) + "\n" for row in found))
    return path


def trained(language_model: Path, folder: Path, data: Path, kind: str, **labelled: Any) -> Path:
    out = folder / "run"
    finetune(
        FinetuneSettings(
            model=str(language_model),
            out=out,
            labelled=LabelledDataSettings(data=data, kind=kind, **labelled),
            epochs=12,
            batch=8,
            learning_rate=1e-2,
            dropout=0,
            loop=LoopSettings(device="cpu", precision="fp32"),
        )
    )
    return out


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_sets_of_labels_are_learned_and_their_thresholds_kept(
    language_model: Path, tmp_path: Path, ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "foretext")
    data = written(tmp_path, f"train.{ending}", rows(0, 96), "labels")
    run = trained(language_model, tmp_path, data, "multi-label")
    assert "thresholds chosen on the validation examples, so that their score is optimistic" in caplog.text
    schema = load_model(run).task
    assert schema is not None
    assert schema.classes == ("barn", "cat", "dog", "hen", "lane", "wood", "yard")
    assert schema.separator == (";" if ending == "csv" else None)
    assert len(schema.thresholds) == 7
    test = written(tmp_path, f"test.{ending}", rows(1, 40), "labels")
    scored = evaluate(EvaluateSettings(model=str(run), data=test, report=tmp_path / "report.html")).evaluation
    assert list(scored.metrics) == ["f1_micro", "f1_macro", "exact_match"]
    assert scored.score.value > scored.chance["f1_micro"] + 0.3
    assert [found.name for found in scored.classes] == list(schema.classes)
    assert "exact_match" in (tmp_path / "report.html").read_text()
    predict(PredictSettings(model=str(run), data=str(test), out=str(tmp_path / "answers.jsonl")))
    answers = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    said = Predictor.load(run, device="cpu").predict([row["text"] for row in rows(1, 40)])
    for answer, prediction in zip(answers, said, strict=True):
        assert answer["prediction"] == (";".join(prediction.label) if ending == "csv" else list(prediction.label))
        above = {
            name
            for name, limit in zip(schema.classes, schema.thresholds, strict=True)
            if prediction.probabilities[name] >= limit
        }
        assert set(prediction.label) == above


def test_classes_in_an_order_are_learned_and_scored_by_how_far_a_miss_is(language_model: Path, tmp_path: Path) -> None:
    data = written(tmp_path, "train.csv", rows(0, 96), "level")
    run = trained(language_model, tmp_path, data, "ordinal", label="level")
    test = written(tmp_path, "test.csv", rows(1, 40), "level")
    scored = evaluate(EvaluateSettings(model=str(run), data=test, label="level")).evaluation
    assert list(scored.metrics) == ["quadratic_kappa", "accuracy", "f1_macro"]
    assert scored.confusion is not None
    assert scored.confusion.classes == ("low", "medium", "high")
    assert scored.score.value > 0.5
    for prediction in Predictor.load(run, device="cpu").predict([row["text"] for row in rows(1, 10)]):
        assert prediction.label == max(prediction.probabilities, key=prediction.probabilities.get)


@pytest.mark.parametrize("read_twice", [False, True])
def test_spans_are_learned_and_said_in_the_characters_of_the_text(
    language_model: Path, tmp_path: Path, read_twice: bool
) -> None:
    data = written(tmp_path, "train.jsonl", rows(0, 96), "spans")
    run = trained(language_model, tmp_path, data, "tagging", read_twice=read_twice)
    test = written(tmp_path, "test.jsonl", rows(1, 40), "spans")
    scored = evaluate(EvaluateSettings(model=str(run), data=test, report=tmp_path / "report.html")).evaluation
    assert list(scored.metrics) == ["entity_f1", "exact_match"]
    assert scored.score.value > 0.9
    predict(PredictSettings(model=str(run), data=str(test), out=str(tmp_path / "answers.jsonl")))
    answers = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    predictor = Predictor.load(run, device="cpu")
    for answer, row in zip(answers, rows(1, 40), strict=True):
        (said,) = predictor.predict([row["text"]])  # alone as among others
        assert answer["prediction"] == [span._asdict() for span in said.label]
        assert all(isinstance(span, Span) for span in said.label)
    spaced = "Bob  saw a  hen in the wood."
    (said,) = predictor.predict([spaced])
    assert {spaced[start:end] for start, end, _ in said.label} <= {"Bob", "hen"}
