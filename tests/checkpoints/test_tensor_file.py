"""A safetensors file of ours is the one that the library writes, and never holds what is not finite."""

from __future__ import annotations

import math

import pytest
import torch
from safetensors.torch import load_file, save

from foretext.checkpoints import tensor_file
from foretext.checkpoints.tensor_file import NotFinite, write_tensor_file
from foretext.errors import ForetextError
from foretext.files import sha256

FLOATS = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


def tensors() -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {
        "a.weight": torch.randn(5, 3, generator=draw),
        "half": torch.randn(7, generator=draw).to(torch.bfloat16),
        "step": torch.tensor(3.0),
        "mask": torch.tensor([True, False]),
        "long": torch.arange(4),
        "nothing": torch.zeros(0, 2),
        "straße": torch.randn(3, 4, generator=draw).T,
    }


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_the_file_is_byte_for_byte_that_of_the_library(tmp_path, metadata):
    write_tensor_file(tmp_path / "ours", tensors(), metadata)
    library = save({name: value.contiguous() for name, value in tensors().items()}, metadata)
    assert (tmp_path / "ours").read_bytes() == library


@pytest.mark.parametrize("piece", [8, 24, 1 << 20])
def test_it_is_read_back_as_it_was_however_it_was_cut(tmp_path, monkeypatch, piece):
    monkeypatch.setattr(tensor_file, "PIECE", piece)
    checksum = write_tensor_file(tmp_path / "ours", tensors())
    assert checksum == sha256(tmp_path / "ours")
    for name, value in load_file(tmp_path / "ours").items():
        assert torch.equal(value, tensors()[name]), name


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_by_the_name_of_its_tensor(tmp_path, dtype, value):
    numbers = torch.full((9,), torch.finfo(dtype).max, dtype=dtype)
    write_tensor_file(tmp_path / "largest", {"weights": numbers})
    numbers[7] = value
    with pytest.raises(NotFinite, match="weights"):
        write_tensor_file(tmp_path / "broken", {"weights": numbers})


def test_what_does_not_read_back_as_it_was_meant_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(tensor_file, "_read_back", lambda path: "0" * 64)
    with pytest.raises(ForetextError, match="does not read back"):
        write_tensor_file(tmp_path / "ours", tensors())
