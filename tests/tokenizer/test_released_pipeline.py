"""The whole pipeline of the released code on one text: repair, marks, white space, words, lower case, pieces."""

from __future__ import annotations

import json
from pathlib import Path

from foretext.tokenizer import Tokenizer

TEXT = "Itâ€™s “fine”—isn't  it…\n\n\tHe said: (NO)! C:\\x"
WORDS = ["it", "'s", '"', "fine", '"', "-", "is", "n't", "it", "...", "\n", "he", "said", ":", "(", "no", ")", "!"]


def test_point_17_text_becomes_the_words_of_the_released_pipeline() -> None:
    tokenizer = Tokenizer.learn_from_texts([TEXT] * 9, 200)
    ids = tokenizer.encode(TEXT)
    assert 0 not in ids
    decoded = tokenizer.decode(ids).replace("\n", " <line> ").split()
    assert [word.replace("<line>", "\n") for word in decoded] == [*WORDS, "c:\\x"]


def test_point_17_ids_are_those_of_the_released_vocabulary(real_data: Path) -> None:
    released = Tokenizer.openai(real_data / "gpt1-bpe")
    assert [released.decode([index]).strip(" ") for index in released.encode(TEXT)][: len(WORDS)] == WORDS
    pieces = json.loads((real_data / "gpt1-bpe" / "encoder_bpe_40000.json").read_text(encoding="utf-8"))
    assert pieces["\n</w>"] == 40_477
    assert released.encode("a\n \nb") == [pieces[piece] for piece in ("a</w>", "\n</w>", "b</w>")]
    assert released.encode("\N{SNOWMAN}") == [0]  # an unknown piece
