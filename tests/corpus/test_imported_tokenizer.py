"""A corpus in the ids of an imported tokenizer, whose vocabulary may be larger than 16 bits hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from foretext.corpus import Corpus, prepare
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.byte_level import ALPHABET
from foretext.tokenizer.gguf_tokens import PRE
from foretext.tokenizer.tokenizer_json import filled, imported_tokenizer

TEXTS = ("The cat's mat <|im_end|> is 42.", "naïve  dogs\nsat")


@pytest.mark.parametrize(("rows", "dtype"), [(49_152, "<u2"), (65_532, "<u2"), (65_533, "<u4"), (151_936, "<u4")])
def test_ids_are_kept_in_as_many_bits_as_the_vocabulary_needs(rows: int, dtype: str, tmp_path: Path) -> None:
    last = rows - 1  # "t" has the largest id, so that ids are seen to be kept whole
    at = {number: piece for number, piece in enumerate(ALPHABET) if piece != "t"}
    pieces, unused = filled({**at, last: "t"}, rows, where="x")
    tokenizer = imported_tokenizer(pieces, [], replace(PRE["smollm"], unused=unused), where="x", source="")
    for number, text in enumerate(TEXTS):
        (tmp_path / f"{number}.txt").write_text(text, encoding="utf-8")
    prepare([tmp_path / "0.txt", tmp_path / "1.txt"], tmp_path / "corpus", tokenizer=tokenizer, workers=1, validation=0)
    corpus = Corpus.open(tmp_path / "corpus", verify=True)
    assert corpus.manifest.plan.dtype == dtype
    assert corpus.manifest.plan.separator_id == tokenizer.newline == ord("\n")
    assert Tokenizer.load(tmp_path / "corpus").fingerprint == tokenizer.fingerprint
    held = [tokens.tolist() for tokens in corpus.split("train").documents()]
    assert [tokenizer.decode(ids) for ids in held] == [text + "\n" for text in TEXTS]
    assert held[0].count(last) == 2
