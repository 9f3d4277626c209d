"""answer.py answers as `predict` does, for every kind, where neither Foretext nor torch can be imported."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Native

from foretext.model.generation import generate
from foretext.portable.agreement import label_of
from foretext.portable.folder import write_portable
from foretext.portable.paper_text import LINE_BREAK, tokens, words
from foretext.serving.predictor import Predictor
from foretext.tasks.kinds import KINDS
from foretext.tokenizer.alignment import repair_aligned
from foretext.tokenizer.modes import MODES

from .conftest import LEARNED_FROM, ODD, examples, saved_model

# Two programs sum in another order: fp32 keeps five digits of seven, as `agreement.GREATEST` has it, tenfold.
NEAR = 1e-5
LIKE_LLAMA = {"positions": "rotary", "norm_at": "before", "norm": "rms", "activation": "swiglu", "key_heads": 1}
CASES: dict[str, dict[str, Any]] = {
    "classification": {"mode": "paper"},
    "entailment": {"mode": "hf", "cutting": "fill"},
    "similarity": {"mode": "bytes"},
    "choice": {"mode": "paper", "cutting": "beginning"},
    "regression": {"mode": "hf", "read_twice": True},
    "ordinal": {"mode": "bytes", "cutting": "end"},
    "multi-label": {"mode": "paper", "read_twice": True, "cutting": "end"},
    "tagging": {"mode": "paper", "read_twice": True},
    "language model": {"mode": "bytes"},
    "tagging of bytes": {"mode": "bytes", "cutting": "end"},
    "tagging as in transformers": {"mode": "hf"},
    "language model of the paper": {"mode": "paper"},
    "choice from the end": {"mode": "bytes", "cutting": "end", "read_twice": True},
    "choice in equal parts": {"mode": "hf", "cutting": "equal"},
    "entailment of an LSTM": {"mode": "bytes", "form": {"backbone": "lstm", "lstm_units": 24}},
    "similarity in another form": {"mode": "paper", "form": LIKE_LLAMA},
    "classification as imported": {"mode": "imported", "form": LIKE_LLAMA},
    "tagging as imported": {"mode": "imported", "form": LIKE_LLAMA, "cutting": "end"},
    "language model as imported": {"mode": "imported", "form": LIKE_LLAMA},
}
BLOCKED = """
import json, runpy, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("foretext", "torch", "transformers"):
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
for folder, examples in json.load(sys.stdin):
    sys.path.insert(0, folder)
    sys.modules.pop("paper_text", None)
    answer = runpy.run_path(folder + "/answer.py")["answer"]
    print(json.dumps(answer(examples)))
    del sys.path[0]
