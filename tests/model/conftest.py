"""Models whose every path matters: larger weights than the initial ones, in double precision."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from foretext.batch import pack
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.model.settings import ModelSettings


@pytest.fixture
def enlarged() -> Callable[[ModelSettings], GPT]:
    """Makes such a model."""

    def make(settings: ModelSettings) -> GPT:
        made = GPT(settings, seed=1).double().eval()
        with torch.no_grad():
            for parameter in made.parameters():
                noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel()))
                parameter.add_(0.3 * noise)
        return made

    return make


@pytest.fixture
def states() -> Callable[..., torch.Tensor]:
    """The states of one example of these sequences."""

    def read(model: GPT, *sequences: list[int]) -> torch.Tensor:
        with torch.no_grad():
            return model(Sequences.of(pack([list(sequences)]))).states

    return read
