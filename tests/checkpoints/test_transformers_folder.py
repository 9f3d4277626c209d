"""The folder of `transformers`: exact both ways, loaded by `transformers` itself, and refused by name where damaged."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from foretext.checkpoints.saved_model import SavedModel, load_model, save_model
from foretext.checkpoints.transformers_folder import read_transformers, write_transformers
from foretext.errors import ModelError
from foretext.model.gpt import GPT
from foretext.model.settings import ModelSettings
from foretext.tokenizer import Tokenizer


def test_tensors_that_are_read_saved_loaded_and_written_are_the_same_to_the_bit(port, weights, tmp_path):
    save_model(tmp_path / "model", read_transformers(port))
    write_transformers(tmp_path / "back", load_model(tmp_path / "model"))
    written = load_file(tmp_path / "back" / "model.safetensors")
    assert written.keys() == {f"transformer.{name}" for name in weights}
    for name, array in weights.items():
        assert np.array_equal(written[f"transformer.{name}"].numpy(), array), name
    assert (tmp_path / "back" / "vocab.json").read_bytes() == (port / "vocab.json").read_bytes()
    assert (tmp_path / "back" / "merges.txt").read_bytes() == (port / "merges.txt").read_bytes()


def test_sizes_and_dropout_go_both_ways(port, tmp_path):
    settings = read_transformers(port).gpt.settings
    assert (settings.layers, settings.width, settings.heads, settings.context) == (2, 8, 2, 6)
    assert settings.attention_dropout == 0.2
    write_transformers(tmp_path / "back", read_transformers(port))
    assert read_transformers(tmp_path / "back").gpt.settings == settings


def test_a_bin_file_gives_what_the_safetensors_file_gives(port):
    wanted = read_transformers(port).gpt
    torch.save(load_file(port / "model.safetensors"), port / "pytorch_model.bin")
    (port / "model.safetensors").unlink()
    for (name, one), other in zip(wanted.named_parameters(), read_transformers(port).gpt.parameters(), strict=True):
        assert torch.equal(one, other), name


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_bin_file_that_would_run_code_is_refused_and_runs_nothing(port, tmp_path):
    torch.save({"tokens_embed.weight": Evil(tmp_path / "pwned")}, port / "pytorch_model.bin")
    (port / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"pytorch_model\.bin is damaged, or holds more than tensors"):
        read_transformers(port)
    assert not (tmp_path / "pwned").exists()


def test_a_vocabulary_in_one_file_gives_the_same_tokenizer(port):
    wanted = read_transformers(port).tokenizer.fingerprint
    ids = json.loads((port / "vocab.json").read_text())
    merges = [line.split(" ") for line in (port / "merges.txt").read_text().splitlines()[1:]]
    for written in (merges, [" ".join(merge) for merge in merges]):  # as transformers 5 and 4 write them
        model = {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": ids, "merges": written}
        (port / "tokenizer.json").write_text(json.dumps({"model": model}))
        for name in ("vocab.json", "merges.txt"):
            (port / name).unlink(missing_ok=True)
        assert read_transformers(port).tokenizer.fingerprint == wanted


def test_half_precision_is_read_exactly_and_double_is_refused(port, rewrite, weights):
    name = "h.0.ln_1.weight"
    half = torch.from_numpy(weights[name]).bfloat16()
    rewrite({name: half})
    assert torch.equal(read_transformers(port).gpt.blocks[0].attention_norm.weight, half.float())
    rewrite({name: half.double()})
    with pytest.raises(ModelError, match=r"h\.0\.ln_1\.weight is torch\.float64"):
        read_transformers(port)


def test_other_heads_are_left_out_and_said(port, rewrite, caplog):
    rewrite({"multiple_choice_head.summary.weight": torch.zeros(1, 8)})
    read_transformers(port)
    assert "left out, since a language model has no head: multiple_choice_head.summary.weight" in caplog.text


def test_an_output_layer_must_be_the_embedding(port, rewrite, weights):
    tokens = torch.from_numpy(weights["tokens_embed.weight"])
    rewrite({"lm_head.weight": tokens.clone()})
    read_transformers(port)
    rewrite({"lm_head.weight": tokens + 1})
    with pytest.raises(ModelError, match=r"lm_head\.weight is not tokens_embed\.weight"):
        read_transformers(port)


def spoilt(weights, name, place):
    array = weights[name].copy()
    array[place] = np.nan
    return torch.from_numpy(array)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (lambda weights: {"h.1.ln_2.bias": None}, r"missing \['h\.1\.ln_2\.bias'\], not known \[\]"),
        (lambda weights: {"h.1.ln_3.bias": torch.zeros(8)}, r"missing \[\], not known \['h\.1\.ln_3\.bias'\]"),
        (
            lambda weights: {"h.0.mlp.c_fc.weight": torch.zeros(32, 8)},
            r"h\.0\.mlp\.c_fc\.weight has shape \(32, 8\), not \(8, 32\)",
        ),
        (
            lambda weights: {"tokens_embed.weight": spoilt(weights, "tokens_embed.weight", (3, 3))},
            r"tokens_embed\.weight holds values that are not finite",
        ),
    ],
)
def test_a_tensor_that_is_missing_renamed_wrongly_shaped_or_not_finite_is_named(
    port, rewrite, weights, changes, expected
):
    rewrite(changes(weights))
    with pytest.raises(ModelError, match=r"model\.safetensors.*" + expected):
        read_transformers(port)


def config(folder, **changes):
    values = {**json.loads((folder / "config.json").read_text()), **changes}
    kept = {name: value for name, value in values.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda folder: config(folder, model_type="gpt2"), r"model_type is 'gpt2'; it must be 'openai-gpt'"),
        (lambda folder: config(folder, model_type=None), r"model_type is None"),
        (lambda folder: config(folder, afn="relu"), r"afn is 'relu'; it must be 'gelu' or 'gelu_new'"),
        (lambda folder: config(folder, layer_norm_epsilon=1e-6), r"layer_norm_epsilon is 1e-06; it must be 1e-05"),
        (lambda folder: config(folder, n_layer=None), r"config\.json lacks n_layer"),
        (lambda folder: config(folder, n_head=3), r"config\.json: .*not a multiple of heads"),
        (lambda folder: config(folder, vocab_size=31), r"28 pieces, but the token embeddings have 31 rows"),
        (lambda folder: (folder / "config.json").unlink(), r"config\.json is missing"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"neither model\.safetensors nor pytorch_model\.bin"),
        (
            lambda folder: (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-9]),
            r"model\.safetensors is damaged",
        ),
        (lambda folder: (folder / "vocab.json").unlink(), r"neither vocab\.json with merges\.txt nor tokenizer\.json"),
        (lambda folder: (folder / "vocab.json").write_text('{"<unk>": 1}'), r"vocab\.json must map every piece"),
        (lambda folder: (folder / "merges.txt").unlink(), r"merges\.txt is missing"),
        (lambda folder: (folder / "merges.txt").write_text("t h e\n"), r"merges\.txt is damaged: .* is not a merge"),
    ],
)
def test_what_is_damaged_or_of_another_kind_is_refused_by_name(port, spoil, expected):
    spoil(port)
    with pytest.raises(ModelError, match=expected):
        read_transformers(port)


def test_a_feed_forward_layer_of_another_size_cannot_be_written(tmp_path):
    tokenizer = Tokenizer.learn_from_texts(["a cat and a dog"], 16)
    settings = ModelSettings(vocabulary=tokenizer.size, context=4, layers=1, width=4, heads=1, feed_forward=10)
    with pytest.raises(ModelError, match="feed_forward is 10, but in OpenAIGPT"):
        write_transformers(tmp_path / "out", SavedModel(GPT(settings), tokenizer))
    assert not (tmp_path / "out").exists()


def test_an_lstm_cannot_be_written(tmp_path):
    tokenizer = Tokenizer.learn_from_texts(["a cat and a dog"], 16)
    settings = ModelSettings(vocabulary=tokenizer.size, context=4, backbone="lstm", width=4, heads=1, lstm_units=8)
    with pytest.raises(ModelError, match="backbone lstm has no place"):
        write_transformers(tmp_path / "out", SavedModel(GPT(settings), tokenizer))
    assert not (tmp_path / "out").exists()


def test_transformers_loads_an_exported_folder_with_model_and_tokenizer_and_no_code_of_ours(port, weights, tmp_path):
    transformers = pytest.importorskip("transformers")
    saved = read_transformers(port)
    write_transformers(tmp_path / "out", saved)
    model, report = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert type(model).__name__ == "OpenAIGPTLMHeadModel"
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    for name, array in weights.items():
        assert np.array_equal(model.state_dict()[f"transformer.{name}"].numpy(), array), name
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert type(tokenizer).__name__ == "OpenAIGPTTokenizer"
    assert len(tokenizer) == saved.tokenizer.size
    text = "the cat sat on the mat"
    assert tokenizer.encode(text) == saved.tokenizer.encode(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.model_max_length == saved.gpt.settings.context


def test_what_transformers_saves_is_read_back_to_the_bit(port, weights, tmp_path):
    transformers = pytest.importorskip("transformers")
    write_transformers(tmp_path / "out", read_transformers(port))
    transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out").save_pretrained(tmp_path / "theirs")
    transformers.AutoTokenizer.from_pretrained(tmp_path / "out").save_pretrained(tmp_path / "theirs")
    back = read_transformers(tmp_path / "theirs")
    assert back.tokenizer.fingerprint == read_transformers(port).tokenizer.fingerprint
    write_transformers(tmp_path / "back", back)
    written = load_file(tmp_path / "back" / "model.safetensors")
    for name, array in weights.items():
        assert np.array_equal(written[f"transformer.{name}"].numpy(), array), name


def test_what_transformers_saves_in_shards_of_two_heads_with_tokens_in_roles_is_read_to_the_bit(
    port, weights, tmp_path
):
    """As the documentation of its model with two heads does it: tokens added, embeddings resized, both saved."""
    transformers = pytest.importorskip("transformers")
    write_transformers(tmp_path / "out", read_transformers(port))
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    tokenizer.add_special_tokens({"cls_token": "[CLS]", "bos_token": "<s>", "pad_token": "<blank>"})
    model = transformers.OpenAIGPTDoubleHeadsModel.from_pretrained(tmp_path / "out")
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(tmp_path / "theirs", max_shard_size="2KB")
    tokenizer.save_pretrained(tmp_path / "theirs")
    assert len(list((tmp_path / "theirs").glob("model-*.safetensors"))) > 1
    back = read_transformers(tmp_path / "theirs")
    pieces = len(weights["tokens_embed.weight"])
    embedding = model.get_input_embeddings().weight.detach()
    extract, start = (embedding[tokenizer.convert_tokens_to_ids(name)] for name in ("[CLS]", "<s>"))
    assert torch.equal(back.gpt.embedding[:pieces], embedding[:pieces])
    assert torch.equal(back.gpt.embedding[pieces], start)
    assert torch.equal(back.gpt.embedding[pieces + 2], extract)
    write_transformers(tmp_path / "back", back)
    written = load_file(tmp_path / "back" / "model.safetensors")
    for name, array in weights.items():
        assert np.array_equal(written[f"transformer.{name}"].numpy(), array), name


def test_the_card_says_that_the_tokenizers_differ(port, tmp_path):
    write_transformers(tmp_path / "out", read_transformers(port))
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: transformers\n")
    assert "some texts get other ids" in " ".join(card.split())


def parameters(folder) -> list[torch.Tensor]:
    return list(read_transformers(folder).gpt.parameters())


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_weights_in_several_files_give_what_one_file_gives(port, kind):
    wanted, tensors = parameters(port), load_file(port / "model.safetensors")
    (port / "model.safetensors").unlink()
    shard(port, tensors, kind)
    for one, other in zip(wanted, parameters(port), strict=True):
        assert torch.equal(one, other)


def shard(port, tensors, kind) -> dict[str, str]:
    """Writes `tensors` in two files with their index, as transformers does; the index."""
    stem, write = ("model", save_file) if kind == "safetensors" else ("pytorch_model", torch.save)
    names = sorted(tensors)
    places = {name: f"{stem}-0000{1 + (name in names[::2])}-of-00002.{kind}" for name in names}
    for place in set(places.values()):
        write({name: tensors[name] for name in names if places[name] == place}, port / place)
    whole = "model.safetensors" if kind == "safetensors" else "pytorch_model.bin"
    (port / f"{whole}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return places


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda places: places | {"h.0.ln_1.bias": "../model.safetensors"}, "is not the name of a file beside it"),
        (lambda places: places | {"h.0.ln_1.bias": "model-00003-of-00002.safetensors"}, "00003-of.* is missing"),
        (lambda places: places | {"h.9.ln_1.bias": places["h.0.ln_1.bias"]}, r"lacks h\.9\.ln_1\.bias"),
        (lambda places: {}, "lacks weight_map"),
    ],
)
def test_an_index_that_names_what_is_not_there_is_refused(port, change, expected):
    tensors = load_file(port / "model.safetensors")
    (port / "model.safetensors").unlink()
    places = change(shard(port, tensors, "safetensors"))
    (port / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    with pytest.raises(ModelError, match=expected):
        read_transformers(port)


def test_an_output_layer_may_be_the_only_name_of_the_embedding(port, rewrite, weights):
    wanted = parameters(port)
    rewrite({"tokens_embed.weight": None, "lm_head.weight": torch.from_numpy(weights["tokens_embed.weight"])})
    for one, other in zip(wanted, parameters(port), strict=True):
        assert torch.equal(one, other)


def test_what_transformers_saves_of_a_model_with_two_heads_is_read(port, weights, tmp_path):
    transformers = pytest.importorskip("transformers")
    model = transformers.OpenAIGPTDoubleHeadsModel.from_pretrained(port)
    model.save_pretrained(tmp_path / "saved")
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / "saved" / name).write_bytes((port / name).read_bytes())
    read = read_transformers(tmp_path / "saved").gpt
    assert np.array_equal(
        read.embedding[: len(weights["tokens_embed.weight"])].detach(), weights["tokens_embed.weight"]
    )


PIECES = 28  # of the vocabulary in conftest.py


def beside_the_vocabulary(port, ids):
    (port / "added_tokens.json").write_text(json.dumps(ids))


def in_the_vocabulary(port, ids):
    (port / "vocab.json").write_text(json.dumps(json.loads((port / "vocab.json").read_text()) | ids))


def in_the_configuration(port, ids):
    listed = {"0": {"content": "<unk>"}} | {str(number): {"content": name} for name, number in ids.items()}
    (port / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": listed}))


def in_tokenizer_json(port, ids):
    listed = [{"id": number, "content": name} for name, number in ids.items()]
    (port / "tokenizer.json").write_text(json.dumps({"added_tokens": listed}))


def add(port, rewrite, weights, names, write=beside_the_vocabulary) -> np.ndarray:
    """Adds tokens as tutorials do; their embeddings."""
    rows = np.random.default_rng(1).normal(size=(len(names), 8)).astype(np.float32)
    rewrite({"tokens_embed.weight": torch.from_numpy(np.concatenate([weights["tokens_embed.weight"], rows]))})
    config(port, vocab_size=PIECES + len(names))
    write(port, {name: PIECES + number for number, name in enumerate(names)})
    return rows


@pytest.mark.parametrize(
    "write",
    [beside_the_vocabulary, in_the_vocabulary, in_the_configuration, in_tokenizer_json],
    ids=lambda way: way.__name__,
)
def test_added_tokens_of_the_papers_names_are_the_special_tokens(port, rewrite, weights, write):
    plain = read_transformers(port)
    rows = add(port, rewrite, weights, ["_delimiter_", "_start_", "_classify_"], write)
    saved = read_transformers(port)
    assert saved.tokenizer.fingerprint == plain.tokenizer.fingerprint
    found = saved.gpt.embedding.detach()[PIECES : PIECES + 3].numpy()  # start, delimiter, extract
    assert np.array_equal(found, rows[[1, 0, 2]])
    assert torch.equal(saved.gpt.embedding[PIECES + 3 :], plain.gpt.embedding[PIECES + 3 :])
    assert saved.history.imported.drawn == "special tokens read from _delimiter_, _start_, _classify_"


def test_a_special_token_that_was_not_added_is_drawn_and_padding_is_left_out(port, rewrite, weights, caplog):
    plain = read_transformers(port)
    rows = add(port, rewrite, weights, ["[PAD]", "_classify_"])
    saved = read_transformers(port)
    assert np.array_equal(saved.gpt.embedding[PIECES + 2].detach().numpy(), rows[1])
    assert torch.equal(saved.gpt.embedding[PIECES : PIECES + 2], plain.gpt.embedding[PIECES : PIECES + 2])
    assert saved.history.imported.drawn.startswith("special tokens read from _classify_; 2 special tokens drawn")
    assert "there is no such token here: [PAD]" in caplog.text


@pytest.mark.parametrize("written", [lambda name: name, lambda name: {"content": name, "lstrip": False}])
@pytest.mark.parametrize("file", ["tokenizer_config.json", "special_tokens_map.json"])
def test_added_tokens_in_the_roles_of_the_papers_are_the_special_tokens(port, rewrite, weights, caplog, file, written):
    rows = add(port, rewrite, weights, ["[CLS]", "<s>", "</s>", "<$>", "<blank>"])
    named = {"cls": "[CLS]", "bos": "<s>", "eos": "</s>", "sep": "<$>", "pad": "<blank>", "unk": "<unk>"}
    (port / file).write_text(json.dumps({f"{role}_token": written(name) for role, name in named.items()}))
    saved = read_transformers(port)
    assert np.array_equal(saved.gpt.embedding.detach()[PIECES : PIECES + 3].numpy(), rows[[1, 3, 0]])
    assert saved.history.imported.drawn == "special tokens read from [CLS], <s>, <$>"
    assert "there is no such token here: </s>, <blank>" in caplog.text


def test_a_token_in_two_roles_and_two_tokens_for_one_place_count_once(port, rewrite, weights, caplog):
    plain = read_transformers(port)
    rows = add(port, rewrite, weights, ["_classify_", "<end>", "_extract_"])
    (port / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<end>", "eos_token": "<end>"}))
    saved = read_transformers(port)
    found = saved.gpt.embedding.detach()[PIECES : PIECES + 3].numpy()
    assert np.array_equal(found[[0, 2]], rows[[1, 0]])
    assert np.array_equal(found[1], plain.gpt.embedding[PIECES + 1].detach().numpy())
    assert "1 special token drawn" in saved.history.imported.drawn
    assert "there is no such token here: _extract_" in caplog.text


def test_a_piece_that_has_a_role_stays_a_piece(port):
    plain = read_transformers(port)
    (port / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<unk>", "cls_token": "t"}))
    saved = read_transformers(port)
    assert saved.tokenizer.fingerprint == plain.tokenizer.fingerprint
    assert torch.equal(saved.gpt.embedding, plain.gpt.embedding)


def test_an_added_token_that_has_no_place_is_named(port, rewrite, weights):
    add(port, rewrite, weights, ["<speaker>"])
    with pytest.raises(ModelError, match="<speaker> was added to the vocabulary"):
        read_transformers(port)


def test_added_tokens_without_embeddings_and_ids_with_a_gap_are_refused(port, rewrite, weights):
    beside_the_vocabulary(port, {"_start_": PIECES})
    with pytest.raises(ModelError, match="28 pieces and 1 added tokens, but the token embeddings have 28 rows"):
        read_transformers(port)
    beside_the_vocabulary(port, {"_start_": PIECES + 1})
    with pytest.raises(ModelError, match="must have the ids right behind the 28 pieces"):
        read_transformers(port)
