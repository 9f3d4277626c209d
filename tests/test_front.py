"""The front door: calls of one shape, on files, tables and lists, with a folder or without."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import foretext
from foretext import (
    Example,
    FinetuneSettings,
    LabelledDataSettings,
    LoopSettings,
    Model,
    SavedModel,
    Tokenizer,
    evaluate,
    finetune,
    load,
    perplexity,
    predict,
    prepare,
    pretrain,
)
from foretext.errors import DataError, SettingsError, UnknownName
from foretext.model.gpt import GPT
from foretext.model.settings import ModelSettings
from foretext.tasks.labelled import read_as_given, read_labelled_data

ROWS = [
    {"id": number, "text": f"a {animal} saw {name} in the barn", "team": team}
    for number, (animal, team) in enumerate([("cat", "x"), ("dog", "y")] * 8)
    for name in ("Ann", "Bob")
]
QUICK: dict[str, Any] = {"epochs": 1, "batch": 8, "learning_rate": 1e-3, "device": "cpu", "precision": "fp32"}


@pytest.fixture(scope="module")
def books(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("books")
    for number in range(6):
        (folder / f"{number}.txt").write_text("a cat and a dog saw Ann and Bob in the barn. " * 20)
    return folder


@pytest.fixture(scope="module")
def tokenizer(books) -> Tokenizer:
    return Tokenizer.learn(books, 60)


@pytest.fixture(scope="module")
def language_model(tokenizer) -> SavedModel:
    shape = ModelSettings(vocabulary=tokenizer.size, context=32, layers=1, width=16, heads=2, initial_deviation=0.1)
    return SavedModel(GPT(shape, seed=0), tokenizer)


@pytest.fixture(scope="module")
def model(language_model) -> Model:
    return finetune(language_model, ROWS, label="team", **QUICK)


def probabilities(model: Model) -> list[float]:
    return [prediction.probabilities["x"] for prediction in model.predict(["a cat", "a dog saw Ann"])]


class TestFinetune:
    def forms(self, folder: Path) -> dict[str, Any]:
        """The same examples in every form."""
        path = folder / "rows.csv"
        path.write_text("text,team\n" + "".join(f"{row['text']},{row['team']}\n" for row in ROWS))
        columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
        import pyarrow

        return {
            "path": path,
            "text of a path": str(path),
            "pairs": [(row["text"], row["team"]) for row in ROWS],
            "examples": [Example((row["text"],), label=row["team"]) for row in ROWS],
            "columns": columns,
            "arrow": pyarrow.table(columns),
        }

    def test_class_numbers_of_a_dataset_are_their_names_down_to_the_probabilities(self, language_model, model):
        """Named against the alphabet: a probability that went by numbers would be the other class's."""

        class Labels:
            names = ("y", "x")

        class Dataset(list):
            column_names = ("text", "team")
            features: ClassVar = {"team": Labels()}

        numbered = Dataset({"text": row["text"], "team": Labels.names.index(row["team"])} for row in ROWS)
        made = finetune(language_model, numbered, label="team", **QUICK)
        assert probabilities(made) == probabilities(model)

    def test_the_same_examples_in_any_form_teach_the_same_to_the_bit(self, language_model, model, tmp_path):
        expected = probabilities(model)
        for name, data in self.forms(tmp_path).items():
            label = {} if name in ("pairs", "examples") else {"label": "team"}
            assert probabilities(finetune(language_model, data, **label, **QUICK)) == expected, name

    @pytest.mark.parametrize("library", ["pandas", "polars"])
    def test_a_data_frame_teaches_the_same_too(self, language_model, model, library):
        frame = pytest.importorskip(library).DataFrame(ROWS)
        assert probabilities(finetune(language_model, frame, label="team", **QUICK)) == probabilities(model)

    def test_without_a_folder_nothing_is_left_on_the_disk(self, language_model, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("foretext.recipes.run.training_report", lambda *_, **__: pytest.fail("drawn for nobody"))
        made = finetune(language_model, ROWS, label="team", **QUICK)
        assert list(tmp_path.iterdir()) == []
        assert made.saved.folder is None

    def test_with_a_folder_the_run_is_in_it_and_loads_to_the_same_answers(self, language_model, model, tmp_path):
        made = finetune(language_model, ROWS, label="team", out=tmp_path / "run", **QUICK)
        assert (tmp_path / "run" / "report.html").exists()
        assert probabilities(load(str(tmp_path / "run"), device="cpu")) == probabilities(made) == probabilities(model)
        assert load(tmp_path / "run").scores == made.scores

    @pytest.mark.parametrize("word", ["valid", "validation"])
    def test_examples_to_validate_on_may_be_given_and_are_scored(self, language_model, word):
        made = finetune(language_model, ROWS, label="team", **{word: ROWS[:6]}, **QUICK)
        assert made.saved.history.finetuning.result.validation["count"] == 6

    def test_a_number_is_the_share_to_hold_out(self, language_model):
        different = [{**row, "text": f"{row['text']} {row['id']}"} for row in ROWS]
        made = finetune(language_model, different, label="team", validation=0.25, **QUICK)
        assert made.saved.history.finetuning.result.validation["count"] == len(ROWS) // 4

    def test_labelled_data_is_trained_on_as_it_is(self, language_model, model):
        examples = LabelledDataSettings(label="team")
        data = read_labelled_data(examples, seed=0, data=ROWS)
        assert probabilities(finetune(language_model, data, **QUICK)) == probabilities(model)
        for told in ({"label": "team"}, {"validation": 0.2}, {"valid": ROWS}):
            with pytest.raises(SettingsError, match="LabelledData is read already"):
                finetune(language_model, data, **told, **QUICK)

    def test_without_validation_examples_the_last_weights_are_kept_and_nothing_is_scored(self, language_model):
        data = read_as_given(LabelledDataSettings(label="team"), data=ROWS)
        made = finetune(language_model, data, **{**QUICK, "epochs": 2})
        result = made.saved.history.finetuning.result
        assert result.best_update == result.updates == 2 * (len(ROWS) // QUICK["batch"])
        assert result.validation == {}
        assert made.scores is None
        assert "validation" not in repr(made)

    def test_a_model_in_memory_may_go_on_to_another_task(self, model):
        again = finetune(model, [(row["text"], str(row["id"] % 2)) for row in ROWS], **QUICK)
        assert again.schema.classes == ("0", "1")

    def test_tables_of_settings_go_beside_flat_names(self, language_model):
        quick = {name: value for name, value in QUICK.items() if name not in ("device", "precision")}
        loop = LoopSettings(device="cpu", precision="fp32")
        made = finetune(language_model, ROWS, label="team", text="text", loop=loop, **quick)
        assert made.device == "cpu"

    def test_a_setting_that_is_not_there_is_refused_with_the_nearest(self, language_model):
        with pytest.raises(UnknownName, match="no setting called 'epoch'; did you mean 'epochs'"):
            finetune(language_model, ROWS, label="team", epoch=2)

    def test_a_bad_row_is_named(self, language_model):
        with pytest.raises(DataError, match="the examples, row 2: column 'label': the label is missing"):
            finetune(language_model, [("a", "x"), ("b", None), ("c", "y")])

    def test_what_contradicts_itself_is_refused(self, language_model, tmp_path):
        with pytest.raises(SettingsError, match="resume goes on with the run in a folder"):
            finetune(language_model, ROWS, resume=True)
        with pytest.raises(SettingsError, match="give either the task or examples"):
            finetune(language_model, ROWS, task="SST-2")
        with pytest.raises(SettingsError, match="nothing else beside it"):
            finetune(FinetuneSettings(model="mini", out=tmp_path), ROWS)


class TestPredict:
    @pytest.mark.parametrize("library", ["pandas", "polars"])
    def test_a_frame_comes_back_as_it_was_with_answers_beside(self, model, library):
        frame = pytest.importorskip(library).DataFrame(ROWS[:3])
        found = model.predict(frame, as_frame=True)
        assert type(found) is type(frame)
        assert list(found.columns) == ["id", "text", "team", "prediction", "probability_x", "probability_y"]
        assert list(found["prediction"]) == [prediction.label for prediction in model.predict(frame)]
        assert list(frame.columns) == ["id", "text", "team"]

    def test_a_frame_keeps_its_index_even_one_with_a_name_twice(self, model):
        frame = pytest.importorskip("pandas").DataFrame(ROWS[:3], index=[7, 3, 7])
        found = model.predict(frame, as_frame=True)
        assert list(found.index) == [7, 3, 7]
        assert list(found["prediction"]) == [prediction.label for prediction in model.predict(frame)]

    def test_an_arrow_table_comes_back_as_one(self, model):
        import pyarrow

        found = model.predict(pyarrow.Table.from_pylist(ROWS[:3]), as_frame=True)
        assert isinstance(found, pyarrow.Table)
        assert found.column_names[-3:] == ["prediction", "probability_x", "probability_y"]

    def test_a_frame_is_not_made_of_a_list_and_none_loses_a_column(self, model):
        with pytest.raises(DataError, match="as_frame is for tables"):
            model.predict(["a cat"], as_frame=True)
        with pytest.raises(UnknownName, match="no column called 'text'"):
            model.predict(pytest.importorskip("pandas").DataFrame({"body": ["a"]}), as_frame=True)

    def test_files_give_what_lists_give_and_may_be_written(self, model, tmp_path):
        path = tmp_path / "new.jsonl"
        path.write_text("".join(json.dumps({"text": row["text"]}) + "\n" for row in ROWS[:4]))
        expected = model.predict([row["text"] for row in ROWS[:4]])
        assert model.predict(path) == model.predict(str(path)) == predict(model, path) == expected
        written = predict(model, path, out=tmp_path / "answers.csv")
        assert written.rows == 4
        assert (tmp_path / "answers.csv").read_text().startswith("text,prediction,probability_x")

    def test_columns_of_more_texts_than_the_model_reads_are_refused(self, model, tmp_path):
        path = tmp_path / "new.csv"
        path.write_text("text,team\na cat,x\n")
        for data, how in (
            (path, {"out": tmp_path / "answers.csv"}),
            (path, {}),
            (ROWS, {}),
            (ROWS, {"as_frame": True}),
        ):
            with pytest.raises(SettingsError, match=r"the model reads 1 text \(text\); given: team, text"):
                model.predict(data, text=("team", "text"), **how)
        assert not (tmp_path / "answers.csv").exists()
        with pytest.raises(SettingsError, match="the model reads 1 text"):
            model.evaluate(ROWS, text=("team", "text"), label="team")

    def test_one_text_is_not_read_letter_by_letter(self, model):
        for ask in (model.predict, model.predictor.predict, model.embed):
            with pytest.raises(DataError, match="give a list of"):
                ask("The boat sank. " * 100)


class TestEvaluate:
    def test_rows_tables_and_files_have_the_same_scores(self, model, tmp_path):
        path = tmp_path / "test.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        scores = [model.evaluate(data).evaluation for data in (ROWS, path, str(path))]
        assert scores[0].to_json() == scores[1].to_json() == scores[2].to_json()
        assert evaluate(model, ROWS).evaluation.count == len(ROWS)

    def test_a_report_of_rows_in_memory_is_written(self, model, tmp_path):
        assert model.evaluate(ROWS, report=tmp_path / "report.html").report == tmp_path / "report.html"
        assert "on the examples" in (tmp_path / "report.html").read_text()


class TestModel:
    def test_it_says_what_it_is(self, model, language_model):
        assert repr(model).splitlines()[0].startswith("classification of text: 1 layers x 16, ")
        assert "classes: x, y" in repr(model)
        assert "validation: accuracy" in repr(model)
        assert repr(load(language_model)).startswith("a language model: 1 layers x 16")
        assert json.loads(json.dumps(model.to_dict()))["task"]["classes"] == ["x", "y"]
        assert model._repr_html_().startswith("<pre>classification of text")

    def test_its_scores_print_with_interval_and_chance(self, model, language_model):
        line = repr(model.scores).splitlines()[0]
        assert line.startswith("accuracy ")
        assert ", chance " in line
        assert model.scores.to_dict()["metrics"]["accuracy"]["value"] == model.scores["accuracy"]
        assert load(language_model).scores is None

    def test_it_is_saved_whole_and_over_nothing(self, model, tmp_path):
        assert probabilities(load(model.save(tmp_path / "kept"), device="cpu")) == probabilities(model)
        with pytest.raises(SettingsError, match="not an empty folder"):
            model.save(tmp_path / "kept")

    def test_it_embeds_and_writes_on(self, model, language_model):
        assert model.embed(["a cat", "a dog"]).shape == (2, 16)
        assert load(language_model).generate("a cat", tokens=3, seed=1).text == model_text(language_model)

    def test_a_language_model_says_that_it_has_no_task(self, language_model):
        with pytest.raises(foretext.errors.ModelError, match="a language model without a task"):
            load(language_model).predict(["a"])

    def test_what_gives_results_prints_them(self, model):
        scored = model.evaluate(ROWS)
        assert repr(scored) == "\n".join(scored.lines())
        assert scored.to_dict() == scored.to_json()
        assert "<pre>" in scored._repr_html_()


def model_text(language_model: SavedModel) -> str:
    return foretext.generate(language_model, "a cat", tokens=3, seed=1).text


class TestPretrain:
    @pytest.fixture
    def corpus(self, books, tokenizer, tmp_path) -> foretext.Corpus:
        out = tmp_path / "corpus"
        return prepare(str(books), out, tokenizer=tokenizer, workers=1, validation=0.2)

    def quick(self) -> dict[str, Any]:
        return {
            "updates": 2,
            "warmup": 1,
            "batch": 2,
            "context": 16,
            "layers": 1,
            "width": 16,
            "heads": 2,
            "device": "cpu",
            "precision": "fp32",
        }

    def test_text_to_a_model_with_or_without_a_folder(self, corpus, books, tmp_path, monkeypatch):
        with monkeypatch.context() as nobody:
            nobody.setattr("foretext.recipes.run.training_report", lambda *_, **__: pytest.fail("drawn for nobody"))
            made = pretrain(corpus, **self.quick())
        kept = pretrain(str(corpus.folder), out=tmp_path / "run", **self.quick())
        for one, other in zip(made.saved.gpt.parameters(), kept.saved.gpt.parameters(), strict=True):
            assert one.equal(other)
        book = books / "0.txt"
        assert made.perplexity(book).perplexity == perplexity(tmp_path / "run", [str(book)], device="cpu").perplexity

    def test_a_preset_is_changed_by_what_is_named(self, corpus):
        made = pretrain(corpus, preset="tiny", **{**self.quick(), "width": 32})
        assert made.saved.gpt.settings.width == 32
        with pytest.raises(UnknownName, match="no setting called 'update'"):
            pretrain(corpus, preset="tiny", update=3)

    def test_a_model_in_memory_may_go_on(self, corpus):
        first = pretrain(corpus, **self.quick())
        again = pretrain(corpus, start=first, **self.quick())
        assert again.saved.history.pretraining.start.model == first.saved.fingerprint
        with pytest.raises(SettingsError, match="has context 16, not 8"):
            pretrain(corpus, start=first.saved, **{**self.quick(), "context": 8})


def test_a_model_for_whose_tokenizer_a_corpus_is_made_may_be_an_object(language_model, books, tmp_path):
    corpus = prepare(books, tmp_path / "corpus", tokenizer=language_model, workers=1)
    corpus.check_tokenizer(language_model.tokenizer.fingerprint)
    with pytest.raises(SettingsError, match="tokenizer is missing"):
        prepare(books, tmp_path / "other")


def test_paths_may_be_text_or_path_and_a_column_stand_alone():
    assert foretext.LabelledDataSettings(data=Path("x"), text="review").text == ("review",)
    assert FinetuneSettings(model=Path("run"), out="x").model == "run"
    assert foretext.PredictSettings(model="run", data=Path("x.csv")).data == "x.csv"


def test_vectors_of_lists_and_arrays_are_alike(model):
    np.testing.assert_array_equal(model.embed(["a cat"]), model.embed(np.array(["a cat"])))


def test_the_parts_of_a_model_are_had_by_name_folder_or_object(model, tmp_path):
    assert foretext.load_model("mini").task is None
    assert foretext.load_model(model.save(tmp_path / "kept")).task == model.schema
    assert foretext.load_model(model) is model.saved
