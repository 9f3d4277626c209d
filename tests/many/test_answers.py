"""Several processes score and answer what one does: every row once, in its place, and the same figures."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from foretext.errors import SettingsError
from foretext.group import Group
from foretext.launched import Launch
from foretext.recipes.evaluate import evaluate
from foretext.recipes.finetune import finetune
from foretext.recipes.predict import predict
from foretext.recipes.settings.evaluate import EvaluateSettings
from foretext.recipes.settings.predict import PredictSettings

from .test_same import finetuning
from .together import together


@pytest.fixture(scope="module")
def classifier(language_model: Path, labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fine-tuned model."""
    out = tmp_path_factory.mktemp("many-classifier") / "run"
    finetune(finetuning(language_model, labelled / "classification.csv", out, epochs=2.0))
    return out


def rows_of(labelled: Path, count: int, out: Path) -> Path:
    """A file with the first rows of the labelled ones, sorted by label, so that a process may see one class alone."""
    with (labelled / "classification.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    with out.open("w", newline="") as file:
        csv.writer(file).writerows([header, *sorted(rows[:count], key=lambda row: row[1])])
    return out


def test_scores_are_those_of_one_process_for_any_number_of_rows(classifier: Path, labelled: Path, tmp_path: Path):
    counts = (1, 5, 7, 40)

    def scores(rank: int = 0) -> list[dict[str, Any]]:
        found = []
        for count in counts:
            data = tmp_path / f"{count}.csv"
            how = {"device": "cpu", "precision": "fp32", "tokens_per_batch": 1}
            found.append(evaluate(EvaluateSettings(model=str(classifier), data=data, **how)).to_json())
        return found

    for count in counts:
        rows_of(labelled, count, tmp_path / f"{count}.csv")
    alone = json.loads(json.dumps(scores()))
    assert [each["count"] for each in alone] == list(counts)
    assert {"accuracy", "f1_macro", "matthews"} <= set(alone[-1]["metrics"])
    for found in together(3, scores):
        assert found == alone


def test_answers_are_those_of_one_process_in_the_order_of_the_rows(classifier: Path, labelled: Path, tmp_path: Path):
    data = rows_of(labelled, 7, tmp_path / "rows.csv")

    def answers(out: str) -> int:
        return predict(
            PredictSettings(
                model=str(classifier),
                data=str(data),
                out=str(tmp_path / out),
                device="cpu",
                precision="fp32",
                tokens_per_batch=1,
            )
        ).rows

    assert answers("one.csv") == 7
    assert together(2, lambda rank: answers("two.csv")) == [7, 7]
    assert (tmp_path / "two.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()


def test_standard_input_is_for_one_process(classifier: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("foretext.recipes.predict.current", lambda: Group(Launch(0, 2)))
    with pytest.raises(SettingsError, match="several need a file to read"):
        predict(PredictSettings(model=str(classifier), data="-", device="cpu"))


@pytest.mark.parametrize(("items", "world"), [(0, 2), (1, 3), (5, 2), (6, 3)])
def test_every_item_counts_once_and_every_process_has_as_many(items: int, world: int):
    shares = [list(Group(Launch(rank, world)).shared(range(items))) for rank in range(world)]
    assert len({len(share) for share in shares}) == 1
    assert sorted(number for share in shares for number, _, counts in share if counts) == list(range(items))
