"""A fine-tuned model scored on, and answering, the files of a published task as its publisher has them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from foretext import load
from foretext.checkpoints.saved_model import describe
from foretext.cli import main
from foretext.errors import DataError, SettingsError, UnknownName
from foretext.recipes.evaluate import evaluate
from foretext.recipes.finetune import finetune
from foretext.recipes.predict import predict
from foretext.recipes.settings.evaluate import EvaluateSettings
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.predict import PredictSettings
from foretext.tasks.catalogue import find_task
from foretext.tasks.labelled import LabelledDataSettings
from foretext.training.settings import LoopSettings

WORDS = ("entailment", "not_entailment")


def pairs(count: int) -> list[list[str]]:
    return [[str(n), f"Ann saw a {('cat', 'dog')[n % 2]}.", "Bob saw it.", WORDS[n % 2]] for n in range(count)]


def write(file: Path, header: list[str], rows: list[list[str]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as opened:
        csv.writer(opened, delimiter="\t", quoting=csv.QUOTE_NONE, lineterminator="\n").writerows([header, *rows])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with RTE's files, of which the test set is hidden, and QNLI's validation set."""
    root, header = tmp_path_factory.mktemp("data"), ["index", "sentence1", "sentence2", "label"]
    for name, count in {"train": 12, "dev": 6}.items():
        write(root / "RTE" / f"{name}.tsv", header, pairs(count))
    write(root / "RTE" / "test.tsv", header[:3], [row[:3] for row in pairs(5)])
    write(root / "QNLI" / "dev.tsv", ["index", "question", "sentence", "label"], pairs(4))
    return root


