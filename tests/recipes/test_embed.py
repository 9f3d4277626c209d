"""Texts become vectors, in order, whatever the batches; files of them are whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pyarrow import parquet

from foretext.batch import pack
from foretext.checkpoints.saved_model import SavedModel, load_model
from foretext.cli import main
from foretext.errors import DataError, SettingsError
from foretext.model.sequences import Sequences
from foretext.recipes.embed import embed, embed_in_memory
from foretext.recipes.settings.embed import EmbedSettings
from foretext.tasks.encode import encode
from foretext.tasks.examples import Example

# Torch chooses among kernels by the size of a batch: a few units in the last of fp32's seven digits.
TOLERANCE = 1e-5
TEXTS = ["Ann saw a cat in the barn.", "Bob saw a dog.", "A fox.", "Cleo saw a hen in the wood. Dan saw a cat."]


def settings(model: Path | str, data: Path | str = "-", out: Path | str = "-", **more: object) -> EmbedSettings:
    return EmbedSettings.named({"model": str(model), "data": str(data), "out": str(out), "device": "cpu", **more})


def states(saved: SavedModel, ids: list[int]) -> torch.Tensor:
    """The last states of one sequence, alone."""
    with torch.inference_mode():
        return saved.gpt(Sequences.of(pack([[ids]]))).states


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "new.jsonl"
    path.write_text("".join(json.dumps({"id": number, "text": text}) + "\n" for number, text in enumerate(TEXTS)))
    return path


@pytest.mark.parametrize("pool", ["last", "mean"])
def test_a_fine_tuned_model_gives_the_extract_tokens_state_or_the_mean(classifier, pool):
    saved = load_model(classifier)
    encoded = encode([Example((text,)) for text in TEXTS], saved.task, saved.tokenizer, 32)
    assert all(item.sequences[0][-1] == saved.tokenizer.extract for item in encoded)
    found = embed_in_memory(saved, TEXTS, settings(classifier, pool=pool))
    for vector, item in zip(found, encoded, strict=True):
        of_text = states(saved, item.sequences[0])
        expected = of_text[-1] if pool == "last" else of_text.mean(0)
        np.testing.assert_allclose(vector, expected, rtol=0, atol=TOLERANCE)


def test_a_language_model_may_read_both_ways_and_a_fine_tuned_one_as_it_was_tuned(language_model, classifier):
    saved = load_model(language_model)
    found = embed_in_memory(saved, TEXTS, settings(language_model, pool="mean", attend="both"))
    for vector, text in zip(found, TEXTS, strict=True):
        with torch.inference_mode():
            of_text = saved.gpt(Sequences.of(pack([[saved.tokenizer.encode(text)]]), attend="both")).states
        np.testing.assert_allclose(vector, of_text.mean(0), rtol=0, atol=TOLERANCE)
    causal = embed_in_memory(saved, TEXTS, settings(language_model, pool="mean"))
    assert (np.abs(found - causal).max(1) > 1e-3).all()
    with pytest.raises(SettingsError, match="fine-tuned with --attend causal and reads so; leave out --attend both"):
        embed_in_memory(load_model(classifier), TEXTS, settings(classifier, attend="both"))


@pytest.mark.parametrize("pool", ["last", "mean"])
def test_a_language_model_reads_the_text_alone_as_far_as_its_context(language_model, pool):
    saved = load_model(language_model)
    texts = [*TEXTS, "Ann saw a cat in the barn. " * 20]
    found = embed_in_memory(saved, texts, settings(language_model, pool=pool))
    for vector, text in zip(found, texts, strict=True):
        of_text = states(saved, saved.tokenizer.encode(text)[:32])
        expected = of_text[-1] if pool == "last" else of_text.mean(0)
        np.testing.assert_allclose(vector, expected, rtol=0, atol=TOLERANCE)


def test_an_array_has_a_row_for_each_line_and_numpy_reads_it(classifier, file, tmp_path):
    out = tmp_path / "vectors.npy"
    assert main(["embed", str(classifier), str(file), "--out", str(out), "--device", "cpu"]) == 0
    found = np.load(out)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, embed_in_memory(load_model(classifier), TEXTS, settings(classifier)))


def test_parquet_has_the_columns_of_the_input_and_the_vectors(language_model, file, tmp_path):
    out = tmp_path / "vectors.parquet"
    assert embed(settings(language_model, file, out)).lines() == [f"4 vectors of 32 numbers written to {out}"]
    table = parquet.read_table(out)
    assert table.column_names == ["id", "text", "vector"]
    assert str(table.schema.field("vector").type) == "list<element: float>"
    assert table["text"].to_pylist() == TEXTS
    expected = embed_in_memory(load_model(language_model), TEXTS, settings(language_model))
    np.testing.assert_array_equal(np.array(table["vector"].to_pylist(), np.float32), expected)


@pytest.mark.parametrize("tokens_per_batch", [1, 40])
def test_vectors_depend_neither_on_batches_nor_on_chunks(classifier, monkeypatch, tokens_per_batch):
    saved, texts = load_model(classifier), TEXTS * 3
    whole = embed_in_memory(saved, texts, settings(classifier))
    monkeypatch.setattr("foretext.serving.vectors.CHUNK", 5)
    parts = embed_in_memory(saved, texts, settings(classifier, tokens_per_batch=tokens_per_batch))
    np.testing.assert_allclose(parts, whole, rtol=0, atol=TOLERANCE)


def test_files_tables_and_lists_give_the_same_vectors(language_model, file):
    saved, how = load_model(language_model), settings(language_model)
    expected = embed_in_memory(saved, TEXTS, how)
    for data in (str(file), {"text": TEXTS}, [{"text": text} for text in TEXTS], np.array(TEXTS)):
        np.testing.assert_array_equal(embed_in_memory(saved, data, how), expected)
    assert embed_in_memory(saved, [], how).shape == (0, 32)


@pytest.mark.parametrize("ending", ["npy", "parquet"])
def test_a_bad_row_is_named_and_nothing_is_written(language_model, tmp_path, ending):
    path = tmp_path / "new.csv"
    path.write_text("id,text\n1,a cat\n2,\n")
    with pytest.raises(DataError, match=r"new\.csv:3: the text holds no token"):
        embed(settings(language_model, path, tmp_path / f"out.{ending}"))
    assert [file.name for file in tmp_path.iterdir()] == ["new.csv"]


def test_what_would_be_lost_or_cannot_be_written_is_refused(language_model, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("vector,text\n1,a cat\n")
    with pytest.raises(DataError, match="has a column 'vector' already"):
        embed(settings(language_model, path, tmp_path / "out.npy"))
    for out in ("out.csv", "-", "out"):
        with pytest.raises(SettingsError):
            embed(settings(language_model, path, out))


def test_vectors_of_several_sequences_are_their_mean():
    """Both orders of a pair, as similarity reads it."""
    from foretext.serving.vectors import _by_example

    states = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    found = _by_example(states, torch.tensor([0, 0, 1]), 2)
    assert found.tolist() == [[2.0, 3.0], [5.0, 6.0]]
