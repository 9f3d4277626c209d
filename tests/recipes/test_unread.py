"""What a model does not get to see is said: characters without a piece, tokens beyond the context."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

import foretext
from foretext.cli import main
from foretext.errors import DataError
from foretext.tokenizer import Tokenizer

CHINESE = ["你好世界", "天 气 很 好", "我 有 一 只 猫", "这 是 狗", "今 天", "明 天 见", "再 见", "朋 友"]
LONG = " ".join(["Ann saw a cat in the barn."] * 12)  # some ten tokens each, and the context is 32


@pytest.fixture
def chinese(tmp_path: Path) -> Path:
    rows = [f"{text},{'cat' if number % 2 else 'dog'}" for number, text in enumerate(CHINESE)]
    (tmp_path / "zh.csv").write_text("\n".join(["text,label", *rows, ""]), encoding="utf-8")
    (tmp_path / "zh.txt").write_text("\n".join(CHINESE), encoding="utf-8")
    return tmp_path


COMMANDS = {
    "prepare": "prepare {here}/zh.txt --tokenizer {model} --out {here}/made --workers 1 --validation 0",
    "finetune": "finetune {model} --data {here}/zh.csv --kind classification --epochs 1 --batch 2 --out {here}/made",
    "evaluate": "evaluate {classifier} --data {here}/zh.csv",
    "predict": "predict {classifier} {here}/zh.csv --out {here}/made.csv",
    "embed": "embed {model} {here}/zh.csv --out {here}/made.npy",
    "perplexity": "perplexity {model} {here}/zh.txt",
    "generate": "generate {model} 你好 --tokens 2",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_text_that_is_mostly_unknown_is_refused_unless_allowed_and_then_said(
    capfd, caplog, language_model, classifier, chinese, command
):
    line = COMMANDS[command].format(model=language_model, classifier=classifier, here=chinese)
    assert main(line.split()) == 2
    (refusal,) = [said for said in capfd.readouterr().err.splitlines() if said.startswith("foretext: ")]
    assert "(100.0%) are unknown" in refusal
    assert "--allow-unknown" in refusal
    assert not any((chinese / name).exists() for name in ("made", "made.csv", "made.npy"))

    assert main([*line.split(), "--allow-unknown"]) == 0
    assert "(100.0%) are unknown" in caplog.text


def test_pretrain_is_told_by_the_corpus_what_is_unknown(capfd, language_model, chinese):
    prepare = COMMANDS["prepare"].format(model=language_model, here=chinese)
    assert main([*prepare.split(), "--allow-unknown"]) == 0
    assert json.loads((chinese / "made" / "manifest.json").read_text())["unknown"]["unknown"] > 20
    shape = "--layers 1 --width 32 --heads 2 --context 4 --updates 1 --batch 1 --warmup 0 --device cpu"
    line = f"pretrain {chinese}/made {shape} --out {chinese}/run"
    assert main(line.split()) == 2
    assert "are unknown" in capfd.readouterr().err
    assert not (chinese / "run").exists()
    assert main([*line.split(), "--allow-unknown"]) == 0


def test_with_a_tokenizer_of_bytes_nothing_is_unknown(caplog, chinese):
    Tokenizer.learn([chinese / "zh.txt"], 260, mode="bytes").save(chinese / "bytes")
    line = COMMANDS["prepare"].format(model=chinese / "bytes", here=chinese)
    assert main(line.split()) == 0
    assert "unknown" not in caplog.text


def test_python_refuses_and_says_the_same(caplog, classifier):
    model = foretext.load(classifier, device="cpu")
    with pytest.raises(DataError, match="allow_unknown=True"):
        model.predict(CHINESE)
    with pytest.raises(DataError, match="allow_unknown=True"):
        model.embed(CHINESE)
    with caplog.at_level(logging.WARNING):
        assert len(model.predict(CHINESE, allow_unknown=True)) == len(CHINESE)
        assert len(list(model.stream(CHINESE))) == len(CHINESE)
    assert sum("are unknown" in message for message in caplog.messages) == 2


@pytest.fixture
def long(tmp_path: Path) -> Path:
    (tmp_path / "long.csv").write_text(f"text,label\n{LONG},cat\nBob saw a dog in the lane.,dog\n{LONG},cat\n")
    return tmp_path / "long.csv"


@pytest.mark.parametrize("command", ["predict", "evaluate", "embed"])
def test_what_is_cut_is_said_and_counted(capfd, caplog, classifier, long, command):
    arguments = {
        "predict": ["predict", classifier, long, "--out", long.with_name("answers.csv")],
        "evaluate": ["evaluate", classifier, "--data", long],
        "embed": ["embed", classifier, long, "--out", long.with_name("vectors.npy")],
    }[command]
    assert main([str(argument) for argument in arguments]) == 0
    said = capfd.readouterr().out + caplog.text
    assert said.count("2 of 3 examples were cut to fit the context, by ") == 1
    assert main([str(argument) for argument in (*arguments, "--json")]) == 0
    counts = json.loads(capfd.readouterr().out)
    tokens = len(Tokenizer.load(classifier).encode(LONG))
    assert (counts["cut"], counts["cut_tokens"]) == (2, 2 * (tokens - 30))  # context 32, start and extract


def test_python_logs_what_is_cut(caplog, classifier, long):
    model = foretext.load(classifier, device="cpu")
    calls = [
        lambda: model.predict([LONG, "a dog"]),
        lambda: list(model.stream([LONG, "a dog"])),
        lambda: model.embed([LONG, "a dog"]),
        lambda: model.evaluate(long),
    ]
    for number, call in enumerate(calls, start=1):
        with caplog.at_level(logging.WARNING):
            call()
        assert sum("cut to fit the context" in message for message in caplog.messages) == number


def test_a_prompt_longer_than_the_context_is_said(caplog, language_model):
    assert main(["generate", str(language_model), LONG, "--tokens", "1"]) == 0
    assert "only the last 16 of it are read" in caplog.text
    caplog.clear()
    assert main(["generate", str(language_model), "Ann saw a cat", "--tokens", "1"]) == 0
    assert not caplog.messages
