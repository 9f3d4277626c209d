"""Settings of `foretext import`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from foretext.paths import NameOrPath
from foretext.settings import Seed, Settings

Format = Literal["openai", "hf"]  # what is written, too
Source = Literal["openai", "hf", "gguf"]


class ImportModelSettings(Settings):
    """Where a model is and where it goes."""

    format: Source
    """openai: the folder that the paper's authors released. hf: a model of transformers: OpenAIGPT, Llama and its like
    (SmolLM2, Mistral, Qwen2, Qwen3), GPT-2, GPT-NeoX (Pythia). gguf: one file, of llama.cpp and its like."""
    source: NameOrPath
    """A folder, of gguf a file; with hf also a name on the Hugging Face Hub, which is then fetched."""
    out: Path
    """Folder of the model; it must be new or empty."""
    heads: int | None = Field(None, ge=1)
    """Attention heads, which a release does not tell. Not given: one for every 64 of the width, as in the paper."""
    context: int | None = Field(None, ge=2)
    """Longest sequence in tokens, instead of what the source says: less, or with rotary positions also more, for which
    the model was not trained."""
    seed: Seed = 0
    """Decides the three special tokens, which no layout has."""
