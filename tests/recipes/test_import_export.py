"""The commands `import` and `export`: there and back, one line for what goes wrong, and nothing half-written."""

from __future__ import annotations

import json

import pytest
from safetensors.torch import load_file, save_file

from foretext import load_model
from foretext.cli import main
from foretext.recipes.import_model import Imported


def run(capsys, *arguments):
    """What a command prints as JSON."""
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *arguments):
    """The one line of a command that leaves with 2."""
    assert main([str(argument) for argument in arguments]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("foretext: ")]
    return line


def test_a_trained_model_goes_out_in_either_layout_and_comes_back(capsys, language_model, tmp_path):
    for layout, heads in (("openai", ["--heads", 2]), ("hf", [])):
        out, back = tmp_path / layout, tmp_path / f"{layout}-back"
        written = run(capsys, "export", layout, language_model, out)
        assert set(written["files"]) == {path.name for path in out.iterdir()}
        assert written["left_out"] == ["the rows of the 3 special tokens"]
        read = run(capsys, "import", layout, out, "--out", back, *heads)
        assert (read["layers"], read["width"], read["heads"], read["context"]) == (1, 32, 2, 32)
        one, other = load_model(language_model), load_model(back)
        assert one.tokenizer.fingerprint == other.tokenizer.fingerprint
        specials = slice(one.tokenizer.start, one.tokenizer.extract + 1)
        one.gpt.embedding.detach()[specials] = other.gpt.embedding.detach()[specials]
        for (name, mine), theirs in zip(one.gpt.named_parameters(), other.gpt.parameters(), strict=True):
            assert mine.equal(theirs), name


def test_exporting_a_classifier_says_that_its_head_stays_behind(capsys, classifier, tmp_path):
    assert main(["export", "hf", str(classifier), str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "left out, having no place there: the rows of the 3 special tokens, the task head (4 outputs)" in said
    assert "some texts get other ids" in said
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| validation accuracy |" in card
    assert "## Pre-training" in card


def test_an_imported_model_can_be_fine_tuned(capsys, language_model, labelled, tmp_path):
    run(capsys, "export", "hf", language_model, tmp_path / "hf")
    run(capsys, "import", "hf", tmp_path / "hf", "--out", tmp_path / "model")
    data = ["--data", labelled / "train.csv", "--kind", "classification", "--epochs", 1, "--device", "cpu"]
    assert run(capsys, "finetune", tmp_path / "model", *data, "--out", tmp_path / "run")["updates"] > 0
    history = load_model(tmp_path / "run").history
    assert history.imported
    assert history.finetuning


def test_a_damaged_source_leaves_nothing_behind(capsys, language_model, tmp_path):
    source = tmp_path / "hf"
    run(capsys, "export", "hf", language_model, source)
    tensors = load_file(source / "model.safetensors")
    tensors["transformer.h.0.ln_1.bias"][3] = float("nan")
    save_file(tensors, source / "model.safetensors")
    line = refused(capsys, "import", "hf", source, "--out", tmp_path / "model")
    assert line.endswith("model.safetensors: h.0.ln_1.bias holds values that are not finite")
    assert [path.name for path in tmp_path.iterdir()] == ["hf"]


def test_a_folder_in_use_is_left_alone(capsys, language_model, tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "thesis.txt").write_text("years of work")
    for command in (
        ["export", "openai", language_model, tmp_path / "used"],
        ["import", "hf", language_model, "--out", tmp_path / "used"],
    ):
        assert "used is there already and not an empty folder" in refused(capsys, *command)
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["import", "openai", "nowhere", "--out", "model"], "nowhere/params_shapes.json is missing"),
        (["import", "hf", "nowhere", "--out", "model", "--heads", "2"], "--heads is for openai alone"),
        (["import", "pickle", "nowhere", "--out", "model"], '"openai", "hf"'),
        (["export", "hf", "nowhere", "out"], "no model called 'nowhere'"),
    ],
)
def test_wrong_arguments_are_one_line(capsys, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    assert expected in refused(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "where", ["3 special tokens drawn from N(0, 0.02), seed 0", "special tokens read from _start_"]
)
def test_special_tokens_are_said_to_come_from_where_they_do(tmp_path, where):
    imported = Imported(tmp_path, layers=1, width=8, heads=2, context=16, vocabulary=40, parameters=99, drawn=where)
    assert imported.lines()[1] == where
