"""Settings of `foretext export`."""

from __future__ import annotations

from pathlib import Path

from foretext.paths import NameOrPath
from foretext.recipes.settings.import_model import Format
from foretext.settings import Settings


class ExportModelSettings(Settings):
    """Which model goes where."""

    format: Format
    """openai: as the paper's authors released theirs. hf: a folder that transformers loads."""
    model: NameOrPath
    """Name of an installed model, or the folder of a run; RUN@500, RUN@best or RUN@last is a checkpoint of it."""
    folder: Path
    """Folder to write; it must be new or empty."""
