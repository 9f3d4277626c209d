"""Settings of `foretext submit`."""

from __future__ import annotations

from pathlib import Path

from foretext.paths import NameOrPath
from foretext.settings import Settings


class SubmitSettings(Settings):
    """Which run answers what, and where the answers go."""

    task: str
    """A published task with a hidden test set: one of GLUE's, or StoryCloze."""
    run: NameOrPath
    """Folder of the run that was fine-tuned on it."""
    out: Path
    """Folder for the answers. What other runs wrote there stays, and all of it goes into one archive."""
    data: Path | None = None
    """The task's folder, or one that holds it. Not given: that of FORETEXT_DATA."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
