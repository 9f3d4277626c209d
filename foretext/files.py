"""Writing to disk so that a file is replaced whole or not at all, and reading back what was written.

Where a file that a person names really is, says `targets.py`; why it cannot be written, says `disk.py`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from foretext.disk import disk_errors as disk_errors  # who writes by other means needs it, too
from foretext.errors import DataError, SettingsError
from foretext.stores import Place
from foretext.targets import file_behind, folder_behind

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"  # the file in a folder that says who is at work there (locks.py)
_BLOCK = 1 << 20
REPEATED = 40  # characters of a name that a temporary one repeats: with more it may be longer than 255 bytes
MOST_JSON = 1 << 28  # bytes; the largest vocabularies that people use take a tenth of it


@contextmanager
def atomic_file(path: Path | str, *, seeks: bool = False) -> Iterator[BinaryIO]:
    """A binary file to write that takes the place of `path` when the block ends well; otherwise `path` stays as it was.

    A link is followed and stays. A pipe, a device or a socket is written to at once; with `seeks` all comes at the end,
    so that the block may go back in what it wrote. A new file has the mode of any new file, one that is replaced keeps
    its mode and, where the system allows it, its owner.

    Raises:
        DiskFull: there is no space left.
        DataError: `path` cannot be written, for one because it is a folder.
    """
    with disk_errors(path):
        behind = file_behind(path)
        if isinstance(behind, Path):
            with _replacing(behind) as file:
                yield file
            return
        with behind:
            if not seeks:
                yield behind
                return
            with tempfile.TemporaryFile() as file:
                yield file
                file.seek(0)
                shutil.copyfileobj(file, behind, _BLOCK)


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    before = path.stat() if path.exists() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, opened = _new_beside(path)
    try:
        with opened as file:
            if before is not None:
                _as_before(file.fileno(), before)
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:
                temporary.replace(path)  # while it is locked
        if fcntl is None:
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _new_beside(path: Path) -> tuple[Path, BinaryIO]:
    """A new hidden file beside `path`, locked: who finds one that nobody holds knows that its process was killed."""
    while True:
        name = _beside(path, lambda name: os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)))
        file = name.open("wb")
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(name.stat(), os.fstat(file.fileno())):
                return name, file
        file.close()  # it was taken for a dead one before it was locked


def _as_before(descriptor: int, before: os.stat_result) -> None:
    """Gives a new file the owner and the mode of the one it replaces, as far as the system allows it."""
    with suppress(PermissionError):
        now = os.fstat(descriptor)
        if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
            os.fchown(descriptor, before.st_uid, before.st_gid)
    with suppress(PermissionError):
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode) & 0o777)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """An empty folder to fill that takes the place of `path` when the block ends well.

    Every file in it is on the disk before the folder gets its name, so whoever sees `path` sees all of it. A link to a
    folder is followed and stays. The folder one is in, and one that is mounted, cannot be replaced: if it is empty,
    what was made is moved into it, in the order in which it was written.

    Raises:
        DiskFull: there is no space left.
        DataError: `path` cannot be written, for one because it is a file.
    """
    with disk_errors(path):
        real = folder_behind(path)
        stays = _must_stay(real)
        if stays and any(real.iterdir()):
            raise DataError(f"{path} is not empty, and cannot be replaced while one is in it; name another folder")
        real.parent.mkdir(parents=True, exist_ok=True)
        temporary = _beside(real / real.name if stays else real, os.mkdir)
        try:
            yield temporary
            _sync_files(temporary)
            if stays:
                _move_into(real, temporary)
            else:
                _take_place(temporary, real)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folder(real if stays else real.parent)


def _beside(path: Path, make: Callable[[str], None], word: str = "") -> Path:
    """A new hidden file or folder beside `path`; `make` leaves it to the system to give it the mode of any new one."""
    while True:
        name = path.parent / f".{path.name[:REPEATED]}.{word}{secrets.token_hex(4)}"
        with suppress(FileExistsError):
            make(str(name))
            return name


def _must_stay(folder: Path) -> bool:
    """Whether a folder is one that cannot get another in its place: it is mounted, or this process works in it."""
    return folder.is_dir() and (folder.is_mount() or folder.samefile("."))


def _move_into(folder: Path, made: Path) -> None:
    for entry in sorted(made.iterdir(), key=lambda entry: entry.stat().st_mtime_ns):
        entry.rename(folder / entry.name)
    made.rmdir()


def _take_place(made: Path, path: Path) -> None:
    if path.exists():
        old = _beside(path, os.mkdir, "old.")
        path.rename(old / path.name)
        made.rename(path)
        shutil.rmtree(old)
    else:
        made.rename(path)


def _sync_files(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())


def make_folder(path: Path) -> Path:
    """The folder that `path` leads to, made with those above it where it is not there yet.

    Raises:
        DataError: it cannot be made, for one because something else is there.
    """
    with disk_errors(path):
        folder = folder_behind(path)
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def refuse_used_folder(path: Path) -> None:
    """Nothing if `path` is not there yet, or is an empty folder.

    Raises:
        SettingsError: something is there that would be lost.
    """
    if path.exists() and (not path.is_dir() or holds_something(path)):
        raise SettingsError(f"{path} is there already and not an empty folder; choose another")


def holds_something(folder: Path) -> bool:
    """Whether there is anything in `folder` but a lock."""
    return any(each.name != LOCK for each in folder.iterdir())


def write_text(path: Path | str, text: str) -> None:
    """`text` as UTF-8 in `path`, whole or not at all."""
    data = text.encode("utf-8")
    with atomic_file(path) as file:
        file.write(data)


def write_json(path: Path | str, value: Any) -> None:
    """`value` as indented JSON in `path`, whole or not at all; NaN and infinities are refused."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def load_json(path: Place) -> Any:
    """What a file of JSON holds.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON in UTF-8, or larger or deeper than any that Foretext writes.
    """
    size = path.stat().st_size
    if size > MOST_JSON:
        raise ValueError(f"it has {size:,} bytes, and JSON of more than {MOST_JSON:,} is not read")
    try:
        return json.loads(path.read_bytes().decode("utf-8"))
    except RecursionError:
        raise ValueError("its brackets are nested too deep") from None


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Makes the names in `folder` durable, where the system allows it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot sync a folder
            raise
    finally:
        os.close(descriptor)
