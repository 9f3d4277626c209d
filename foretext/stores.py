"""Folders and files in object stores: what a URL such as s3://bucket/corpus names, by way of fsspec.

Of a file so much is read as is asked for, so neither memory nor what goes over the network depends on its size. Keys,
addresses and the like are those that the package of the store finds by itself, in its variables and files.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from foretext.errors import DataError, SettingsError, Unreachable
from foretext.paths import is_url, path_at_home

BLOCK = 1 << 23  # bytes at a time of what is read from end to end: a request takes its time, however small


class Size(NamedTuple):
    """Of what the system says of a file, what a store says too."""

    st_size: int


@dataclass(frozen=True)
class Stored:
    """A folder or file of an object store; what it has of a `Path`'s methods does what it does there.

    They raise an `OSError` with words of its own, whatever the package of the store raises.
    """

    url: str

    def __truediv__(self, name: str) -> Stored:
        return Stored(f"{self.url.rstrip('/')}/{name}")

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The last part."""
        return self.url.rstrip("/").rpartition("/")[2]

    @property
    def parent(self) -> Stored:
        """What it lies in."""
        return Stored(self.url.rstrip("/").rpartition("/")[0])

    def with_name(self, name: str) -> Stored:
        """Another file beside it."""
        return self.parent / name

    def stat(self) -> Size:
        """How large it is."""
        return Size(sizes([self])[0])

    def exists(self) -> bool:
        """Whether there is such a file, or something below it."""
        with _plainly(self):
            return bool(_system(self)[0].exists(_system(self)[1]))

    def read_bytes(self) -> bytes:
        """All that the file holds."""
        with _plainly(self):
            return bytes(_system(self)[0].cat_file(_system(self)[1]))

    def read_text(self, encoding: str) -> str:
        """The same as text."""
        return self.read_bytes().decode(encoding)

    def blocks(self) -> Iterator[bytes]:
        """All that the file holds, a part at a time."""
        size = self.stat().st_size
        for start in range(0, size, BLOCK):
            yield from ranges([(self, start, min(start + BLOCK, size))])


Place = Path | Stored


def place_at(given: str | PurePath | Stored) -> Place:
    """What a person names: a path on this machine, or a folder of an object store by its URL.

    Raises:
        SettingsError: no package for such URLs is installed, it has a password in it, or there is no such home folder.
    """
    if isinstance(given, Stored):
        return given
    if not is_url(str(given)):
        return path_at_home(given)
    place = Stored(str(given))
    if "::" in place.url:
        raise SettingsError(f"{place} is a chain of stores; give the URL of one")
    if urlsplit(place.url).password:
        raise SettingsError(
            "a URL with a password in it would be kept in the run's record; give the password as the package of the "
            "store wants it, in a variable of the environment or a file"
        )
    _system(place)
    return place


def sizes(files: Sequence[Stored]) -> list[int]:
    """The size of each of these files of one store in bytes, asked for together.

    Raises:
        OSError: one is not there, or the store cannot be reached.
    """
    if not files:
        return []
    with _plainly(files[0].parent):
        found = _system(files[0])[0].sizes([_system(file)[1] for file in files])
    for file, size in zip(files, found, strict=True):
        if size is None:
            raise OSError(errno.EIO, "the store does not say how large it is", file.url)
    return [int(size) for size in found]


def ranges(wanted: Sequence[tuple[Stored, int, int]]) -> list[bytes]:
    """The bytes of each range (file, start, stop) of one store, asked for together.

    Raises:
        OSError: a file is not there or ends before, or the store cannot be reached.
    """
    if not wanted:
        return []
    system = _system(wanted[0][0])[0]
    paths = [_system(file)[1] for file, _, _ in wanted]
    starts, stops = ([one[part] for one in wanted] for part in (1, 2))
    with _plainly(wanted[0][0].parent):
        found = system.cat_ranges(paths, starts, stops, on_error="raise")
    for (file, start, stop), part in zip(wanted, found, strict=True):
        if len(part) != stop - start:
            what = f"{len(part):,} bytes came instead of the {stop - start:,} from {start:,} on"
            raise OSError(errno.EIO, what, file.url)
    return [bytes(part) for part in found]


def put(file: Path, to: Stored) -> None:
    """Copies a file of this machine into a store.

    Raises:
        OSError: it cannot be written there.
    """
    system, path = _system(to)
    with _plainly(to):
        if hasattr(system, "auto_mkdir"):  # a file system of folders, not of keys alone
            system.auto_mkdir = True
        system.put_file(str(file), path)


@contextmanager
def told() -> Iterator[None]:
    """Has a failure to read from a store in the block, or to write there, be told as an error of ours.

    Raises:
        DataError: something is not there, or may not be read or written.
        Unreachable: the store cannot be reached, or fails.
    """
    try:
        yield
    except (FileNotFoundError, PermissionError) as error:
        raise DataError(f"{error.filename}: {error.strerror}") from error
    except OSError as error:
        raise Unreachable(f"{error.filename}: {error.strerror}") from error


@contextmanager
def _plainly(place: Stored) -> Iterator[None]:
    """Has whatever a store's package raises in the block be an `OSError` with words."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, f"there is no such file ({_words(error)})", place.url) from error
    except PermissionError as error:
        raise PermissionError(errno.EACCES, f"access is denied ({_words(error)})", place.url) from error
    except Exception as error:
        raise OSError(errno.EIO, f"the store fails ({_words(error)})", place.url) from error


def _words(error: Exception) -> str:
    """What an error says, on one line, or what it is called."""
    return " ".join(str(error).split()) or type(error).__name__


def _system(place: Stored) -> tuple[Any, str]:
    """The store of fsspec in which a place is, and what it is called there.

    Raises:
        SettingsError: there is none for such URLs, or its package is not installed.
    """
    from fsspec.core import url_to_fs
    from fsspec.registry import known_implementations, registry

    scheme = place.url.partition("://")[0]
    if scheme not in registry and scheme not in known_implementations:
        raise SettingsError(f"{place} is of no store that fsspec knows; s3://, gs:// and abfs:// are, among others")
    try:
        system, path = url_to_fs(place.url)
    except ImportError as error:
        root = str(known_implementations[scheme]["class"]).partition(".")[0]
        remedy = "" if root == "fsspec" else f": pip install {root}"
        raise SettingsError(f"{place} takes a package that is not installed here ({error}){remedy}") from error
    except ValueError as error:
        raise SettingsError(f"{place} is no place that fsspec can open: {error}") from error
    return system, path
