"""Tensors of another program's model, read one by one into their places in ours: the memory of one model, not two."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from foretext.checkpoints.headers import read_header, refuse_no_weights
from foretext.checkpoints.places import Names, Place
from foretext.checkpoints.tensors import read_json
from foretext.errors import ModelError
from foretext.model.gpt import GPT

SAFETENSORS = "model.safetensors"
INDEX = SAFETENSORS + ".index.json"
SHOWN = 5  # names in an error


class Source(Protocol):
    """What holds the tensors: their shapes by name, and each of them when it is asked for."""

    @property
    def where(self) -> Path:
        """The file that holds or lists them."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of each tensor, which takes no memory to know."""

    def read(self, name: str) -> Tensor:
        """A tensor, in its own precision."""


class Safetensors:
    """The tensors of model.safetensors in a folder, or of the several files that an index beside it names."""

    def __init__(self, folder: Path) -> None:
        """Reads headers alone.

        Raises:
            ModelError: there is no such file, or one is damaged, holds what is no weight, or lacks what the index says.
        """
        self.where, self.files = _listed(folder)
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.types: set[str] = set()
        for file in dict.fromkeys(self.files.values()):
            held = {name: one for name, one in read_header(file).items() if self.files.get(name) == file}
            missing = sorted(name for name, place in self.files.items() if place == file and name not in held)
            if missing:
                raise ModelError(f"{file} lacks {missing[0]}, which {self.where.name} says it holds")
            weights = {name: one for name, one in held.items() if one.dtype not in ("BOOL", "U8")}  # masks
            refuse_no_weights(file, weights)
            self.types |= {one.dtype for one in weights.values()}
            self.shapes |= {name: one.shape for name, one in held.items()}

    def read(self, name: str) -> Tensor:
        """A tensor, in its own precision.

        Raises:
            ModelError: its file is damaged.
        """
        file = self.files[name]
        try:
            with safe_open(str(file), framework="pt") as opened:
                tensor: Tensor = opened.get_tensor(name)
                return tensor
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{file} is damaged: {error}; restore it") from error


def _listed(folder: Path) -> tuple[Path, dict[str, Path]]:
    """The file that holds or lists the tensors, and the file of each by its name."""
    file, index = folder / SAFETENSORS, folder / INDEX
    if file.is_file():
        return file, dict.fromkeys(read_header(file), file)
    if not index.is_file():
        pickled = sorted(path.name for path in folder.glob("*.bin"))
        why = f"; {', '.join(pickled[:SHOWN])} is of a format that can run code and is not read" if pickled else ""
        raise ModelError(f"there is neither {SAFETENSORS} nor {INDEX} in {folder}{why}")
    places = read_json(index).get("weight_map")
    if not isinstance(places, Mapping) or not places:
        raise ModelError(f"{index} names no weights: it lacks weight_map")
    for place in places.values():
        if not isinstance(place, str) or Path(place).name != place:
            raise ModelError(f"{index}: {place!r} is not the name of a file beside it")
    return index, {name: folder / place for name, place in places.items()}


def shards(folder: Path) -> list[str]:
    """The names of the files that the index in `folder` lists; none where there is no index."""
    return sorted({path.name for path in _listed(folder)[1].values()}) if (folder / INDEX).is_file() else []


def named(source: Source, names: Names, *, tied: bool) -> dict[str, str]:
    """The name in `source` of each of its tensors by the full name of the layout, but for those that hold no weights.

    A model saved without its output may lack the prefix. Where the output is `tied`, a copy of the embedding may stand
    there for it, which is compared and left out.

    Raises:
        ModelError: two tensors have one name, or the output is not the embedding that config.json says it is.
    """
    found: dict[str, str] = {}
    for theirs in source.shapes:
        name = names.other_names.get(theirs, theirs)
        if names.prefix and not name.startswith(names.prefix) and name != names.output:
            name = names.prefix + name
        if any(re.fullmatch(pattern, name) for pattern in names.ignored):
            continue
        if name in found:
            raise ModelError(f"{source.where}: {found[name]} and {theirs} are the same part of a model")
        found[name] = theirs
    if tied and names.output in found:
        found.setdefault(names.embedding, found[names.output])
        output, embedding = found.pop(names.output), found[names.embedding]
        if output != embedding and not torch.equal(source.read(output), source.read(embedding)):
            raise ModelError(
                f"{source.where}: {output} is not {embedding}, though tie_word_embeddings says that they are one "
                "matrix; set it to false, if the model has an output of its own"
            )
    return found


def check(wanted: Mapping[str, Place], found: Mapping[str, str], source: Source) -> None:
    """Nothing if each place has a tensor of its shape, and each tensor a place.

    Raises:
        ModelError: one is missing, not known or of another shape; it is named.
    """
    missing, unknown = (
        sorted(wanted.keys() - found.keys()),
        sorted(found[name] for name in found.keys() - wanted.keys()),
    )
    if missing or unknown:
        parts = [f"{word} {', '.join(_few(some))}" for word, some in (("lacks", missing), ("has", unknown)) if some]
        raise ModelError(
            f"{source.where} is not of the model that its configuration describes: it {' and '.join(parts)}"
            f"{', which nothing there asks for' if unknown else ''}; restore the file, or correct the configuration"
        )
    for name, place in wanted.items():
        shape = source.shapes[found[name]]
        if tuple(shape) != place.shape:
            raise ModelError(f"{source.where}: {found[name]} has shape {tuple(shape)}, not {place.shape}")


def _few(names: list[str]) -> list[str]:
    return names if len(names) <= SHOWN else [*names[:SHOWN], f"{len(names) - SHOWN} more"]


def fill(wanted: Mapping[str, Place], found: Mapping[str, str], source: Source) -> None:
    """Reads each tensor into its place, one after the other.

    Raises:
        ModelError: a file is damaged, or a tensor holds NaN.
    """
    for name, place in wanted.items():
        _fill_one(place, found[name], source)


def _fill_one(place: Place, name: str, source: Source) -> None:
    """Reads a tensor into its place, and lets it go before the next is read."""
    tensor = source.read(name)
    if not torch.isfinite(tensor).all():
        raise ModelError(f"{source.where}: {name} holds values that are not finite")
    place.fill(tensor)


def draw_special_tokens(gpt: GPT, seed: int) -> None:
    """Draws the rows of the three special tokens from N(0, initial deviation), in the output's own matrix too."""
    settings = gpt.settings
    generator = torch.Generator().manual_seed(seed)
    rows = slice(settings.vocabulary, settings.first_position)
    for matrix in (gpt.embedding, gpt.output_matrix):
        if matrix is not None:
            matrix.detach()[rows].normal_(0.0, settings.initial_deviation, generator=generator)
