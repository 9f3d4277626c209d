"""What a file of weights says it holds is checked before memory is taken for it."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from foretext.checkpoints.headers import Held, read_header
from foretext.checkpoints.saved_model import SavedModel, load_model, save_model
from foretext.checkpoints.tensors import load_tensors
from foretext.errors import ModelError
from foretext.files import sha256
from foretext.model.gpt import GPT
from foretext.model.settings import ModelSettings
from foretext.tokenizer import Tokenizer

TOKENIZER = Tokenizer.learn_from_texts(["a cat sat"], 12)
SHAPE = {"layers": 1, "width": 4, "heads": 1, "context": 4, "vocabulary": TOKENIZER.size}


def written(path: Path, header: Any, numbers: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + numbers)
    return path


def about(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_the_header_of_what_safetensors_wrote_is_read(tmp_path: Path) -> None:
    tensors = {
        "a": torch.zeros(2, 3, dtype=torch.bfloat16),
        "b": torch.zeros((), dtype=torch.int64),
        "c": torch.zeros(0, 4, dtype=torch.bool),
    }
    save_file(tensors, tmp_path / "t", {"format": "pt"})
    assert read_header(tmp_path / "t") == {"a": Held("BF16", (2, 3)), "b": Held("I64", ()), "c": Held("BOOL", (0, 4))}


@pytest.mark.parametrize(
    ("header", "numbers", "message"),
    [
        (b"[" * 100_000, b"", "its header is no JSON"),
        ([], b"", "its header has no names"),
        ({"a": about([2], 0, 4)}, b"1234", "'a' has more or fewer bytes than its shape asks for"),
        ({"a": about([2], 0, 8)}, b"1234", "'a' does not lie where it belongs"),
        ({"a": about([1], 4, 8)}, b"12345678", "'a' does not lie where it belongs"),
        ({"a": about([1], 0, 4), "b": about([1], 0, 4)}, b"1234", "'b' does not lie where it belongs"),
        ({"a": about([1], 0, 4)}, b"12345", "ends with 1 bytes of no tensor"),
        ({"a": about([-1], 0, 4)}, b"1234", "does not say what 'a' is"),
        ({"a": about([1], 0, 4, "F33")}, b"1234", "does not say what 'a' is"),
        ({"a": about([10**30], 0, 4)}, b"1234", "'a' has more or fewer bytes"),
        ({"a": 7}, b"1234", "does not say what 'a' is"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_header_that_does_not_fit_the_file_is_refused(
    tmp_path: Path, header: Any, numbers: bytes, message: str
) -> None:
    path = written(tmp_path / "t", header, numbers)
    with pytest.raises(ModelError, match=message):
        load_tensors(path)


@pytest.mark.parametrize("content", [b"", b"1234567", (1 << 40).to_bytes(8, "little"), b"\xff" * 8 + b"{}"])
def test_a_header_longer_than_the_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(ModelError, match="its header is longer than the file"):
        read_header(tmp_path / "t")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(tmp_path / "model", SavedModel(GPT(ModelSettings(**SHAPE)), TOKENIZER))
    return tmp_path / "model"


def edit(folder: Path, **values: Any) -> None:
    description = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**description, **values}))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"context": 100_000_000}, "embedding has shape"),
        ({"width": 1 << 16}, "has shape"),
        ({"layers": 1_000_000_000}, "asks for 1,000,000,000 layers"),
        ({"layers": 2}, "missing"),
        ({"width": 10**15}, "too large for any memory"),
        ({"context": 10**30}, "too large for any memory"),
    ],
)
def test_a_description_that_asks_for_more_than_the_weights_hold_takes_no_memory(
    folder: Path, sizes: dict[str, int], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(folder, model={**SHAPE, **sizes})
    monkeypatch.setattr("foretext.checkpoints.saved_model.GPT", None)  # is made of nothing but what fits
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match=message):
            load_model(folder)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_weights_of_a_type_that_weights_have_not_are_refused_by_name(folder: Path) -> None:
    file = folder / "model.safetensors"
    tensors = {name: tensor.to(torch.int32) for name, tensor in load_tensors(file).items()}
    save_file(tensors, file)
    edit(folder, weights_sha256=sha256(file))
    with pytest.raises(ModelError, match=r"blocks\.0\..* is of type I32; weights are float32, float16, bfloat16"):
        load_model(folder)


@pytest.mark.parametrize("name", ["model.json", "tokenizer.json"])
def test_json_nested_without_end_is_told(folder: Path, name: str) -> None:
    (folder / name).write_text('{"a":' * 100_000)
    with pytest.raises(ModelError, match=f"{name} .*nested too deep"):
        load_model(folder)
