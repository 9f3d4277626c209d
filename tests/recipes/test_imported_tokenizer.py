"""What an imported tokenizer says of a document's start and end is kept to where text is measured and made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foretext.checkpoints.saved_model import SavedModel
from foretext.model.gpt import GPT
from foretext.model.settings import ModelSettings
from foretext.recipes.generate import generate_from
from foretext.recipes.perplexity import perplexity_from
from foretext.recipes.settings.generate import GenerateSettings
from foretext.recipes.settings.perplexity import PerplexitySettings
from foretext.tasks.encode import encode
from foretext.tasks.examples import Example, Span
from foretext.tasks.schema import TaskSchema
from foretext.tokenizer.byte_level import ALPHABET
from foretext.tokenizer.gguf_tokens import PRE
from foretext.tokenizer.rules import AddedToken
from foretext.tokenizer.tokenizer_json import imported_tokenizer

TOKENS = 12


def model(*, begins: tuple[int, ...] = (), ends: tuple[int, ...] = ()) -> SavedModel:
    rules = replace(PRE["gpt-2"], begins=begins, ends=ends)
    tokenizer = imported_tokenizer(ALPHABET, [], rules, where="x", source="")
    sizes = ModelSettings(vocabulary=256, layers=1, width=16, heads=2, context=32, feed_forward=32)
    return SavedModel(GPT(sizes, seed=1), tokenizer)


def made(saved: SavedModel) -> str:
    return generate_from(saved, GenerateSettings(model="m", prompt="ab", tokens=TOKENS, device="cpu")).text


def test_what_a_model_writes_is_over_at_its_end() -> None:
    whole = made(model())
    assert made(model(ends=tuple(range(256)))) == ""
    kept = next(place for place, letter in enumerate(whole) if letter.isascii() and letter not in whole[:place])
    assert made(model(ends=(ord(whole[kept]),))) == whole[:kept]


def test_the_start_that_the_file_asks_for_stands_before_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the cat sat", encoding="utf-8")
    settings = PerplexitySettings(model="m", inputs=(str(tmp_path / "a.txt"),), device="cpu")
    usual, line_break, start = (
        perplexity_from(model(begins=begins), settings) for begins in ((), (ord("\n"),), (ord("#"),))
    )
    assert usual.perplexity == line_break.perplexity
    assert usual.tokens == start.tokens
    assert start.perplexity != pytest.approx(usual.perplexity, rel=1e-6)
    assert made(model(begins=(ord("#"),))) != made(model())


@pytest.mark.parametrize("kind", ["classification", "tagging"])
def test_a_cell_that_spells_a_control_token_is_text_and_no_start_is_added_to_ours(kind: str) -> None:
    """A start of the file's own stands before text that is measured or made, not before examples."""
    control = "<|im_end|>"
    rules = replace(PRE["gpt-2"], begins=(256,), ends=(256,), added=(AddedToken(256, special=True),))
    tokenizer = imported_tokenizer([*ALPHABET, control], [], rules, where="x", source="")
    schema = TaskSchema(kind=kind, text=("text",), label="label", classes=("a",))
    text = f"so {control} it ends"
    label: Any = "a" if kind == "classification" else (Span(0, 2, "a"),)
    (encoded,) = encode([Example((text,), label=label)], schema, tokenizer, 64)
    ids = list(encoded.sequences[0])
    assert 256 not in ids
    assert ids == [tokenizer.start, *tokenizer.encode(text), tokenizer.extract]
    assert tokenizer.decode(ids[1:-1]) == text


def test_a_prompt_has_the_start_once_where_the_file_asks_for_it_and_else_none(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[list[int]] = []

    def noted(gpt: GPT, ids: list[int], **limits: Any) -> Iterator[int]:
        read.append(list(ids))
        return iter(())

    monkeypatch.setattr("foretext.recipes.generate.draw", noted)
    for begins in ((ord("#"),), ()):
        made(model(begins=begins))
    assert read == [[ord("#"), ord("a"), ord("b")], [ord("a"), ord("b")]]
