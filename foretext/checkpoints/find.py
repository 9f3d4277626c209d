"""Where the model lies that a person names: a folder, an installed model, or the paper's own from the Hub."""

from __future__ import annotations

from pathlib import Path

from foretext.checkpoints.installed_models import OPENAI_GPT, cache_folder, installed_models
from foretext.errors import ModelError, UnknownName
from foretext.paths import path_at_home


def find_model(name: str | Path) -> Path:
    """The folder of the model called `name`: an installed model's name, or a folder.

    `openai-gpt`, if there is none yet, is fetched from the Hub and imported: the only name that uses the network.

    Raises:
        UnknownName: it is neither.
        ModelError: it is a file.
        Unreachable: `openai-gpt` cannot be fetched.
    """
    installed = installed_models()
    folder = path_at_home(name)
    if str(name) in installed and not folder.is_dir():
        return installed[str(name)]
    if folder.is_dir():
        return folder
    if folder.exists():
        raise ModelError(f"{folder} is a file; give the folder that holds model.json")
    if str(name) == OPENAI_GPT:
        from foretext.checkpoints.hub import import_openai_gpt  # loads torch, which not all who ask for a folder need

        return import_openai_gpt(cache_folder() / OPENAI_GPT)
    raise UnknownName("model", str(name), {*installed, OPENAI_GPT}, "The folder of a run is a model, too.")
