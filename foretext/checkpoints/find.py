"""Where the model lies that a person names: a folder, an installed model, the paper's own from the Hub, or SmolLM2."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from foretext.checkpoints.installed_models import (
    KEPT,
    OPENAI_GPT,
    SMOLLM2,
    SMOLLM2_RECOMMENDED,
    cache_folder,
    installed_models,
)
from foretext.errors import ModelError, SettingsError, UnknownName
from foretext.files import load_json
from foretext.paths import path_at_home

MODEL_JSON = "model.json"
OF_A_MODEL = (MODEL_JSON, "tokenizer.json", "run.json")  # what a folder holds that a person may mean by a name

AT_UPDATE = re.compile(r"(.+)@(\d+|best|last)")

log = logging.getLogger(__name__)


def find_model(name: str | Path) -> Path:
    """The folder of the model called `name`: an installed model's name, or a folder.

    Where a folder here is called like an installed model, it is meant if there is a model or a run in it, and that is
    said. `openai-gpt`, if there is none yet, is fetched from the Hub and imported: the only name that uses the network.
    `smollm2` is imported from the package that holds it.

    Raises:
        UnknownName: it is neither.
        ModelError: it is a file; or `smollm2`, and its package is not installed.
        Unreachable: `openai-gpt` cannot be fetched.
    """
    installed = installed_models()
    folder = path_at_home(name)
    if str(name) in installed:
        return _meant(str(name), folder, installed[str(name)])
    if folder.is_dir():
        return folder
    if folder.exists():
        raise ModelError(f"{folder} is a file; give the folder that holds model.json")
    if str(name) == OPENAI_GPT:
        from foretext.checkpoints.hub import import_openai_gpt  # loads torch, which not all who ask for a folder need

        return import_openai_gpt(cache_folder() / OPENAI_GPT)
    if str(name) == SMOLLM2:
        from foretext.checkpoints.packaged_model import import_smollm2

        return import_smollm2(cache_folder() / SMOLLM2)
    raise UnknownName("model", str(name), {*installed, *KEPT}, "The folder of a run is a model, too.")


def split_name(name: str) -> tuple[str, str]:
    """The run and the update in `RUN@500`, `RUN@best` or `RUN@last`; any other name, or a folder called so, and ""."""
    found = AT_UPDATE.fullmatch(name)
    return (found[1], found[2]) if found and not path_at_home(name).is_dir() else (name, "")


def find_description(name: str | Path) -> Path:
    """The folder with the tokenizer, and model.json, of the model called `name`, be it a checkpoint: `RUN@500`.

    Raises:
        UnknownName: there is no such model.
        ModelError: it is a file.
    """
    run, at = split_name(str(name))
    folder = find_model(run)
    of_checkpoints = folder / "checkpoints"
    return of_checkpoints if at and (of_checkpoints / "tokenizer.json").is_file() else folder


def described_here(name: str) -> dict[str, Any]:
    """What model.json of the model called `name` has; nothing where no such file is at hand, and nothing is fetched.

    Of `smollm2`, before it is imported, what it will recommend.
    """
    try:
        run, at = split_name(name)
        installed = installed_models()
        folder = path_at_home(run)
        if run == SMOLLM2 and run not in installed and not folder.is_dir():
            return {"recommended": SMOLLM2_RECOMMENDED}
        if run in installed and not any((folder / file).is_file() for file in OF_A_MODEL):
            folder = installed[run]
        beside = folder / "checkpoints" / MODEL_JSON
        found = load_json(beside if at and beside.is_file() else folder / MODEL_JSON)
    except (OSError, ValueError, SettingsError):  # what is wrong is said when the model is loaded
        return {}
    return found if isinstance(found, dict) else {}


def _meant(name: str, folder: Path, installed: Path) -> Path:
    """The one of an installed model and a folder here that `name` stands for; where there are both, it is said."""
    if not folder.is_dir():
        return installed
    if any((folder / file).is_file() for file in OF_A_MODEL):
        log.warning(
            "%s: the folder %s is meant, not the installed model, which is %s", name, folder.resolve(), installed
        )
        return folder
    log.warning("%s: the installed model is meant; there is no model in the folder %s", name, folder.resolve())
    return installed
