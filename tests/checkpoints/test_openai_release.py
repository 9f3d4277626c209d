"""The released layout: what is read is what is written, to the byte; what is damaged is refused by name."""

from __future__ import annotations

import json
import shutil
import struct

import numpy as np
import pytest
import torch

from foretext.checkpoints.history import Finetuning
from foretext.checkpoints.openai_release import read_openai_release, write_openai_release
from foretext.checkpoints.saved_model import SavedModel, load_model, save_model
from foretext.checkpoints.transformers_folder import read_transformers
from foretext.errors import ModelError, SettingsError
from foretext.model.gpt import GPT
from foretext.model.settings import HeadSettings, ModelSettings
from foretext.tokenizer import Tokenizer


def same_files(one, other):
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_a_release_that_is_read_saved_loaded_and_written_has_the_same_bytes(release, tmp_path):
    save_model(tmp_path / "model", read_openai_release(release, heads=2))
    write_openai_release(tmp_path / "back", load_model(tmp_path / "model"))
    assert same_files(release, tmp_path / "back")


def test_chunks_cut_elsewhere_with_headers_of_an_older_numpy_keep_their_bytes(release, tmp_path):
    flat = np.concatenate([np.load(release / f"params_{number}.npy") for number in range(10)])
    for number, chunk in enumerate(np.split(flat, [7, 50, 51, 300, 301, 400, 800, 900, 1000])):
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(chunk)},), }}"
        text += " " * (15 - (10 + len(text)) % 16) + "\n"  # NumPy before 1.14 padded to 16 bytes, not to 64
        data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + chunk.tobytes()
        (release / f"params_{number}.npy").write_bytes(data)
    write_openai_release(tmp_path / "back", read_openai_release(release, heads=2))
    assert same_files(release, tmp_path / "back")


def test_the_released_vocabulary_is_written_in_its_own_bytes(real_data, tmp_path):
    source = real_data / "gpt1-bpe"
    tokenizer = Tokenizer.openai(source)
    settings = ModelSettings(vocabulary=tokenizer.size, context=2, layers=0, width=1, heads=1)
    write_openai_release(tmp_path / "out", SavedModel(GPT(settings), tokenizer))
    for name in ("encoder_bpe_40000.json", "vocab_40000.bpe"):
        assert (tmp_path / "out" / name).read_bytes() == (source / name).read_bytes()


@pytest.mark.slow
def test_at_the_papers_size_shapes_and_bytes_are_those_of_the_release(real_data, tmp_path):
    source, folder = real_data / "gpt1-bpe", tmp_path / "release"
    folder.mkdir()
    for name in ("encoder_bpe_40000.json", "vocab_40000.bpe", "params_shapes.json"):
        shutil.copyfile(source / name, folder / name)
    flat = np.random.default_rng(0).standard_normal(116_534_784, dtype=np.float32)
    for number, chunk in enumerate(np.array_split(flat, 10)):
        np.save(folder / f"params_{number}.npy", chunk)
    saved = read_openai_release(folder)
    assert saved.gpt.settings == ModelSettings()
    write_openai_release(tmp_path / "back", saved)
    assert same_files(folder, tmp_path / "back")


def test_special_tokens_are_drawn_from_the_seed_with_deviation_002(release):
    def specials(seed):
        gpt = read_openai_release(release, heads=2, seed=seed).gpt
        return gpt.embedding[gpt.settings.vocabulary :][:3]

    assert torch.equal(specials(0), specials(0))
    assert not torch.equal(specials(0), specials(1))
    many = torch.stack([specials(seed) for seed in range(40)])
    assert many.std().item() == pytest.approx(0.02, rel=0.1)  # 960 draws: the deviation is known to about 2 %


def test_a_fine_tuned_model_is_written_without_specials_and_head(release, tmp_path):
    saved = read_openai_release(release, heads=2)
    tuned = GPT(saved.gpt.settings, HeadSettings(outputs=3))
    tuned.load_state_dict(saved.gpt.state_dict(), strict=False)
    with torch.no_grad():
        tuned.embedding[saved.tokenizer.start] += 1
    history = saved.history.after(Finetuning())
    write_openai_release(tmp_path / "back", SavedModel(tuned, saved.tokenizer, history=history))
    assert same_files(release, tmp_path / "back")


