"""Settings of `foretext generate`."""

from __future__ import annotations

from pydantic import Field

from foretext.paths import NameOrPath
from foretext.settings import Seed, Settings


class GenerateSettings(Settings):
    """How to draw text from a model."""

    model: NameOrPath
    """Name of an installed model, or the folder of a run; RUN@500, RUN@best or RUN@last is a checkpoint of it."""
    prompt: str
    """Text to go on from."""
    tokens: int = Field(80, ge=1)
    """How many tokens to draw, at most: an imported model may end before."""
    temperature: float = Field(1.0, ge=0)
    """Below 1 plays safer, above 1 wilder; 0 always takes the likeliest token."""
    top_k: int = Field(0, ge=0)
    """Draw only from so many likeliest tokens; 0 means from all."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Draw only from the likeliest tokens that together have this probability."""
    seed: Seed = 0
    """The same seed gives the same text."""
    allow_unknown: bool = False
    """Go on though more than half of the prompt is of characters that the vocabulary has no piece for."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
