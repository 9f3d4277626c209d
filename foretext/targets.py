"""Where a file that a person names really is: links are followed, and what is no plain file is written to as it is."""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from pathlib import Path
from typing import BinaryIO, cast

from foretext.errors import DataError

_LINKS = 40  # as many as Linux follows


def file_behind(path: Path | str) -> Path | BinaryIO:
    """The plain file that `path` leads to, which need not be there yet; or the pipe or device there, open to write.

    Raises:
        DataError: it is a folder or a disk.
        OSError: it cannot be looked at or opened; a link leads back to itself.
    """
    if str(path).endswith(os.sep):
        raise DataError(f"{path} is a folder; name a file")
    place = Path(path)
    for _ in range(_LINKS):
        folder = Path(os.path.realpath(place.parent))
        if place.name.isdigit() and str(folder) in ("/dev/fd", f"/proc/{os.getpid()}/fd"):
            return _open_already(int(place.name))
        place = folder / place.name if place.name != ".." else Path(os.path.realpath(place))
        if not place.is_symlink():
            return _plain_or_open(place, path)
        place = folder / os.readlink(place)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def folder_behind(path: Path) -> Path:
    """The folder that `path` leads to, which need not be there yet.

    Raises:
        DataError: something else is there.
        OSError: it cannot be looked at; a link leads back to itself.
    """
    real = Path(os.path.realpath(path))
    mode = _mode(real)
    if mode is not None and not stat.S_ISDIR(mode):
        raise DataError(f"{path} is a file; name a folder")
    return real


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _plain_or_open(place: Path, named: Path | str) -> Path | BinaryIO:
    mode = _mode(place)
    if mode is None or stat.S_ISREG(mode):
        return place
    if stat.S_ISDIR(mode):
        raise DataError(f"{named} is a folder; name a file")
    if stat.S_ISBLK(mode):
        raise DataError(f"{named} is a disk, and all on it would be lost; name a file")
    if stat.S_ISSOCK(mode):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(place))
            return cast(BinaryIO, connection.makefile("wb"))
    return cast(BinaryIO, open(os.open(place, os.O_WRONLY | os.O_NOCTTY), "wb"))


def _open_already(number: int) -> BinaryIO:
    """A file that this process was started with, or has opened, as /dev/stdout is: written on from where it stands."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    return cast(BinaryIO, open(os.dup(number), "wb"))