def test_heads_are_one_for_64_of_the_width_and_must_be_given_where_that_does_not_divide(release):
    with pytest.raises(SettingsError, match="width of 8 does not tell .* --heads"):
        read_openai_release(release)
    with pytest.raises(SettingsError, match="not a multiple of heads"):
        read_openai_release(release, heads=3)


def change_chunk(path, change):
    values = np.load(path)
    change(values)
    np.save(path, values)


DAMAGE = {
    "a file is missing": (lambda folder: (folder / "params_3.npy").unlink(), r"params_3\.npy is missing"),
    "a file was renamed": (
        lambda folder: (folder / "params_3.npy").rename(folder / "params_11.npy"),
        r"params_11\.npy does not belong to the release",
    ),
    "a file is truncated": (
        lambda folder: (folder / "params_4.npy").write_bytes((folder / "params_4.npy").read_bytes()[:-8]),
        r"params_4\.npy is damaged",
    ),
    "bytes were added": (
        lambda folder: (folder / "params_4.npy").write_bytes((folder / "params_4.npy").read_bytes() + b"more"),
        r"params_4\.npy is damaged: there are bytes behind",
    ),
    "no array at all": (lambda folder: (folder / "params_4.npy").write_bytes(b"hello"), r"params_4\.npy is damaged"),
    "another precision": (
        lambda folder: np.save(folder / "params_5.npy", np.load(folder / "params_5.npy").astype(np.float64)),
        r"params_5\.npy must hold one flat array of float32",
    ),
    "NaN": (
        lambda folder: change_chunk(folder / "params_6.npy", lambda values: values.__setitem__(2, np.nan)),
        r"params_6\.npy holds values that are not finite, the first at 2",
    ),
    "fewer numbers": (
        lambda folder: np.save(folder / "params_9.npy", np.load(folder / "params_9.npy")[:-1]),
        r"hold 2,015 numbers, params_shapes\.json asks for 2,016",
    ),
    "no vocabulary": (lambda folder: (folder / "vocab_40000.bpe").unlink(), r"no vocab_40000\.bpe"),
    "no shapes": (lambda folder: (folder / "params_shapes.json").unlink(), r"params_shapes\.json is missing"),
    "shapes cut off": (
        lambda folder: (folder / "params_shapes.json").write_text("[[6, 8], [30"),
        r"params_shapes\.json cannot be read as JSON",
    ),
    "a pickled array": (
        lambda folder: np.save(folder / "params_7.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True),
        r"params_7\.npy is damaged or no array",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_refused_by_name(release, damage):
    spoil, expected = DAMAGE[damage]
    spoil(release)
    with pytest.raises(ModelError, match=expected):
        read_openai_release(release, heads=2)


@pytest.mark.parametrize(
    ("number", "shape", "expected"),
    [
        (2, [1, 8, 23], r"array 2, h\.0\.attn\.c_attn\.weight, has shape \[1, 8, 23\], not \[1, 8, 24\]"),
        (16, [8, 1, 8], r"array 16, h\.1\.attn\.c_proj\.weight, has shape \[8, 1, 8\], not \[1, 8, 8\]"),
        (1, [31, 8], r"vocabulary has 28 pieces, but the token embeddings have 31 rows"),
        (3, [], r"must list shapes"),
        (3, [-24], r"must list shapes"),
    ],
)
def test_a_wrong_shape_is_refused_by_the_array_it_belongs_to(release, number, shape, expected):
    known = json.loads((release / "params_shapes.json").read_text())
    known[number] = shape
    (release / "params_shapes.json").write_text(json.dumps(known))
    with pytest.raises(ModelError, match=expected):
        read_openai_release(release, heads=2)


def test_a_vocabulary_in_other_bytes_is_read_and_said(release, tmp_path, caplog):
    file = release / "encoder_bpe_40000.json"
    file.write_text(json.dumps(json.loads(file.read_text()), indent=1))
    write_openai_release(tmp_path / "back", read_openai_release(release, heads=2))
    assert "encoder_bpe_40000.json is not written as in the release" in caplog.text
    assert json.loads((tmp_path / "back" / file.name).read_text()) == json.loads(file.read_text())


def test_a_release_and_a_port_of_the_same_weights_are_the_same_model(release, port):
    one, other = read_openai_release(release, heads=2), read_transformers(port)
    assert one.tokenizer.fingerprint == other.tokenizer.fingerprint
    for (name, mine), theirs in zip(one.gpt.named_parameters(), other.gpt.parameters(), strict=True):
        assert torch.equal(mine, theirs), name
