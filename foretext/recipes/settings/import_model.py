"""Settings of `foretext import`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from foretext.paths import NameOrPath
from foretext.settings import Settings

Format = Literal["openai", "hf"]


class ImportModelSettings(Settings):
    """Where a model is and where it goes."""

    format: Format
    """openai: the folder that the paper's authors released. hf: transformers' OpenAIGPT."""
    source: NameOrPath
    """A folder; with hf also a name on the Hugging Face Hub, which is then fetched."""
    out: Path
    """Folder of the model; it must be new or empty."""
    heads: int | None = Field(None, ge=1)
    """Attention heads, which a release does not tell. Not given: one for every 64 of the width, as in the paper."""
    seed: int = Field(0, ge=0)
    """Decides the three special tokens, which neither layout has."""
