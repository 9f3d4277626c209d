"""Models by name: installed data-only distributions announce themselves; anything else is a folder.

One name more stands for the paper's own model, which `find.py` has fetched when it is first asked for.
"""

from __future__ import annotations

import os
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

ENTRY_POINTS = "foretext.models"  # group in which a distribution names its package: mini = "foretext_mini"
OPENAI_GPT = "openai-gpt"  # the weights released with the paper


def cache_folder() -> Path:
    """Where models that were fetched by name are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "foretext" / "models"


def installed_models() -> dict[str, Path]:
    """Folders of the installed models by name, and of the one fetched earlier. No code of a model's package is run."""
    fetched = cache_folder() / OPENAI_GPT
    found = {OPENAI_GPT: fetched} if (fetched / "model.json").is_file() else {}
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        specification = find_spec(entry.module)
        if specification is not None and specification.submodule_search_locations:
            found[entry.name] = Path(next(iter(specification.submodule_search_locations)))
    return found
