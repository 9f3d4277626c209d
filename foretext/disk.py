"""What the system says when a file cannot be written, as one line for the person who named the file."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foretext.errors import DataError, DiskFull, ForetextError, UsageError

_AGAIN = "and run the same command again"
_NO_SPACE = {
    errno.ENOSPC: f"no space left to write {{}}; free some {_AGAIN}",
    errno.EDQUOT: f"no space left to write {{}}: your quota is used up; free some {_AGAIN}",
    errno.EFBIG: f"no space left to write {{}}: files may not be as large here (`ulimit -f`); raise that {_AGAIN}",
}
# What the disk, or the system, is to blame for, not the name that was given.
_OF_THE_MACHINE = {
    errno.EIO: f"the disk, or the way to it, does not work; mend it {_AGAIN}",
    errno.ESTALE: f"the network drive it lies on has lost it; mount that anew {_AGAIN}",
    errno.ETIMEDOUT: f"the network drive it lies on does not answer; {_AGAIN.removeprefix('and ')}",
    errno.EMFILE: f"this process has too many files open (`ulimit -n`); raise that {_AGAIN}",
    errno.ENFILE: f"this machine has too many files open; close some programs {_AGAIN}",
    errno.ENOMEM: f"memory has run out; close some programs {_AGAIN}",
    errno.EBADF: "it is closed",
}
_ADVICE = {
    errno.EACCES: "name another place, or ask for the right to write there",
    errno.EPERM: "name another place, or ask for the right to write there",
    errno.EROFS: "name another place",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENOTDIR: "a part of the path is a file, not a folder; name another place",
    errno.EEXIST: "something else has that name already; name another place",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "the link leads back to itself; name another place",
    errno.EBUSY: "it is in use by the system, as a mounted file is; name another place",
}


@contextmanager
def disk_errors(target: Path | str) -> Iterator[None]:
    """Turns what the system says of writing `target` into one clear line; errors that name other files pass.

    Raises:
        DiskFull: there is no space left, a quota is used up, or files may not be as large.
        DataError: `target` cannot be written where it is.
        ForetextError: the disk or the system failed.
    """
    try:
        yield
    except OSError as error:
        ours = disk_error(error, target)
        if ours is None or not _is_of(error, Path(target)):
            raise
        raise ours from error


def disk_error(error: OSError, target: Path | str) -> ForetextError | None:
    """`error` as one of ours that names `target`; None for a closed pipe, and for what the system did not say."""
    number = error.errno
    if number is None or isinstance(error, BrokenPipeError):
        return None
    if number in _NO_SPACE:
        return DiskFull(_NO_SPACE[number].format(target))
    reason = error.strerror or os.strerror(number)
    if number in _OF_THE_MACHINE:
        return ForetextError(f"{target} cannot be written: {reason}: {_OF_THE_MACHINE[number]}")
    advice = f"; {_ADVICE[number]}" if number in _ADVICE else ""
    return DataError(f"{target} cannot be written: {reason}{advice}")


def system_error(error: OSError) -> ForetextError | None:
    """`error`, of which it is not known whether a file was read or written, as one of ours; None where it is no error
    of the system's."""
    named = error.filename or "a file"
    if error.errno is None or isinstance(error, BrokenPipeError):
        return None
    if error.filename is None or error.errno in _NO_SPACE or error.errno in _OF_THE_MACHINE:
        return disk_error(error, named)
    return UsageError(f"cannot use {named}: {error.strerror}")


def _is_of(error: OSError, target: Path) -> bool:
    """Whether an error may be about `target`: it names no file, or one in the folder of `target`, or a folder above."""
    if not isinstance(error.filename, str | os.PathLike):
        return True
    named = {os.path.abspath(error.filename), os.path.realpath(error.filename)}
    folders = {
        os.path.abspath(target.parent),
        os.path.realpath(target.parent),
        os.path.dirname(os.path.realpath(target)),
    }
    return any(os.path.commonpath([name, folder]) in (name, folder) for name in named for folder in folders)
