"""Models by name: installed data-only distributions announce themselves; anything else is a folder."""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from foretext.errors import ModelError, UnknownName

ENTRY_POINTS = "foretext.models"  # group in which a distribution names its package: mini = "foretext_mini"


def installed_models() -> dict[str, Path]:
    """Folders of the installed models by name. No code of a model's package is run."""
    found = {}
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        specification = find_spec(entry.module)
        if specification is not None and specification.submodule_search_locations:
            found[entry.name] = Path(next(iter(specification.submodule_search_locations)))
    return found


def find_model(name: str | Path) -> Path:
    """The folder of the model called `name`: an installed model's name, or a folder.

    Raises:
        UnknownName: it is neither.
        ModelError: it is a file.
    """
    installed = installed_models()
    folder = Path(name)
    if str(name) in installed and not folder.is_dir():
        return installed[str(name)]
    if folder.is_dir():
        return folder
    if folder.exists():
        raise ModelError(f"{folder} is a file; give the folder that holds model.json")
    raise UnknownName("model", str(name), installed, "The folder of a run is a model, too.")
