"""Settings of `foretext demo`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from foretext.settings import Seed, Settings


class DemoSettings(Settings):
    """How large the demonstration is; the defaults take a few minutes on two cores."""

    out: Path = Path("foretext-demo")
    """Folder for everything it makes; run again, it goes on where it was."""
    stories: int = Field(20_000, ge=100)
    """Stories to pre-train on."""
    train: int = Field(500, ge=16)
    """Labelled examples of each task to fine-tune on."""
    test: int = Field(300, ge=16)
    """Labelled examples of each task to score on."""
    vocabulary: int = Field(1_200, ge=100)
    """Pieces of the tokenizer."""
    updates: int = Field(1_500, ge=1)
    """Length of pre-training."""
    batch: int = Field(8, ge=1)
    """Windows of 128 tokens in one update of pre-training."""
    epochs: int = Field(4, ge=1)
    """Passes over the labelled examples, with and without pre-training."""
    seed: Seed = 0
    """Decides everything."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
