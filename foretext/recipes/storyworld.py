"""The embedded data as files: a corpus of stories and six labelled tasks about stories that are not in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from foretext.settings import Settings

if TYPE_CHECKING:
    from foretext.storyworld.files import Written


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
    seed: int = Field(0, ge=0)
    """The same seed and numbers write the same bytes."""


def storyworld(settings: StoryworldSettings) -> Written:
    """What was written into `settings.out`.

    Raises:
        DataError: there is something in `out` already.
        DiskFull: there is no space left.
    """
    from foretext.storyworld import files

    return files.write(
        settings.out, stories=settings.stories, seed=settings.seed, train=settings.train, test=settings.test
    )
