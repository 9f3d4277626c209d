"""A model as it is planned, before memory is taken for it: what its file of weights must fit."""

from __future__ import annotations

from pathlib import Path

import torch

from foretext.errors import ModelError
from foretext.model.gpt import GPT
from foretext.model.settings import HeadSettings, ModelSettings


def planned(model: ModelSettings, head: HeadSettings | None = None, *, tensors: int, source: Path) -> GPT:
    """A model whose weights have shapes and take no memory; `tensors` is how many there are to fill it.

    Raises:
        ModelError: `source`, which asks for the model, has sizes that no such file can fill.
    """
    if model.layers > tensors:
        raise ModelError(f"{source} asks for {model.layers:,} layers, but there are {tensors:,} tensors in all")
    try:
        with torch.device("meta"):
            return GPT(model, head, seed=None)
    except (RuntimeError, OverflowError, TypeError) as error:  # sizes that no memory has
        raise ModelError(f"{source} asks for a model that is too large for any memory: {model}") from error
