"""Text of white space alone: refused in one line where nothing can follow from it, else answered and counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import foretext
from foretext.cli import main
from foretext.errors import SettingsError

BLANK = {
    "nothing": "",
    "a blank": " ",
    "lines": "\n\n   \n",
    "Windows": "\r\n\t\r\n",
    "separators": "\x1c\x1d\x1e\x1f",
    "wide": "\u3000\u00a0",
}


@pytest.mark.parametrize("text", BLANK.values(), ids=BLANK)
def test_blank_text_has_no_perplexity(capfd, language_model, tmp_path, text):
    (tmp_path / "blank.txt").write_text(text, encoding="utf-8", newline="")
    assert main(["perplexity", str(language_model), str(tmp_path / "blank.txt"), "--device", "cpu"]) == 2
    (refusal,) = [said for said in capfd.readouterr().err.splitlines() if said.startswith("foretext: ")]
    assert f"nothing to predict in {tmp_path / 'blank.txt'}" in refusal


def test_blank_documents_among_others_change_no_perplexity(capfd, language_model, tmp_path):
    line = json.dumps({"text": "Ann saw a cat in the barn."})
    found = []
    for name, lines in {"one.jsonl": [line], "more.jsonl": ['{"text": " "}', line, '{"text": ""}']}.items():
        (tmp_path / name).write_text("\n".join(lines))
        assert main(["perplexity", str(language_model), str(tmp_path / name), "--device", "cpu", "--json"]) == 0
        found.append(json.loads(capfd.readouterr().out)["perplexity"])
    assert found[0] == found[1]


def test_line_breaks_of_windows_change_no_perplexity(capfd, language_model, tmp_path):
    found = []
    for name, end in {"unix.txt": "\n", "windows.txt": "\r\n"}.items():
        text = end.join(["Ann saw a cat.", "", "Bob saw a dog.", ""])
        (tmp_path / name).write_text(text, newline="")
        assert main(["perplexity", str(language_model), str(tmp_path / name), "--device", "cpu", "--json"]) == 0
        found.append(json.loads(capfd.readouterr().out)["perplexity"])
    assert found[0] == found[1]


@pytest.mark.parametrize("text", BLANK.values(), ids=BLANK)
def test_a_blank_prompt_is_refused_where_it_holds_no_token(capfd, language_model, text):
    assert main(["generate", str(language_model), f"--prompt={text}", "--tokens", "1", "--device", "cpu"]) == 2
    (refusal,) = [said for said in capfd.readouterr().err.splitlines() if said.startswith("foretext: ")]
    assert "the prompt holds no token" in refusal
    with pytest.raises(SettingsError, match="the prompt holds no token"):
        foretext.load(language_model, device="cpu").generate(text)


@pytest.mark.parametrize("text", BLANK.values(), ids=BLANK)
def test_a_blank_text_is_answered_and_counted(caplog, classifier, text):
    (answer,) = foretext.load(classifier, device="cpu").predict([text])
    assert answer.label
    assert "1 of 1 example has an empty text" in caplog.text


def test_blank_texts_of_a_file_are_counted_as_words_and_as_numbers(capfd, caplog, classifier, tmp_path: Path):
    (tmp_path / "some.csv").write_text('text,label\n"",cat\n"  ",dog\nAnn saw a cat.,cat\n')
    data = str(tmp_path / "some.csv")
    evaluate = ["evaluate", str(classifier), "--data", data]
    for line in (["predict", str(classifier), data, "--out", f"{data}.out.csv"], evaluate):
        assert main([*line, "--json"]) == 0
        assert json.loads(capfd.readouterr().out)["empty"] == 2
    assert main(evaluate) == 0
    assert "2 of 3 examples have an empty text" in capfd.readouterr().out
    assert "2 of 3 examples have an empty text" in caplog.text
