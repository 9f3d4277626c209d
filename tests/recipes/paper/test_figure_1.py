"""Figure 1 made again: the parts drawn are the ids that fine-tuning reads, of examples at hand or of ours."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from foretext.recipes.paper.figure_1 import FIELDS, Figure1, transformed
from foretext.recipes.paper.transformations import MOST_PIECES
from foretext.recipes.reproduce import reproduce
from foretext.recipes.settings.reproduce import ReproduceSettings
from foretext.tasks.examples import Example
from foretext.tokenizer import Tokenizer


@pytest.fixture
def tokenizer(language_model: Path) -> Tokenizer:
    return Tokenizer.load(language_model)


def drawn(model: Path, out: Path, data: Path | None = None) -> Figure1:
    done = reproduce(ReproduceSettings(figure=1, model=str(model), out=out, data=data))
    assert isinstance(done, Figure1)
    return done


def flat(parts: list) -> list[int]:
    return [number for part in parts for number in part.ids]


def test_the_ids_of_each_kind_are_the_papers_arrangement_of_its_texts(tokenizer: Tokenizer) -> None:
    start, delimiter, extract = tokenizer.start, tokenizer.delimiter, tokenizer.extract
    a, b, c, d = map(tokenizer.encode, ("Ann saw", "a cat", "Bob", "the hen"))
    pair = Example(("Ann saw", "a cat"))
    expected = {
        "classification": (Example(("Ann saw",)), [[start, *a, extract]]),
        "entailment": (pair, [[start, *a, delimiter, *b, extract]]),
        "similarity": (pair, [[start, *a, delimiter, *b, extract], [start, *b, delimiter, *a, extract]]),
        "choice": (
            Example(pair.texts, ("Bob", "the hen"), "1"),
            [[start, *a, *b, delimiter, *c, extract], [start, *a, *b, delimiter, *d, extract]],
        ),
    }
    assert expected.keys() == FIELDS.keys()
    for kind, (example, sequences) in expected.items():
        found = transformed(kind, example, "a test", tokenizer, 32)
        assert [flat(parts) for parts in found.sequences] == sequences
    names = [part.name for part in found.sequences[1]]
    assert names == ["start", "document, question", "delimiter", "answer 2", "extract"]
    assert (found.label, found.cut) == ("answer 2", 0)


def test_pieces_are_those_of_the_vocabulary_and_the_special_tokens_have_their_signs(tokenizer: Tokenizer) -> None:
    [[start, text, extract]] = transformed("classification", Example(("Ann saw",)), "", tokenizer, 32).sequences
    assert (start.pieces, extract.pieces) == (["[s]"], ["[e]"])
    assert "".join(text.pieces) == "ann</w>saw</w>"
    assert text.pieces == [tokenizer.vocabulary.pieces[number] for number in text.ids]


def test_an_example_at_hand_is_drawn_and_said_and_one_of_ours_where_there_is_none(
    language_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "RTE").mkdir()
    rows = ["0\tAnn saw a cat in the barn.\tBob saw it.\tnot_entailment", "1\tAnn saw a cat.\tBob.\tentailment"]
    (tmp_path / "RTE" / "train.tsv").write_text("\n".join(["index\tsentence1\tsentence2\tlabel", *rows, ""]))
    done = drawn(language_model, tmp_path / "out", tmp_path)
    by_kind = {example.kind: example for example in done.examples}
    assert by_kind["entailment"].texts == ["Ann saw a cat.", "Bob."]
    assert by_kind["entailment"].source.startswith("RTE, ")
    assert by_kind["entailment"].label == "entailment"
    assert by_kind["choice"].source.startswith("made up")
    assert any("RTE" in line and "label entailment" in line for line in done.lines())


def test_the_figure_is_written_as_svg_png_and_json(language_model: Path, tmp_path: Path) -> None:
    done = drawn(language_model, tmp_path)
    ElementTree.fromstring((tmp_path / "figure-1.svg").read_text())
    assert (tmp_path / "figure-1.png").read_bytes().startswith(b"\x89PNG")
    kept = json.loads((tmp_path / "figure-1.json").read_text())
    assert kept == json.loads(json.dumps(done.to_json()))
    assert [example["kind"] for example in kept["examples"]] == list(FIELDS)


def test_of_a_long_part_the_drawing_says_how_much_it_leaves_out_and_the_lines_have_all(tokenizer: Tokenizer) -> None:
    from foretext.recipes.paper.transformations import _texts

    found = transformed("classification", Example(("cat " * 20,)), "", tokenizer, 128)
    [[_, text, _]] = found.sequences
    assert len(text.ids) > MOST_PIECES
    assert f"… {len(text.ids) - 6}\nmore …" in _texts(text)
    assert sum(line.count("c") for line in found.lines() if "</w>" in line) >= 20


def test_what_is_cut_is_said(tokenizer: Tokenizer) -> None:
    found = transformed("classification", Example(("cat " * 20,)), "", tokenizer, 16)
    assert found.cut > 0
    assert f"{found.cut} tokens did not fit" in next(found.lines())
