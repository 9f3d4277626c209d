"""TOML files: read with clear errors, written with a comment behind each value."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from foretext.errors import SettingsError


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        SettingsError: the file cannot be read or is not TOML; the message has line and column.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the settings file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error
    except RecursionError:
        raise SettingsError(f"{path} cannot be read: its brackets are nested too deep") from None


def write_toml(tree: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    """A tree of strings, numbers, truth values, lists and tables as TOML.

    `comments` says for a value (`model.layers`) what to write behind it. TOML has no word for None: where there is a
    comment it says that the value is not set, else nothing does.
    """
    return "\n".join(_lines(tree, "", comments)).strip() + "\n"


def _lines(tree: Mapping[str, Any], prefix: str, comments: Mapping[str, str]) -> Iterator[str]:
    tables = {key: value for key, value in tree.items() if isinstance(value, dict)}
    for key, value in tree.items():
        comment = comments.get(prefix + key)
        if value is None and comment:
            yield f"# {key} is not set  # {comment}"
        elif key not in tables and value is not None:
            yield f"{key} = {_written(value)}" + (f"  # {comment}" if comment else "")
    for key, table in tables.items():
        yield from ("", f"[{prefix}{key}]")
        yield from _lines(table, f"{prefix}{key}.", comments)


def _written(value: Any) -> str:
    """One value: as in JSON, but for floats, where TOML knows infinity and not-a-number."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
