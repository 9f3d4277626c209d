"""What of a person's folder Foretext may replace: a model that it wrote, and a page that nobody changed since."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foretext.errors import SettingsError
from foretext.files import load_json, write_text

PAGE, PAGE_BESIDE = "README.md", "README.foretext.md"
_MARK = "\n<!-- written by foretext, {} -->\n"
_MARKED = re.compile(r"(.*)\n<!-- written by foretext, ([0-9a-f]{16}) -->\n", re.DOTALL)
_DIGITS = 16  # of the hash of a page, in its mark

log = logging.getLogger(__name__)


def refuse_foreign_files(folder: Path, formats: Mapping[str, Any], binary: str) -> None:
    """Nothing if files can be written into `folder` without replacing one that is not Foretext's.

    `formats` has for each file of JSON what ours say under "format"; the file `binary` is known by these.

    Raises:
        SettingsError: one would be replaced; it is named.
    """
    ours = {name: _holds(folder / name, format) for name, format in formats.items()}
    for name, known in {**ours, binary: any(ours.values())}.items():
        if not known and (folder / name).exists():
            raise SettingsError(
                f"{folder / name} is not from Foretext and would be replaced; choose another folder, or move it away"
            )


def refuse_foreign_pages(folder: Path) -> None:
    """Nothing if there is room for a page in `folder`.

    Raises:
        SettingsError: both names for it are taken by pages of somebody else.
    """
    if not _is_ours(folder / PAGE) and not _is_ours(folder / PAGE_BESIDE):
        raise SettingsError(
            f"{folder / PAGE} and {folder / PAGE_BESIDE} are your own and stay; move one away, or choose another folder"
        )


def write_page(folder: Path, text: str) -> Path:
    """Where the page `text` is now: README.md, or a file beside it, which is said, where that is somebody's own."""
    own = _is_ours(folder / PAGE)
    path = folder / (PAGE if own else PAGE_BESIDE)
    if not own:
        log.warning("%s is your own, or was changed since, and stays; the page of the model is %s", folder / PAGE, path)
    write_text(path, text + _MARK.format(_digest(text)))
    return path


def _is_ours(page: Path) -> bool:
    """Whether a page may be written at `page`: none is there, or one of ours that nobody changed since."""
    if not page.exists():
        return True
    try:
        found = _MARKED.fullmatch(page.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return found is not None and found[2] == _digest(found[1])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _holds(path: Path, format: Any) -> bool:
    """Whether a file is JSON that says it is of that format of ours."""
    try:
        value = load_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(value, dict) and value.get("format") == format
