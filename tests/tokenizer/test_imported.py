"""An imported tokenizer gives the ids that the `tokenizers` library gives for the model's own file."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from foretext.checkpoints.decoder_folder import write_decoder
from foretext.checkpoints.saved_model import SavedModel
from foretext.errors import ModelError
from foretext.model.gpt import GPT
from foretext.model.settings import ModelSettings
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.tokenizer_json import read_tokenizer_json, to_tokenizer_json, tokenizer_from_json
from foretext.tokenizer.unknown import UnknownCount

from .foreign import FAMILIES, fuzzed, made, of_every_code_point, parsed, reference

TEXTS = 15_000  # for each family; some hundred thousand in all
FURTHER_STEP = 50  # of every so many code points from 0x20000 on one, which nearly all are ideographs or nothing yet
CACHED = [family for family in FAMILIES if family != "odd"]


@cache
def ours(family: str) -> Tokenizer:
    return tokenizer_from_json(parsed(family), where="tokenizer.json")


def differing(family: str, texts: Iterable[str]) -> list[str]:
    tokenizer, theirs = ours(family), reference(made(family))
    return [text for text in texts if tokenizer.encode(text) != theirs.encode(text, add_special_tokens=False).ids]


@pytest.mark.parametrize("family", FAMILIES)
def test_no_fuzzed_text_gets_other_ids(family: str, pytestconfig: pytest.Config) -> None:
    texts = 100_000 if pytestconfig.getoption("--long") else TEXTS
    assert differing(family, fuzzed(texts, seed=1)) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_code_points_get_the_same_ids_alone_and_between_letters(family: str) -> None:
    assert differing(family, of_every_code_point(step=211)) == []


@pytest.mark.slow
@pytest.mark.parametrize("family", ["smollm2", "qwen2", "neox"])
def test_no_code_point_gets_other_ids(family: str, pytestconfig: pytest.Config) -> None:
    further = 1 if pytestconfig.getoption("--long") else FURTHER_STEP
    assert differing(family, of_every_code_point(further_step=further)) == []


@pytest.mark.parametrize("family", CACHED)
def test_a_text_is_looked_up_in_chunks(family: str) -> None:
    tokenizer = ours(family)
    assert len(tokenizer._reading._chunks("the cat sat on the mat")) == 6
    assert len(tokenizer._reading._chunks("one line.\nthe next line")) > 3


@pytest.mark.parametrize("family", FAMILIES)
def test_offsets_are_those_of_the_library_and_reach_over_joined_marks(family: str) -> None:
    tokenizer, theirs = ours(family), reference(made(family))
    for text in [*fuzzed(400, seed=3), "i ⭢ j", " the the", "\u00e9 e\u0301", "a\u0327\u0301b", "\u1100\u1161\u11a8z"]:
        ids, spans = tokenizer.encode_with_offsets(text)
        encoding = theirs.encode(text, add_special_tokens=False)
        assert ids == tokenizer.encode(text) == encoding.ids
        assert [start for start, _ in spans] == [start for start, _ in encoding.offsets]
        for (start, end), (_, their_end) in zip(spans, encoding.offsets, strict=True):
            assert start < end
            assert end >= their_end
            assert family in ("qwen2", "neox", "odd") or end == their_end


@pytest.mark.parametrize("family", CACHED)
def test_an_exported_folder_gives_the_same_ids_to_those_who_ask_transformers(family: str, tmp_path: Path) -> None:
    """Whose AutoTokenizer builds some tokenizers anew from their class, with another way of cutting."""
    transformers = pytest.importorskip("transformers")
    tokenizer = ours(family)
    sizes = {"layers": 1, "width": 16, "heads": 2, "context": 32, "feed_forward": 16}
    form = {"norm": "rms", "norm_at": "before", "positions": "rotary", "activation": "swiglu", "biases": "none"}
    gpt = GPT(ModelSettings(vocabulary=tokenizer.size, **sizes, **form))
    write_decoder(tmp_path / "out", SavedModel(gpt, tokenizer))
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    for text in [*fuzzed(50, seed=4), "2023", "a  5", "hello  world", " x\n\n 12 é", "CAN'T"]:
        if "<" not in text:  # they take control tokens from a text
            assert theirs(text, add_special_tokens=False).input_ids == tokenizer.encode(text), text


def test_parts_of_a_character_share_its_span_before_normalisation() -> None:
    assert ours("gpt2").encode_with_offsets("⭢ e\u0301")[1] == [(0, 1)] * 3 + [(1, 2), (2, 3)] + [(3, 4)] * 2
    assert ours("qwen2").encode_with_offsets("⭢ a\u0327\u0301")[1][:3] == [(0, 1)] * 3
    assert {end for _, end in ours("qwen2").encode_with_offsets("⭢ n\u0303")[1]} == {1, 2, 4}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("control", ["<|endoftext|>", "<|im_end|>"])
def test_text_that_spells_a_control_token_is_read_as_text(family: str, control: str) -> None:
    tokenizer = ours(family)
    number = tokenizer.vocabulary.pieces.index(control)
    for text in (control, f"a{control}b", f" {control}\n", f"{control}{control}"):
        assert number not in tokenizer.encode(text)
        assert tokenizer.decode(tokenizer.encode(text)).strip() == text.strip()


def test_a_token_that_controls_nothing_is_found_in_text() -> None:
    tokenizer = ours("qwen2")
    number = tokenizer.vocabulary.pieces.index("<think>")
    assert tokenizer.encode("a<think>b").count(number) == 1
    assert tokenizer.decode(tokenizer.encode("a<think>b")) == "a<think>b"


@given(text=st.text(st.characters(codec=None) | st.sampled_from("\ud83d\ude00 \n\0é1")))
def test_every_text_comes_back_where_every_byte_has_a_piece(text: str) -> None:
    for family in ("gpt2", "llama3"):
        tokenizer = ours(family)
        ids, spans = tokenizer.encode_with_offsets(text)
        assert ids == tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert all(start < end for start, end in spans)


def test_half_a_character_is_read_as_its_bytes_as_in_mode_bytes() -> None:
    of_bytes = Tokenizer.learn_from_texts(["a b"], 256, mode="bytes")
    pieces = [of_bytes.vocabulary.pieces[number] for number in of_bytes.encode("\ud800")]
    tokenizer = ours("gpt2")
    assert [tokenizer.vocabulary.pieces[number] for number in tokenizer.encode("\ud800")] == pieces


def test_bytes_that_make_up_no_character_are_shown_as_such() -> None:
    tokenizer = ours("gpt2")
    ids = tokenizer.encode("⭢")
    assert tokenizer.decode(ids) == "⭢"
    assert tokenizer.decode([*tokenizer.encode("the"), *ids[:-1]]) == "the\ufffd"


def test_special_tokens_of_ours_are_behind_all_pieces_and_no_text_reaches_them() -> None:
    tokenizer = ours("neox")
    assert (tokenizer.start, tokenizer.delimiter, tokenizer.extract) == tuple(range(tokenizer.size, tokenizer.size + 3))
    assert tokenizer.decode([tokenizer.start, *tokenizer.encode("a b"), tokenizer.extract]) == "[s]a b[e]"
    assert max(tokenizer.encode("[s] [$] [e]")) < tokenizer.size


@pytest.mark.parametrize("family", FAMILIES)
def test_the_line_break_is_one_piece(family: str) -> None:
    tokenizer = ours(family)
    assert tokenizer.newline is None or tokenizer.decode([tokenizer.newline]).strip(" ") == "\n"
    assert (tokenizer.newline is None) == (family == "prefix")


def test_no_start_token_stands_before_a_text_unless_the_file_says_so() -> None:
    assert ours("smollm2").begins == ours("qwen2").begins == ()
    assert ours("smollm2").opening == [ours("smollm2").newline]
    start = ours("llama3").vocabulary.pieces.index("<|endoftext|>")
    assert ours("llama3").opening == [start]
    assert ours("llama3").encode("the cat")[0] != start


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_one_comes_back(family: str, tmp_path: Path) -> None:
    ours(family).save(tmp_path)
    loaded = Tokenizer.load(tmp_path)
    assert (loaded.mode, loaded.vocabulary, loaded.fingerprint) == (
        "imported",
        ours(family).vocabulary,
        ours(family).fingerprint,
    )
    text = "The cat's  12 naïve\n\n <|im_end|>"
    assert loaded.encode(text) == ours(family).encode(text) == pickle.loads(pickle.dumps(loaded)).encode(text)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again/tokenizer.json").read_bytes() == (tmp_path / "tokenizer.json").read_bytes()


def test_the_rules_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    data = parsed("qwen2")
    data["normalizer"] = None
    assert tokenizer_from_json(data, where="x").fingerprint != ours("qwen2").fingerprint
    ours("qwen2").save(tmp_path)
    saved = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    saved["rules"]["ignore_merges"] = True
    (tmp_path / "tokenizer.json").write_text(json.dumps(saved), encoding="utf-8")
    with pytest.raises(ModelError, match="does not match its own fingerprint"):
        Tokenizer.load(tmp_path)


def test_damaged_or_missing_rules_are_refused(tmp_path: Path) -> None:
    ours("qwen2").save(tmp_path)
    saved = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    del saved["rules"]["added"]
    (tmp_path / "tokenizer.json").write_text(json.dumps(saved), encoding="utf-8")
    with pytest.raises(ModelError, match="the rules of the tokenizer are damaged"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("family", FAMILIES)
def test_written_again_it_is_read_as_the_same(family: str) -> None:
    text = to_tokenizer_json(ours(family))
    again = tokenizer_from_json(json.loads(text), where="written")
    assert again.vocabulary == ours(family).vocabulary
    theirs = tokenizers.Tokenizer.from_str(text)
    for sentence in fuzzed(50, seed=4):
        if "<|" not in sentence:
            encoding = theirs.encode(sentence)
            assert encoding.ids == [*ours(family).begins, *ours(family).encode(sentence)]


def test_rows_without_a_token_are_ids_that_stand_for_nothing() -> None:
    size = ours("qwen2").size
    wide = tokenizer_from_json(parsed("qwen2"), where="x", rows=size + 40)
    assert (wide.size, wide.start) == (size + 40, size + 40)
    assert wide.encode("the cat") == ours("qwen2").encode("the cat")
    assert wide.decode([*wide.encode("cat"), size, size + 39]) == "cat"
    assert max(wide.encode(f"<unused {size}> [unused]")) < size


def test_more_tokens_than_rows_are_refused() -> None:
    with pytest.raises(ModelError, match=r"x: the ids of its tokens go to \d+ .*'</think>'.*embedding has 300 rows"):
        tokenizer_from_json(parsed("qwen2"), where="x", rows=300)


def test_bytes_without_a_piece_are_left_out_as_the_library_does_and_counted_as_unknown() -> None:
    tokenizer = ours("smollm2")
    assert tokenizer.encode("a\x04b") == [*tokenizer.encode("a"), *tokenizer.encode("b")]
    assert tokenizer.encode_with_offsets("a\x04b")[1] == [(0, 1), (2, 3)]
    count = UnknownCount(tokenizer)
    count.add(tokenizer.encode("a\x04\x04b"), "a\x04\x04b")
    found = count.found()
    assert (found.tokens, found.unknown, dict(found.characters)) == (4, 2, {"\x04": 2})


def test_where_the_file_names_a_token_for_such_bytes_it_is_that() -> None:
    data = parsed("smollm2")
    data["model"]["unk_token"] = "<|endoftext|>"
    tokenizer = tokenizer_from_json(data, where="x")
    assert tokenizer.unknown == 0
    assert tokenizer.encode("a\x04b")[1] == 0 == reference(json.dumps(data)).encode("a\x04b").ids[1]
    count = UnknownCount(tokenizer)
    count.add(tokenizer.encode("a\x04b"), "a\x04b")
    assert dict(count.found().characters) == {"\x04": 1}


def test_the_files_beside_it_say_which_tokens_are_an_end(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(made("smollm2"), encoding="utf-8")
    assert read_tokenizer_json(tmp_path).ends == ()
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": {"content": "<|im_end|>"}}))
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [0, 2]}))
    assert read_tokenizer_json(tmp_path).ends == (0, 2)


def changed(family: str, **parts: Any) -> dict[str, Any]:
    data = parsed(family)
    for name, value in parts.items():
        at = data
        *path, last = name.split("__")
        for step in path:
            at = at[step]
        at[last] = value
    return data


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"model__type": "Unigram"}, "x: model is 'Unigram', which cannot be reproduced here; known is BPE; take a"),
        ({"model__type": "WordPiece"}, "x: model is 'WordPiece'"),
        ({"model__dropout": 0.1}, "x: model dropout is 0.1"),
        ({"model__byte_fallback": True}, "x: model byte_fallback is True"),
        ({"model__end_of_word_suffix": "</w>"}, "x: model end_of_word_suffix is '</w>'"),
        ({"model__unk_token": "<none>"}, "x is damaged: unk_token is '<none>', which is not among the pieces"),
        ({"model__vocab": {"a": 0, "b": 0}}, "x is damaged: model vocab must give each piece an id of its own"),
        ({"model__merges": ["a"]}, r"x is damaged: \['a'\] is not a merge of two pieces"),
        ({"model__merges": [["a", "nothing"]]}, "x: merge 1 is 'a' \\+ 'nothing', but 'nothing' is not among the"),
        ({"normalizer": {"type": "Lowercase"}}, "x: normalizer is 'Lowercase', which cannot be .* known are NFC, NFD"),
        (
            {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}]}},
            "x: normalizer is 'Prepend'",
        ),
        ({"normalizer": "NFC"}, "x: normalizer is 'NFC'; known are"),
        ({"pre_tokenizer": {"type": "Metaspace"}}, "x: pre_tokenizer is 'Metaspace', .*known are ByteLevel, Digits"),
        ({"pre_tokenizer": None}, "x: pre_tokenizer is None"),
        ({"pre_tokenizer": {"type": "Digits"}}, "x: pre_tokenizer is Digits; it must end in ByteLevel"),
        ({"pre_tokenizer": {"type": "ByteLevel", "new": 1}}, "x: pre_tokenizer ByteLevel: 'new' is not known here"),
        (
            {"pre_tokenizer__pretokenizers": [{"type": "Split", "pattern": {"Regex": "(("}, "behavior": "Isolated"}]},
            "it must end in ByteLevel",
        ),
        ({"decoder": {"type": "WordPiece"}}, "x: decoder is 'WordPiece'"),
        ({"decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"}]}}, "x: decoder is 'Fuse'"),
        (
            {"decoder": {"type": "Sequence", "decoders": [3]}},
            "x is damaged: decoder decoders must be a list of objects",
        ),
        ({"post_processor": {"type": "TemplateProcessing", "single": ["$A"]}}, "post_processor single must be a list"),
        ({"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}]}}, "puts '<s>'"),
        ({"post_processor": {"type": "RobertaProcessing"}}, "x: post_processor is 'RobertaProcessing'"),
        (
            {"added_tokens": [{"content": "new", "id": 5000}]},
            "x: the added token 'new' has id 5000, where the tokenizers",
        ),
        ({"added_tokens": [{"content": "a"}]}, "among added_tokens has no content and id"),
        ({"added_tokens": [{"content": "new", "id": 1}]}, "added token 'new' has the id 1, which is another's"),
    ],
)
def test_what_cannot_be_reproduced_is_refused_by_name(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        tokenizer_from_json(
            {**changed("llama3", **parts), **({} if "post_processor" in parts else {"post_processor": None})}, where="x"
        )


def test_a_pattern_that_is_none_is_refused() -> None:
    data = parsed("llama3")
    data["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": "(("}
    with pytest.raises(ModelError, match=r"x: pre_tokenizer Split: '\(\(' is no pattern"):
        tokenizer_from_json(data, where="x")


@pytest.mark.parametrize("data", [[], {}, {"model": 3}, "text"])
def test_what_is_no_tokenizer_json_is_refused(data: Any) -> None:
    with pytest.raises(ModelError, match="x is no tokenizer.json of the tokenizers library"):
        tokenizer_from_json(data, where="x")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(made("gpt2")[:-100], encoding="utf-8")
    with pytest.raises(ModelError, match="tokenizer.json is damaged or truncated"):
        read_tokenizer_json(tmp_path)


@pytest.mark.parametrize("text", ["x" * 60_000, "é" * 60_000, "- " * 30_000, "\n" * 60_000, " " * 60_000])
@pytest.mark.parametrize("family", ["smollm2", "qwen2"])
def test_a_long_text_of_one_kind_takes_no_long_time(family: str, text: str) -> None:
    ids, spans = ours(family).encode_with_offsets(text)
    assert ids == ours(family).encode(text)
    assert len(spans) == len(ids)


@pytest.mark.parametrize("lines", [False, True], ids=["pairs", "lines"])
def test_merges_that_begin_with_a_hash_are_merges_like_others_in_either_spelling(lines: bool) -> None:
    data = parsed("gpt2")
    model = data["model"]
    pairs = [["#", "#"], *model["merges"][:-1]]  # the last makes room for its piece
    model["vocab"]["##"] = model["vocab"].pop("".join(model["merges"][-1]))
    model["merges"] = [" ".join(pair) for pair in pairs] if lines else pairs
    ids = tokenizer_from_json(data, where="x").encode("a ## b###c #version: 1")
    assert ids == reference(json.dumps(data)).encode("a ## b###c #version: 1").ids
    assert ids.count(model["vocab"]["##"]) == 2
