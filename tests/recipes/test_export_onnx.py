"""`foretext export onnx`: what it says, what it refuses, and the page that shows it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import onnx
import torch

from foretext.checkpoints.saved_model import SavedModel, load_model, save_model
from foretext.cli import main
from foretext.model.gpt import GPT
from foretext.model.settings import HeadSettings, ModelSettings
from foretext.portable import folder
from foretext.portable.graph import written
from foretext.tasks.schema import TaskSchema

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")


def refused(capsys, *arguments: object) -> str:
    """The one line of a command that leaves with 2."""
    assert main([str(argument) for argument in arguments]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("foretext: ")]
    return line


def test_the_lines_of_the_page_work_from_export_to_answers(capsys, classifier, labelled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(classifier, "scenes")
    install, export, ask = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)[0].strip().splitlines()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert install.split("#")[0].strip() == "pip install --editable '.[onnx]'"
    assert {name.split(">")[0] for name in extras["onnx"]} == {"onnx", "onnxruntime"}
    command = shlex.split(export)
    assert command[0] == "foretext"
    assert main([*command[1:], "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["files"] == ["README.md", "answer.py", "config.json", "model.onnx", "paper_text", "tokenizer.json"]
    assert 0 < said["agreement"]["greatest"] < 1e-4
    assert said["agreement"]["equal"] == 1.0
    done = subprocess.run(ask.replace("python", sys.executable, 1), shell=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["prediction"] in {"cat", "dog", "hen", "fox"}
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(program.splitlines()) <= 20
    alone = "import sys; sys.modules['foretext'] = sys.modules['torch'] = None\n" + program
    own = subprocess.run([sys.executable, "-c", alone], cwd="scenes-onnx", capture_output=True, text=True)
    assert own.returncode == 0, own.stderr
    assert json.loads(own.stdout) == json.loads(done.stdout)["probabilities"]


def test_int8_is_measured_on_labelled_examples_beside_the_model_itself(capsys, classifier, labelled, tmp_path):
    out = tmp_path / "out"
    command = ["export", "onnx", classifier, "--out", out, "--precision", "int8", "--check", labelled / "test.csv"]
    assert main([*map(str, command)]) == 0
    said = capsys.readouterr().out
    assert "24 labelled examples of test.csv: greatest difference from our own answers" in said
    assert re.search(r"accuracy +\d+\.\d +\d+\.\d", said)
    assert json.loads((out / "config.json").read_text())["precision"] == "int8"


def model_with_an_outlier(where: Path) -> None:
    """A model whose layers' inputs have one number that dwarfs all others, which weights of nearly 0 take back."""
    base = load_model(where)
    shape = {"context": 32, "layers": 2, "width": 32, "heads": 2, "norm_at": "before", "initial_deviation": 0.4}
    gpt = GPT(ModelSettings(vocabulary=base.tokenizer.size, **shape), HeadSettings(outputs=2), seed=3)
    with torch.no_grad():
        for block in gpt.layers:
            block.feed_forward_norm.weight[5] *= 1e4
            block.feed_forward.expand.weight[:, 5] /= 1e4
            block.attention_norm.weight[5] *= 1e4
            block.attention.query_key_value.weight[:, 5] /= 1e4
        gpt.head.linear.weight.mul_(20)
    task = TaskSchema(kind="classification", text=("text",), label="label", classes=("a", "b"))
    save_model(where.parent / "outlier", SavedModel(gpt, base.tokenizer, task=task))


def test_int8_weights_have_seven_bits_so_that_no_processor_overflows(classifier, tmp_path):
    assert main(["export", "onnx", str(classifier), "--out", str(tmp_path / "out"), "--precision", "int8"]) == 0
    graph = onnx.load(tmp_path / "out" / "model.onnx").graph
    weights = [onnx.numpy_helper.to_array(one) for one in graph.initializer if one.data_type == onnx.TensorProto.INT8]
    weights = [weight for weight in weights if weight.ndim == 2]  # the others are what stands for 0
    assert weights
    assert {int(abs(weight.astype(int)).max()) for weight in weights} <= {63, 64}


def test_int8_that_answers_otherwise_is_refused_and_leaves_nothing(capsys, language_model, tmp_path):
    shutil.copytree(language_model, tmp_path / "model")
    model_with_an_outlier(tmp_path / "model")
    out = tmp_path / "out"
    line = refused(capsys, "export", "onnx", tmp_path / "outlier", out, "--precision", "int8")
    assert "in int8 the exported model does not answer as this one does, and was not kept: 16 made-up examples" in line
    assert line.endswith("use --precision fp32")
    assert not out.exists()
    assert main(["export", "onnx", str(tmp_path / "outlier"), str(out)]) == 0


def test_a_graph_that_computes_something_else_is_refused_and_leaves_nothing(capsys, classifier, tmp_path, monkeypatch):
    def wrong(gpt: GPT):
        with torch.no_grad():
            gpt.layers[0].feed_forward.contract.bias[0] += 0.1
        return written(gpt)

    monkeypatch.setattr(folder, "written", wrong)
    # The model itself is changed along with the graph, so it is compared with one that is loaded afresh.
    monkeypatch.setattr("foretext.portable.agreement.Predictor.of", fresh(classifier))
    line = refused(capsys, "export", "onnx", classifier, tmp_path / "out")
    assert "this is an error of Foretext" in line
    assert list(tmp_path.iterdir()) == []


def fresh(path: Path):
    from foretext.serving.predictor import Predictor

    original = Predictor.of
    return lambda saved, **options: original(load_model(path), **options)


def test_a_language_model_goes_out_too_and_an_lstm_in_fp32_alone(capsys, language_model, tmp_path):
    assert main(["export", "onnx", str(language_model), str(tmp_path / "out")]) == 0
    assert "greatest difference from our own answers" in capsys.readouterr().out
    line = refused(capsys, "export", "onnx", language_model, tmp_path / "b", "--check", "a.csv")
    assert line.endswith("--check is for fine-tuned models; this language model is checked on made-up texts")
    base = load_model(language_model)
    shape = ModelSettings(backbone="lstm", lstm_units=8, width=8, heads=1, context=16, vocabulary=base.tokenizer.size)
    save_model(tmp_path / "lstm", SavedModel(GPT(shape), base.tokenizer))
    line = refused(capsys, "export", "onnx", tmp_path / "lstm", tmp_path / "b", "--precision", "int8")
    assert line.endswith("int8 is for Transformers, and this model is an LSTM; use --precision fp32")
    assert not (tmp_path / "b").exists()


def test_what_is_for_onnx_alone_is_refused_elsewhere(capsys, tmp_path):
    for flags in (["--precision", "int8"], ["--check", "a.csv"]):
        line = refused(capsys, "export", "hf", "model", tmp_path / "out", *flags)
        assert line.endswith("--precision and --check are for onnx alone; leave them out")


def test_without_its_libraries_the_remedy_is_said(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("foretext.recipes.export_model.find_spec", lambda name: None)
    line = refused(capsys, "export", "onnx", "model", tmp_path / "out")
    assert line.endswith("an export to ONNX needs onnx, onnxruntime: pip install 'foretext[onnx]'")
