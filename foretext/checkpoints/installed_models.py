"""Models by name: installed data-only distributions announce themselves; anything else is a folder.

One name more stands for the paper's own model, which `find.py` has fetched when it is first asked for.
"""

from __future__ import annotations

import os
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from foretext.errors import SettingsError

ENTRY_POINTS = "foretext.models"  # group in which a distribution names its package: mini = "foretext_mini"
OPENAI_GPT = "openai-gpt"  # the weights released with the paper


def cache_folder() -> Path:
    """Where models that were fetched by name are kept.

    Raises:
        SettingsError: the user has no home folder, and XDG_CACHE_HOME names no other place.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "foretext" / "models"
    except RuntimeError:
        raise SettingsError(
            "your home folder is not known; set XDG_CACHE_HOME to a folder for fetched models"
        ) from None


def installed_models() -> dict[str, Path]:
    """Folders of the installed models by name, and of the one fetched earlier. No code of a model's package is run."""
    found = _fetched()
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        specification = find_spec(entry.module)
        if specification is not None and specification.submodule_search_locations:
            found[entry.name] = Path(next(iter(specification.submodule_search_locations)))
    return found


def _fetched() -> dict[str, Path]:
    """The model fetched earlier; none where there is no home folder, or one of somebody else's."""
    try:
        folder = cache_folder() / OPENAI_GPT
    except SettingsError:
        return {}
    return {OPENAI_GPT: folder} if os.path.isfile(folder / "model.json") else {}  # unlike Path's, never an error
