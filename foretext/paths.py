"""Paths as people give them: as text or as a `Path`, with `~` or `~user` for a home folder at the beginning."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath
from typing import Annotated, Any, get_args

from foretext.errors import SettingsError


class NamesPath:
    """Marks the type of a text that may be a path."""


NameOrPath = Annotated[str, NamesPath]  # the name of a model or a task, or a path; "-" for standard input


def holds_paths(kind: Any, paths: tuple[Any, ...] = (Path, NamesPath)) -> bool:
    """Whether a value of that type may be a path or hold some: `Path`, `NameOrPath`, a list or an option of them."""
    return kind in paths or any(holds_paths(each, paths) for each in get_args(kind))


_SCHEME = "[a-z][a-z0-9+.-]+"  # two letters at least: one may be a drive of Windows
_URL = re.compile(f"({_SCHEME}::)*{_SCHEME}://")


def is_url(text: str) -> bool:
    """Whether a text names a place in an object store: `s3://bucket/corpus`."""
    return _URL.match(text) is not None


def as_text(value: Any, *, home: bool) -> Any:
    """`value` with each path in it as text, and with `home` the home folder in place of `~`; other values as they are.

    Raises:
        SettingsError: there is no such home folder.
    """
    if isinstance(value, list | tuple):
        return [as_text(item, home=home) for item in value]
    text = str(value) if isinstance(value, PurePath) else value
    return at_home(text) if home and isinstance(text, str) else text


def path_at_home(path: str | PurePath) -> Path:
    """`path` with the folder that `~` or `~user` at its beginning stands for, as a `Path`.

    Raises:
        SettingsError: there is no such home folder.
    """
    return Path(at_home(str(path)))


def at_home(path: str) -> str:
    """`path` with the folder that `~` or `~user` at its beginning stands for.

    Raises:
        SettingsError: there is no such home folder, the path is empty, as that of a variable that was not set, or no
            file can be called so.
    """
    if not path:
        raise SettingsError("an empty path names nothing; give . for the folder one is in")
    if "\0" in path or not _can_be_written(path):
        raise SettingsError(f"no file can be called {path[:60]!a}; give the name of one")
    whole = os.path.expanduser(path)
    if whole.startswith("~"):
        user = path[1:].split("/")[0]
        missing = f"there is no user {user!r} on this machine" if user else "your home folder is not known"
        raise SettingsError(f"{missing}; for a file whose own name begins with ~ give its whole path")
    return whole


def _can_be_written(path: str) -> bool:
    """Whether the system has bytes for it: half a surrogate pair has none."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True
