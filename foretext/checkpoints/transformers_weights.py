"""The weights in a folder of `transformers`: safetensors or torch's own, of which nothing but tensors is read.


model.safetensors, or model.safetensors.index.json and the files it names
pytorch_model.bin, or pytorch_model.bin.index.json and the files it names
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from foretext.checkpoints.tensors import load_tensors, read_json
from foretext.errors import ModelError

SAFETENSORS, PICKLED = "model.safetensors", "pytorch_model.bin"
INDEX = ".index.json"  # behind either name: which tensor lies in which file


def read_weights(folder: Path) -> tuple[Path, dict[str, Tensor]]:
    """The tensors in `folder` by name, and the file that holds or lists them.

    Raises:
        ModelError: there are none, or a file is missing, damaged or holds more than tensors.
    """
    for name in (SAFETENSORS, SAFETENSORS + INDEX, PICKLED, PICKLED + INDEX):
        file = folder / name
        if file.is_file():
            return file, _gathered(file) if name.endswith(INDEX) else _of_one(file)
    raise ModelError(f"there is neither {SAFETENSORS} nor {PICKLED} in {folder}, nor an {INDEX[1:]} of either")


def _gathered(index: Path) -> dict[str, Tensor]:
    """The tensors of all files that an index names, each from the file that the index says."""
    places = read_json(index).get("weight_map")
    if not isinstance(places, Mapping) or not places:
        raise ModelError(f"{index} names no weights: it lacks weight_map")
    for place in places.values():
        if not isinstance(place, str) or Path(place).name != place:
            raise ModelError(f"{index}: {place!r} is not the name of a file beside it")
    found: dict[str, Tensor] = {}
    for place in sorted(set(places.values())):
        file = index.parent / place
        tensors = _of_one(file)
        wanted = [name for name, where in places.items() if where == place]
        missing = sorted(set(wanted) - tensors.keys())
        if missing:
            raise ModelError(f"{file} lacks {missing[0]}, which {index.name} says it holds")
        found |= {name: tensors[name] for name in wanted}
    return found


def _of_one(file: Path) -> dict[str, Tensor]:
    if file.suffix == ".safetensors":
        return load_tensors(file)
    if not file.is_file():
        raise ModelError(f"{file} is missing")
    try:
        tensors = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{file} is damaged, or holds more than tensors: {reason}") from error
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise ModelError(f"{file} must hold tensors by name")
    return tensors