assert not {"foretext", "torch"} & set(sys.modules)
"""


def kind_of(case: str) -> str | None:
    kind = case.split(" ")[0]
    return kind if kind in KINDS else None


def model(case: str, tokenizers: Any) -> Any:
    given = dict(CASES[case])
    return saved_model(kind_of(case), tokenizers[given.pop("mode")], **given)


@pytest.fixture(scope="module")
def answers(tokenizers, tmp_path_factory) -> dict[str, list[dict[str, Any]]]:
    """What the answer.py of each case says, all in one process in which Foretext and torch are not to be had."""
    root, asked = tmp_path_factory.mktemp("exported"), []
    for case in CASES:
        write_portable(root / case, model(case, tokenizers), "fp32")
        asked.append((str(root / case), examples(kind_of(case))))
    call = [sys.executable, "-c", BLOCKED]
    done = subprocess.run(call, input=json.dumps(asked), capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr
    return dict(zip(CASES, map(json.loads, done.stdout.splitlines()), strict=True))


def test_every_kind_and_a_language_model_is_tried():
    assert {kind_of(case) for case in CASES} == {*KINDS, None}


@pytest.mark.parametrize("case", [case for case in CASES if kind_of(case)])
def test_answer_py_answers_as_predict_does(case, answers, tokenizers):
    saved = model(case, tokenizers)
    predictor = Predictor.of(saved, device="cpu", precision="fp32")
    given = examples(kind_of(case))
    unread = predictor.unread()
    wanted = list(predictor.stream(given, unread=unread))
    assert unread.cut_rows, "some examples shall be too long"
    for found, expected in zip(answers[case], wanted, strict=True):
        label = label_of(found["prediction"])
        if isinstance(expected.label, float):
            assert label == pytest.approx(expected.label, rel=NEAR, abs=NEAR)
        else:
            assert label == expected.label
        if expected.probabilities is not None:
            probabilities = found["probabilities"]
            if isinstance(probabilities, list):
                probabilities = dict(enumerate(probabilities))
            assert list(probabilities) == list(expected.probabilities)
            assert probabilities == pytest.approx(expected.probabilities, abs=NEAR)
    assert len({str(answer) for answer in answers[case]}) > 3, "answers shall differ, so that they can be wrong"


def test_spans_are_found_so_that_they_can_be_wrong(answers):
    found = [span for case in answers for one in answers[case] if "tagging" in case for span in one["prediction"]]
    assert {span["label"] for span in found} == {"person", "place"}
    assert any(span["end"] - span["start"] > 4 for span in found)


@pytest.mark.parametrize("case", [case for case in CASES if not kind_of(case)])
def test_a_language_model_goes_on_as_generate_does_past_the_end_of_its_context(case, answers, tokenizers):
    saved = model(case, tokenizers)
    for text, found in zip(examples(None), answers[case], strict=True):
        ids = saved.tokenizer.encode(text)
        wanted = list(generate(saved.gpt, ids, tokens=20, temperature=0))
        assert found["ids"] == wanted
        assert found["prediction"].strip() == saved.tokenizer.decode(wanted).strip()


TROUBLE = st.lists(st.sampled_from([*ODD, "\n", " ", "'em:x", "é", "Σ"]) | st.text(max_size=6), max_size=6).map("".join)


@given(text=TROUBLE.filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)))
def test_tokenizer_json_gives_the_same_ids_and_places(tokenizers, text):
    for mode in ("hf", "bytes"):
        ours = tokenizers[mode]
        found = native(ours).encode(text, add_special_tokens=False)
        assert (found.ids, found.offsets) == ours.encode_with_offsets(text)
    ours = tokenizers["paper"]
    made = tokens(text, native(ours))
    assert ([id for id, _ in made], [place for _, place in made]) == ours.encode_with_offsets(text)
    given = " ".join(word for word, _, _ in words(repair_aligned(text).text))
    assert native(ours).encode(given).ids == ours.encode(text)


def native(tokenizer: Any) -> Native:
    """What the library reads from our tokenizer.json."""
    made = MODES[tokenizer.mode].native(tokenizer.vocabulary, where="here")
    return Native.from_str(made.to_str())


def test_a_line_break_is_a_word_of_its_own_in_what_tokenizer_json_takes(tokenizers):
    assert [word for word, _, _ in words("A cat.\n\n \nIt's")] == ["a", "cat", ".", LINE_BREAK, "it", "'s"]
    assert LINE_BREAK in LEARNED_FROM
    assert tokenizers["paper"].newline in native(tokenizers["paper"]).encode("a cat \n it 's").ids


@pytest.mark.parametrize("kind", ["similarity", "choice"])
def test_int8_answers_alike_in_any_company_and_near_fp32(kind, tokenizers, tmp_path):
    saved = saved_model(kind, tokenizers["bytes"])
    write_portable(tmp_path / "out", saved, "int8")
    given = examples(kind)
    asked = [(str(tmp_path / "out"), given), *((str(tmp_path / "out"), [one]) for one in given[:3])]
    done = subprocess.run([sys.executable, "-c", BLOCKED], input=json.dumps(asked), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    together, *alone = map(json.loads, done.stdout.splitlines())
    assert [one for (one,) in alone] == together[:3]
    wanted = Predictor.of(saved, device="cpu", precision="fp32").predict(given)
    values = [[*(one.probabilities or {0: one.label}).values()] for one in wanted]
    rounded = [one.get("probabilities", [one["prediction"]]) for one in together]
    apart = [float(np.abs(np.subtract(a, b)).max()) for a, b in zip(values, rounded, strict=True)]
    assert 1e-6 < max(apart) < 0.1


def test_what_the_config_says_of_the_sequences_is_how_they_are(tokenizers, tmp_path):
    said = {}
    for case in ("entailment", "similarity", "choice", "multi-label"):
        write_portable(tmp_path / case, model(case, tokenizers), "fp32")
        said[case] = json.loads((tmp_path / case / "config.json").read_text())["layout"]
    assert said == {
        "entailment": ["[start] text 1 [delimiter] text 2 [extract]"],
        "similarity": [
            "[start] text 1 [delimiter] text 2 [extract]",
            "[start] text 2 [delimiter] text 1 [extract]",
        ],
        "choice": ["[start] text 1 text 2 [delimiter] answer [extract]"],
        "multi-label": ["[start] text [delimiter] text [extract]"],
    }


def test_answer_py_refuses_what_is_no_example_and_joins_words_where_they_are_tagged(tokenizers, tmp_path):
    for kind, mode in (("entailment", "bytes"), ("tagging", "hf")):
        write_portable(tmp_path / kind, saved_model(kind, tokenizers[mode]), "fp32")
    answer = runpy.run_path(str(tmp_path / "entailment" / "answer.py"))["answer"]
    refused = {
        "an example has 2 texts; given: 'one alone'": ["one alone"],
        "give a list of examples": "a text",
        "an example is a text, or a list of texts; given: {'one': 'a', 'other': 'b'}": [{"one": "a", "other": "b"}],
        "an example is a text, or a list of texts; given: None": [None],
    }
    for message, wrong in refused.items():
        with pytest.raises((TypeError, ValueError), match=re.escape(message)):
            answer(wrong)
    for wrong in ([["a", None]], [["a", ["b", "c"]]]):
        with pytest.raises(TypeError):
            answer(wrong)
    tag = runpy.run_path(str(tmp_path / "tagging" / "answer.py"))["answer"]
    assert tag([[["a", "cat", "saw"]]]) == tag(["a cat saw"])


def test_nothing_in_a_folder_names_foretext_as_something_to_import(tokenizers, tmp_path):
    write_portable(tmp_path / "out", saved_model("tagging", tokenizers["paper"]), "fp32")
    for file in Path(tmp_path / "out").rglob("*.py"):
        assert "import foretext" not in file.read_text("utf-8")
        assert "from foretext" not in file.read_text("utf-8")
