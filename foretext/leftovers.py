"""What processes that were killed left half-written: the temporary files and folders of `files.py`, and no others."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path

from foretext.files import REPEATED

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# As files.py makes them: .NAME.k3j2h1g0 while NAME is made, .NAME.old.k3j2h1g0 while it is replaced.
TEMPORARY = re.compile(r"\.(?P<name>.+?)(?P<old>\.old)?\.[a-z0-9_]{8}")

log = logging.getLogger(__name__)


def remove_leftovers(folder: Path, names: Iterable[str], *, holding: Iterable[str] | None = None) -> None:
    """Removes what was being written to `folder` under these names when its process was killed, and says how much.

    `names` may hold `*` and `?`. What was about to be replaced is put back if nothing took its place. With `holding`,
    only folders with nothing else in them: for where other people's files lie, too. Only for who holds the lock of
    what is written there: what another process is writing looks the same.
    """
    found, names = list[Path](), tuple(names)
    known = None if holding is None else set(holding)
    for path in sorted(folder.glob(".*")) if folder.is_dir() else ():
        match = TEMPORARY.fullmatch(path.name)
        if match and any(fnmatchcase(match["name"], name) for name in names) and _is_ours(path, known):
            if match["old"]:
                _put_back(path, match["name"])
            found.append(path)
    if found:
        size = sum(map(_bytes, found))
        for path in found:
            _remove(path)
        named = ", ".join(path.name for path in found)
        log.info("removed from %s what a killed run left half-written, %s: %s", folder, _readable(size), named)


def remove_dead(target: Path | str) -> None:
    """Removes what killed processes were writing to the file `target`, and says how much.

    A file that is being written is locked (files.py), so others may be at work there.
    """
    path = Path(os.path.realpath(target))
    if fcntl is None or not path.parent.is_dir():
        return
    for each in path.parent.glob(f".{escape(path.name[:REPEATED])}.????????"):
        if not TEMPORARY.fullmatch(each.name) or not each.is_file():
            continue
        with suppress(OSError), each.open("rb") as file:  # it is being written, or has just gone
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = os.fstat(file.fileno()).st_size
            each.unlink()
            log.info("removed %s, which a killed run left half-written, %s", each, _readable(size))


def _is_ours(path: Path, known: set[str] | None) -> bool:
    """Whether nothing lies in the folder but what is `known`, half-written or whole; with None, of any path."""
    if known is None:
        return True
    inside = [each.name for each in path.iterdir()] if path.is_dir() else [""]
    return all(_final(name) in known for name in inside)


def _final(name: str) -> str:
    """The name that a file is to get."""
    match = TEMPORARY.fullmatch(name)
    return match["name"] if match else name


def _put_back(folder: Path, name: str) -> None:
    """Gives back its place to what lies in `folder` under that name, if nothing has it."""
    kept, place = folder / name, folder.parent / name
    if kept.exists() and not place.exists():
        kept.rename(place)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files)


def _readable(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size:,} bytes"
