"""Answers to hidden test sets, in the files that their judges take."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from foretext.checkpoints.saved_model import SavedModel, load_model, save_model
from foretext.errors import DataError, SettingsError
from foretext.model.gpt import GPT
from foretext.model.settings import HeadSettings
from foretext.recipes.settings.submit import SubmitSettings
from foretext.recipes.submit import GLUE, submit
from foretext.serving.predictor import Predictor
from foretext.tasks.catalogue import TASKS, find_task
from foretext.tasks.schema import TaskSchema

SENTENCES = ["Ann saw a cat.", 'Bob "saw" a dog.', "Cleo saw a hen in the lane."]


def model_of(language_model: Path, out: Path, schema: TaskSchema, head: HeadSettings) -> str:
    """A model with an untrained head: its answers mean nothing, but they are its own."""
    saved = load_model(language_model)
    save_model(out, SavedModel(GPT(saved.gpt.settings, head, seed=3), saved.tokenizer, schema))
    return str(out)


@pytest.fixture
def acceptability(language_model: Path, tmp_path: Path) -> str:
    schema = TaskSchema(kind="classification", text=("sentence",), classes=("0", "1"))
    return model_of(language_model, tmp_path / "cola", schema, HeadSettings(combine="one", outputs=2))


@pytest.fixture
def inference(language_model: Path, tmp_path: Path) -> str:
    classes = ("contradiction", "entailment", "neutral")
    schema = TaskSchema(kind="entailment", text=("premise", "hypothesis"), classes=classes)
    return model_of(language_model, tmp_path / "mnli", schema, HeadSettings(combine="one", outputs=3))


def hidden(root: Path, name: str, header: str, rows: list[list[str]], file: str = "test.tsv") -> Path:
    """Writes a test file whose rows are numbered from 0; gives the root to read from."""
    (root / name).mkdir(parents=True, exist_ok=True)
    lines = ["\t".join([str(number), *row]) for number, row in enumerate(rows)]
    (root / name / file).write_text("\n".join([header, *lines, ""]))
    return root


def test_the_answers_are_the_models_own_in_the_order_of_the_hidden(acceptability: str, tmp_path: Path) -> None:
    data = hidden(tmp_path / "data", "CoLA", "index\tsentence", [[text] for text in SENTENCES])
    done = submit(SubmitSettings(task="cola", run=acceptability, out=tmp_path / "out", data=data))
    said = [prediction.label for prediction in Predictor.load(acceptability).predict(SENTENCES)]
    wanted = "index\tprediction\n" + "".join(f"{number}\t{label}\n" for number, label in enumerate(said))
    assert (tmp_path / "out" / "CoLA.tsv").read_text() == wanted
    assert done.lines()[0] == f"3 answers written to {tmp_path / 'out' / 'CoLA.tsv'}"
    assert "SST-2.tsv" in done.lacking


def test_a_model_of_mnli_answers_both_its_test_sets_and_the_diagnostic_pairs(inference: str, tmp_path: Path) -> None:
    pairs = [[text, other] for text in SENTENCES for other in SENTENCES]
    for name, file in {"MNLI": "test_matched.tsv", "diagnostic": "diagnostic.tsv"}.items():
        data = hidden(tmp_path / "data", name, "index\tsentence1\tsentence2", pairs, file)
    done = submit(SubmitSettings(task="MNLI", run=inference, out=tmp_path / "out", data=data))
    assert [item.file.name for item in done.written] == ["MNLI-m.tsv", "AX.tsv"]
    assert done.absent[0].startswith("MNLI-mm.tsv is not written: MNLI: there is no test_mismatched.tsv in ")
    words = {line.split("\t")[1] for line in (tmp_path / "out" / "AX.tsv").read_text().splitlines()[1:]}
    assert words <= {"entailment", "neutral", "contradiction"}


def test_runs_that_write_into_one_folder_share_an_archive(acceptability: str, inference: str, tmp_path: Path) -> None:
    data = hidden(tmp_path / "data", "CoLA", "index\tsentence", [["A."]])
    hidden(data, "MNLI", "index\tsentence1\tsentence2", [["A.", "B."]], "test_matched.tsv")
    submit(SubmitSettings(task="CoLA", run=acceptability, out=tmp_path / "out", data=data))
    done = submit(SubmitSettings(task="MNLI", run=inference, out=tmp_path / "out", data=data))
    with zipfile.ZipFile(done.archive) as archive:
        assert archive.namelist() == ["CoLA.tsv", "MNLI-m.tsv"]
        assert archive.read("CoLA.tsv") == (tmp_path / "out" / "CoLA.tsv").read_bytes()
    assert set(done.lacking) == set(GLUE) - {"CoLA.tsv", "MNLI-m.tsv"}


def test_scores_outside_the_scale_are_drawn_back_and_counted(language_model: Path, tmp_path: Path) -> None:
    schema = TaskSchema(kind="similarity", text=("sentence1", "sentence2"), low=0, high=5)
    head = HeadSettings(combine="add", target="value", outputs=1, low=6.5, step=1e-6)  # all scores near 6.5
    run = model_of(language_model, tmp_path / "sts", schema, head)
    data = hidden(tmp_path / "data", "STS-B", "index\tsentence1\tsentence2", [["A.", "B."], ["B.", "C."]])
    done = submit(SubmitSettings(task="STS-B", run=run, out=tmp_path / "out", data=data))
    assert (tmp_path / "out" / "STS-B.tsv").read_text() == "index\tprediction\n0\t5.000000\n1\t5.000000\n"
    assert "2 scores were outside 0 to 5" in done.lines()[0]


def test_story_cloze_is_answered_by_the_stories_names_and_endings_from_one(
    language_model: Path, tmp_path: Path
) -> None:
    schema = TaskSchema(kind="choice", text=("story",), choices=("answers",), answer_labels="index0")
    run = model_of(language_model, tmp_path / "stories", schema, HeadSettings(combine="choose", outputs=1))
    header = "InputStoryid,InputSentence1,InputSentence2,InputSentence3,InputSentence4"
    header += ",RandomFifthSentenceQuiz1,RandomFifthSentenceQuiz2"
    folder = tmp_path / "data" / "StoryCloze"
    folder.mkdir(parents=True)
    (folder / "cloze_test_test__spring2016.csv").write_text(
        f"{header}\nab-1,A.,B.,C.,D.,E.,F.\nab-2,A.,B.,C.,D.,G.,H.\n"
    )
    done = submit(SubmitSettings(task="StoryCloze", run=run, out=tmp_path / "out", data=tmp_path / "data"))
    said = Predictor.load(run).answer_all(find_task("StoryCloze").rows(tmp_path / "data", "test")).labels
    wanted = "".join(f"ab-{number},{int(label) + 1}\n" for number, label in enumerate(said, start=1))
    assert (tmp_path / "out" / "answer.txt").read_text() == "InputStoryid,AnswerRightEnding\n" + wanted
    assert (done.archive.name, done.lacking) == ("story_cloze.zip", [])


def test_a_run_of_another_task_is_refused(acceptability: str, tmp_path: Path) -> None:
    data = hidden(tmp_path / "data", "RTE", "index\tsentence1\tsentence2", [["A.", "B."]])
    with pytest.raises(
        SettingsError, match="was fine-tuned for classification of sentence with the classes 0, 1; RTE is"
    ):
        submit(SubmitSettings(task="RTE", run=acceptability, out=tmp_path / "out", data=data))
    assert not (tmp_path / "out").exists()


def test_rows_that_are_missing_from_a_test_file_are_noticed(acceptability: str, tmp_path: Path) -> None:
    (tmp_path / "CoLA").mkdir()
    (tmp_path / "CoLA" / "test.tsv").write_text("index\tsentence\n0\tA.\n2\tB.\n")
    with pytest.raises(DataError, match=r"test\.tsv:3: row 1 is numbered '2'; CoLA\.tsv must have every row"):
        submit(SubmitSettings(task="CoLA", run=acceptability, out=tmp_path / "out", data=tmp_path))


def test_a_missing_test_file_and_a_task_without_one_are_told_apart(acceptability: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"CoLA: there is no test\.tsv in"):
        submit(SubmitSettings(task="CoLA", run=acceptability, out=tmp_path / "out", data=tmp_path))
    with pytest.raises(SettingsError, match="RACE has no answers to hand in; those that have: MNLI"):
        submit(SubmitSettings(task="RACE", run=acceptability, out=tmp_path / "out", data=tmp_path))


def test_every_file_of_a_glue_submission_belongs_to_a_task_of_the_catalogue() -> None:
    names = [name for task in TASKS.values() for name in task.submissions.values()]
    assert sorted(names) == sorted([*GLUE, "answer.txt"])