@pytest.fixture(scope="module")
def run(language_model: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was fine-tuned on RTE."""
    out = tmp_path_factory.mktemp("runs") / "rte"
    labelled, loop = LabelledDataSettings(task="rte", data=root), LoopSettings(device="cpu", precision="fp32")
    finetune(FinetuneSettings(model=str(language_model), out=out, labelled=labelled, epochs=1, batch=4, loop=loop))
    return out


def test_a_run_remembers_its_task_and_is_scored_on_it_without_a_word(
    run: Path, root: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert describe(run).history.published == "RTE"
    assert load(run).lines()[0].startswith("entailment of sentence1, sentence2 (RTE)")
    monkeypatch.setenv("FORETEXT_DATA", str(root))
    caplog.set_level("INFO", "foretext")
    done = evaluate(EvaluateSettings(model=str(run)))
    assert (done.task, done.split, done.data) == ("RTE", "valid", root / "RTE" / "dev.tsv")
    assert done.evaluation.count == 6
    assert f"RTE, split valid: {root / 'RTE' / 'dev.tsv'}" in caplog.messages
    assert any(line.startswith("the score may be optimistic") for line in caplog.messages)


def test_official_files_give_the_scores_that_a_file_of_the_same_rows_gives(run: Path, root: Path) -> None:
    official = evaluate(EvaluateSettings(model=str(run), data=root, task="RTE", split="train"))
    columns = {"text": ("sentence1", "sentence2"), "label": "label"}
    own = evaluate(EvaluateSettings(model=str(run), data=root / "RTE" / "train.tsv", **columns))
    assert official.evaluation == own.evaluation
    assert (own.task, own.to_json()["task"], official.to_json()["split"]) == (None, None, "train")


def test_a_test_set_with_labels_is_taken_before_the_validation_set(language_model: Path, tmp_path: Path) -> None:
    header = ["InputStoryid", *(f"InputSentence{n}" for n in (1, 2, 3, 4))]
    header += ["RandomFifthSentenceQuiz1", "RandomFifthSentenceQuiz2", "AnswerRightEnding"]
    for name, count in {"val": 378, "test": 7}.items():
        file = tmp_path / "StoryCloze" / f"cloze_test_{name}__spring2016.csv"
        file.parent.mkdir(exist_ok=True)
        with file.open("w", newline="") as opened:
            csv.writer(opened).writerows(
                [header, *[[f"s-{n}", "A.", "B.", "C.", "D.", "E.", "F.", 1] for n in range(count)]]
            )
    labelled, loop = (
        LabelledDataSettings(task="StoryCloze", data=tmp_path),
        LoopSettings(device="cpu", precision="fp32"),
    )
    finetune(
        FinetuneSettings(
            model=str(language_model), out=tmp_path / "run", labelled=labelled, epochs=1, batch=4, loop=loop
        )
    )
    done = evaluate(EvaluateSettings(model=str(tmp_path / "run"), data=tmp_path))
    assert (done.task, done.split, done.evaluation.count) == ("StoryCloze", "test", 7)


def test_a_run_is_scored_on_another_task_of_its_kind_and_labels(
    run: Path, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "foretext")
    done = evaluate(EvaluateSettings(model=str(run), data=root, task="QNLI"))
    assert (done.task, done.evaluation.count) == ("QNLI", 4)
    assert "the model was fine-tuned on RTE" in caplog.messages


def test_a_hidden_test_set_is_answered_with_the_publishers_columns(run: Path, root: Path, tmp_path: Path) -> None:
    predict(PredictSettings(model=str(run), data=str(root), task="RTE", out=str(tmp_path / "answers.csv")))
    with (tmp_path / "answers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = [
        "id",
        "sentence1",
        "sentence2",
        "prediction",
        *(f"probability_{name}" for name in describe(run).task.classes),
    ]
    assert list(rows[0]) == wanted
    assert [row["id"] for row in rows] == list("01234")
    said = load(run).predict(find_task("RTE").rows(root, "test"))
    assert [row["prediction"] for row in rows] == [prediction.label for prediction in said]
    assert [prediction.label for prediction in load(run).predict(root, task="RTE")] == [
        row["prediction"] for row in rows
    ]


def test_the_right_labels_stand_beside_the_answers_where_they_are_known(
    run: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(run), str(root), "--split", "valid"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["label"] for row in rows] == [WORDS[n % 2] for n in range(6)]
    assert set(rows[0]) > {"id", "sentence1", "sentence2", "label", "prediction"}


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            {"task": "CoLA"},
            SettingsError,
            "CoLA is classification of sentence; the model answers entailment of sentence1",
        ),
        ({"task": "SNLI"}, SettingsError, "the labels of SNLI are contradiction, .*; the model gives"),
        ({"task": "RTE", "split": "test"}, DataError, "the test split in .* has no labelled examples"),
        ({"task": "RTE", "split": "dev"}, UnknownName, "no split called 'dev'"),
        ({"task": "RTE", "label": "label"}, SettingsError, "RTE has examples and columns of its own"),
        ({"task": "AX"}, SettingsError, "the labels of AX are contradiction"),
        ({"task": "WNLI"}, SettingsError, "the labels of WNLI are 0, 1"),
        ({"data": "own.csv", "split": "test"}, SettingsError, "split 'test' is a set of a published task"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_a_line(
    run: Path, root: Path, given: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        evaluate(EvaluateSettings(model=str(run), **{"data": root, **given}))


def test_a_run_of_a_persons_own_file_has_no_task_to_remember(classifier: Path, root: Path) -> None:
    assert describe(classifier).history.published is None
    for given in ({}, {"data": root}):
        with pytest.raises(SettingsError, match="give a file with the examples, or --task, a published one"):
            evaluate(EvaluateSettings(model=str(classifier), **given))


def test_where_no_labels_are_at_hand_it_is_said_of_which_sets(run: Path, tmp_path: Path) -> None:
    write(tmp_path / "RTE" / "test.tsv", ["index", "sentence1", "sentence2"], [["0", "A.", "B."]])
    with pytest.raises(DataError, match="RTE: no labels are at hand for its test set in .*RTE; `foretext tasks RTE`"):
        evaluate(EvaluateSettings(model=str(run), data=tmp_path))
