"""Settings of `foretext storyworld`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from foretext.settings import Seed, Settings


class StoryworldSettings(Settings):
    """How much to write, and where."""

    out: Path
    """Folder to make: corpus/, tasks/ and a README.txt that says how to use them. It must be new or empty."""
    stories: int = Field(20_000, ge=1, le=1_000_000)
    """Stories of the corpus, no two the same."""
    train: int = Field(800, ge=1)
    """Training examples of each task."""
    test: int = Field(400, ge=1)
    """Test examples of each task."""
    seed: Seed = 0
    """The same seed and numbers write the same bytes."""
