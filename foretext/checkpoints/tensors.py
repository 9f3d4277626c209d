"""Named tensors in safetensors files, checked on the way in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from foretext.checkpoints.headers import read_header
from foretext.checkpoints.tensor_file import write_tensor_file
from foretext.errors import ModelError
from foretext.files import load_json, sha256


class HasShape(Protocol):
    """A tensor, or what is known of one."""

    @property
    def shape(self) -> Sequence[int]:
        """Its size in each direction."""


def save_tensors(path: Path, tensors: Mapping[str, Tensor], *, metadata: dict[str, str] | None = None) -> str:
    """Writes `tensors` to `path`, which must be inside a folder that is still being made; returns the SHA-256.

    Raises:
        NotFinite: a tensor holds NaN or an infinity.
        ForetextError: what is read back differs.
        OSError: the file cannot be written; the folder's maker says so (`disk_errors`).
    """
    return write_tensor_file(path, tensors, metadata)


def load_tensors(path: Path, *, checksum: str | None = None) -> dict[str, Tensor]:
    """The tensors of `path` by name.

    Raises:
        ModelError: the file is missing, truncated or altered.
    """
    if not path.is_file():
        raise ModelError(f"{path} is missing")
    try:
        if checksum is not None and sha256(path) != checksum:
            raise ModelError(f"{path} is damaged: it is not the file that was saved (truncated or altered); restore it")
        read_header(path)
        return load_file(str(path))
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is damaged: {error}; restore it") from error


def fill(module: torch.nn.Module, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Puts `tensors` into the parameters of `module`, by name, in the module's own precision.

    Raises:
        ModelError: a tensor is missing, not known, of another shape, or holds NaN.
    """
    copy_into({name: parameter.detach() for name, parameter in module.named_parameters()}, tensors, source)


def copy_into(wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor], source: Path) -> None:
    """Copies `tensors` over the memory of those in `wanted`, by name; `source` is where they come from.

    Raises:
        ModelError: a tensor is missing, not known, of another shape, or holds NaN.
    """
    check_shapes(wanted, tensors, source)
    for name, memory in wanted.items():
        tensor = tensors[name]
        if not torch.isfinite(tensor).all():
            raise ModelError(f"{source}: {name} holds values that are not finite")
        memory.copy_(tensor)


def check_shapes(wanted: Mapping[str, HasShape], found: Mapping[str, HasShape], source: Path) -> None:
    """Nothing if the tensors of `source` have the names and the shapes of those in `wanted`.

    Raises:
        ModelError: a tensor is missing, not known or of another shape.
    """
    missing, unknown = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    if missing or unknown:
        raise ModelError(f"{source} does not fit the model: missing {missing[:5]}, not known {unknown[:5]}")
    for name, tensor in wanted.items():
        if tuple(found[name].shape) != tuple(tensor.shape):
            raise ModelError(f"{source}: {name} has shape {tuple(found[name].shape)}, not {tuple(tensor.shape)}")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`.

    Raises:
        ModelError: the file is missing or not a JSON object.
    """
    value = read_json_value(path)
    if not isinstance(value, dict):
        raise ModelError(f"{path} is not a JSON object")
    return value


def read_json_value(path: Path) -> Any:
    """What the JSON in `path` says.

    Raises:
        ModelError: the file is missing or no JSON.
    """
    try:
        return load_json(path)
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read as JSON: {error}") from error
