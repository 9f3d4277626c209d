"""The layout in which the paper's authors released the model: arrays in chunks, their shapes, and the vocabulary.

    params_0.npy … params_9.npy   float32; end to end they are all arrays, one after the other
    params_shapes.json            the shape of each array, in order; kernels carry a leading 1
    encoder_bpe_40000.json        piece to id
    vocab_40000.bpe               merges

Source: the code released with Radford et al. 2018 (`finetune-transformer-lm`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from foretext.checkpoints.array_chunks import CHUNKS, Chunk, cut, read_chunks, write_chunks
from foretext.checkpoints.history import History, Imported
from foretext.checkpoints.planned import planned
from foretext.checkpoints.released_names import check_vocabulary, drawn_specials, released_views
from foretext.checkpoints.released_vocabulary import merges_text, pieces_text
from foretext.checkpoints.saved_model import SavedModel
from foretext.checkpoints.tensors import copy_into, read_json_value
from foretext.errors import ModelError, SettingsError
from foretext.files import atomic_folder
from foretext.model.gpt import GPT
from foretext.model.settings import ModelSettings
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.storage import OPENAI_MERGES, OPENAI_PIECES

Shape = tuple[int, ...]

FORMAT = "openai"
SHAPES = "params_shapes.json"
ARRAYS_OF_A_BLOCK = 12
KERNEL_OF_EXPAND = 6  # its index among the arrays of a block
WIDTH_OF_A_HEAD = 64  # 768 / 12; the files do not say it

log = logging.getLogger(__name__)


def read_openai_release(folder: Path, *, heads: int | None = None, seed: int = 0) -> SavedModel:
    """The language model in `folder`, special tokens drawn from `seed`.

    Not given, `heads` is one for every 64 of the width, as in the paper. How the chunks were cut is kept in the
    history, so that `write_openai_release` gives the same bytes.

    Raises:
        ModelError: a file is missing, truncated, does not belong there, has other shapes or holds NaN.
        SettingsError: `heads` does not divide the width, or is needed.
    """
    shapes = _read_shapes(folder / SHAPES)
    settings = _settings(shapes, heads, folder / SHAPES)
    tokenizer = Tokenizer.openai(folder)
    check_vocabulary(settings, tokenizer, folder)
    chunks = read_chunks(folder)
    views = released_views(planned(settings, tensors=len(shapes), source=folder / SHAPES))
    _check_shapes(shapes, views, folder / SHAPES)
    arrays = _arrays(chunks, views, folder)
    gpt = GPT(settings, seed=seed)
    copy_into(released_views(gpt), arrays, folder)
    _warn_of_other_bytes(folder, tokenizer, shapes)
    record = Imported(
        format=FORMAT,
        seed=seed,
        drawn=drawn_specials(settings, seed),
        chunks=tuple(chunk.record() for chunk in chunks),
    )
    return SavedModel(gpt.eval(), tokenizer, history=History(imported=record), folder=folder)


def write_openai_release(folder: Path, saved: SavedModel) -> None:
    """The language model of `saved` in the released layout, in a new folder, whole or not at all.

    Raises:
        ModelError: the vocabulary is not of the released kind.
        DiskFull: there is no space left.
    """
    pieces, merges = pieces_text(saved.tokenizer), merges_text(saved.tokenizer)
    views = released_views(saved.gpt)
    values = torch.cat([view.float().cpu().reshape(-1) for view in views.values()]).numpy()
    imported = saved.history.imported or Imported()
    with atomic_folder(folder) as made:
        write_chunks(made, cut(values, imported.chunks or ()))
        (made / SHAPES).write_text(_shapes_text([_array_shape(*item) for item in views.items()]), encoding="utf-8")
        (made / OPENAI_PIECES).write_text(pieces, encoding="utf-8")
        (made / OPENAI_MERGES).write_text(merges, encoding="utf-8", newline="\n")


def _read_shapes(path: Path) -> list[Shape]:
    shapes = read_json_value(path)
    fits = isinstance(shapes, list) and all(
        isinstance(shape, list) and shape and all(type(size) is int and size > 0 for size in shape) for shape in shapes
    )
    if not fits or len(shapes) < 2 or (len(shapes) - 2) % ARRAYS_OF_A_BLOCK:
        raise ModelError(
            f"{path} must list shapes: those of positions and pieces, then {ARRAYS_OF_A_BLOCK} for each block"
        )
    return [tuple(shape) for shape in shapes]


def _settings(shapes: Sequence[Shape], heads: int | None, path: Path) -> ModelSettings:
    """The sizes that follow from the shapes; whether all shapes agree is checked against the model they make."""
    (context, *_), (vocabulary, *_) = shapes[:2]
    width = shapes[0][-1]
    if heads is None and width % WIDTH_OF_A_HEAD:
        raise SettingsError(f"{path}: a width of {width} does not tell the number of attention heads; give --heads")
    hidden = shapes[2 + KERNEL_OF_EXPAND][-1] if len(shapes) > 2 else 4 * width
    return ModelSettings(
        vocabulary=vocabulary,
        context=context,
        layers=(len(shapes) - 2) // ARRAYS_OF_A_BLOCK,
        width=width,
        heads=heads or width // WIDTH_OF_A_HEAD,
        feed_forward=0 if hidden == 4 * width else hidden,
    )


def _array_shape(name: str, view: Tensor) -> Shape:
    """The shape that the release gives the array `name`: kernels are those of a convolution of width 1."""
    kernel = name.startswith("h.") and view.dim() == 2
    return (1, *view.shape) if kernel else tuple(view.shape)


def _check_shapes(shapes: Sequence[Shape], views: dict[str, Tensor], path: Path) -> None:
    for number, ((name, view), shape) in enumerate(zip(views.items(), shapes, strict=True)):
        wanted = _array_shape(name, view)
        if shape != wanted:
            raise ModelError(f"{path}: array {number}, {name}, has shape {list(shape)}, not {list(wanted)}")


def _arrays(chunks: Sequence[Chunk], views: dict[str, Tensor], folder: Path) -> dict[str, Tensor]:
    """The chunks end to end, cut into the arrays by name."""
    values = np.concatenate([chunk.values for chunk in chunks])
    sizes = [view.numel() for view in views.values()]
    if len(values) != sum(sizes):
        raise ModelError(
            f"{folder}: {CHUNKS[0]} to {CHUNKS[-1]} hold {len(values):,} numbers, {SHAPES} asks for {sum(sizes):,}"
        )
    parts = zip(views.items(), np.split(values, np.cumsum(sizes)[:-1]), strict=True)
    return {name: torch.from_numpy(part).view(view.shape) for (name, view), part in parts}


def _shapes_text(shapes: Sequence[Shape]) -> str:
    return json.dumps([list(shape) for shape in shapes])


def _warn_of_other_bytes(folder: Path, tokenizer: Tokenizer, shapes: Sequence[Shape]) -> None:
    """Says which text files an export would write in other bytes, though they mean the same."""
    written = {
        SHAPES: _shapes_text(shapes),
        OPENAI_PIECES: pieces_text(tokenizer),
        OPENAI_MERGES: merges_text(tokenizer),
    }
    for name, text in written.items():
        if (folder / name).read_bytes() != text.encode():
            log.warning("%s is not written as in the release; an export will mean the same in other bytes", name)
