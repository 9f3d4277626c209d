"""One process a folder: a lock that ends with its process, however that ends, and that says who holds it.

The system holds the lock (flock) on the file `.lock` in the folder, which names its holder. So what a killed process
left is known: nobody holds it. On a file system without such locks, making the file is the claim, and it stands until
its holder is seen to be gone.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from foretext.errors import InUse, SettingsError
from foretext.files import LOCK, disk_errors

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

WRITES_ITS_NAME_SECONDS = 1.0  # between claiming a lock and naming oneself a holder needs less by far
STATE, STARTED = 0, 19  # fields of /proc/PID/stat, counted behind the command's name; proc(5) calls them 3 and 22
NO_LOCKS_HERE = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}  # of a file system that has none

log = logging.getLogger(__name__)
_held: set[int] = set()  # descriptors of the locks of this process


@dataclass(frozen=True)
class Holder:
    """Who holds a lock."""

    pid: int
    started: str  # when, in ticks since the machine was: a pid is used again
    processes: str  # which of the machine's pids it may be known by, as containers have their own
    host: str  # its name, and a mark that it has until it is started again
    since: str
    command: str

    @classmethod
    def this_process(cls) -> Holder:
        """This process, from now on."""
        return cls(
            pid=os.getpid(),
            started=_started(os.getpid()),
            processes=_link("/proc/self/ns/pid"),
            host=f"{socket.gethostname()} {_text('/proc/sys/kernel/random/boot_id')[:8]}".strip(),
            since=time.strftime("%Y-%m-%d %H:%M:%S"),
            command=" ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200],
        )

    def is_on(self, other: Holder) -> bool:
        """Whether both are on one machine, by its name or by its mark: containers have names of their own."""
        return bool(set(self.host.split()) & set(other.host.split()))

    def is_gone(self, here: Holder) -> bool:
        """Whether it is proved that there is no such process any more."""
        return (self.host, self.processes) == (here.host, here.processes) and _started(self.pid) != self.started

    @property
    def host_name(self) -> str:
        """The name of the host alone."""
        return self.host.partition(" ")[0]

    def __str__(self) -> str:
        return f"pid {self.pid} on host {self.host_name} since {self.since} ({self.command})"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keeps others out of `folder` for as long as the block lasts; makes the folder, which goes again if left empty.

    Raises:
        InUse: another process is at work there, or one may be that cannot be seen from here.
        SettingsError: there is no such folder, and none can be made.
    """
    made = _make(folder)
    try:
        with disk_errors(folder):
            descriptor = _claim(folder / LOCK)
        try:
            yield
        finally:
            _release(folder / LOCK, descriptor)
    finally:
        for each in made:
            with suppress(OSError):  # something is in it
                each.rmdir()


def _make(folder: Path) -> list[Path]:
    """Makes `folder` and what it lies in; which of these were not there, the deepest first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    file = next((each for each in (folder, *folder.parents) if each.exists() and not each.is_dir()), None)
    if file is not None:
        raise SettingsError(f"{folder} cannot be a folder: {file} is a file; choose another")
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return missing


def _claim(lock: Path) -> int:
    """The descriptor of the lock, which this process holds from now on."""
    while True:
        descriptor, is_new = _opened(lock)
        try:
            if _claimed(lock, descriptor, is_new):
                _write(descriptor)
                _held.add(descriptor)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _opened(lock: Path) -> tuple[int, bool]:
    """A descriptor of the file, and whether it was made."""
    try:
        return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), True
    except FileExistsError:
        return os.open(lock, os.O_RDWR | os.O_CREAT, 0o666), False


def _claimed(lock: Path, descriptor: int, is_new: bool) -> bool:
    """Whether the lock is this process's now; where not, it is worth another try.

    Raises:
        InUse: it is another's.
    """
    locked, here = _flock(descriptor), Holder.this_process()
    if locked is None and is_new:
        return True
    there = _holder(lock, patient=not locked)
    if locked is False or (locked is None and (there is None or not there.is_gone(here))):
        raise InUse(_refusal(lock, there))
    if locked is None:
        _set_aside(lock, there)
        return False
    if not _is_same(lock, descriptor):
        return False
    if there is not None and not there.is_on(here):
        raise InUse(_unseen(lock, there, here))
    if there is not None:
        log.warning("%s: a run of pid %d that is no more left its lock; taken over", lock.parent, there.pid)
    return True


def _flock(descriptor: int) -> bool | None:
    """Whether the system gave the lock; None where it has no such locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in NO_LOCKS_HERE:
            return None
        raise
    return True


def _holder(lock: Path, *, patient: bool) -> Holder | None:
    """Who holds the lock, by what is written there; with `patient`, waited for as long as writing it may take."""
    end = time.monotonic() + WRITES_ITS_NAME_SECONDS * patient
    while True:
        try:
            return Holder(**json.loads(_text(str(lock))))
        except (ValueError, TypeError):
            if time.monotonic() >= end:
                return None
        time.sleep(0.02)


def _set_aside(lock: Path, gone: Holder | None) -> None:
    """Removes the lock of one who is gone, and no other's that took its place meanwhile."""
    aside = lock.with_name(f"{LOCK}.{os.getpid()}")
    with suppress(FileNotFoundError):
        lock.rename(aside)
        there = _holder(aside, patient=False)
        if there != gone:
            with suppress(OSError):
                os.link(aside, lock)
        elif gone is not None:
            log.warning("%s: a run of pid %d that is no more left its lock; taken over", lock.parent, gone.pid)
        aside.unlink()


def _write(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, (json.dumps(asdict(Holder.this_process())) + "\n").encode())
    os.fsync(descriptor)


def _release(lock: Path, descriptor: int) -> None:
    """Gives the lock back; in a process that was forked meanwhile, nothing: it is its parent's."""
    if descriptor in _held:
        _held.remove(descriptor)
        if _is_same(lock, descriptor):
            lock.unlink()
        os.close(descriptor)


def _is_same(lock: Path, descriptor: int) -> bool:
    """Whether the open file is the one that has the name now."""
    try:
        return os.path.samestat(lock.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _refusal(lock: Path, there: Holder | None) -> str:
    who = there or f"another process, which has not said who it is ({lock})"
    return f"{lock.parent} is in use by {who}; wait until that has ended, or choose another folder"


def _unseen(lock: Path, there: Holder, here: Holder) -> str:
    return (
        f"{lock.parent} is in use by {there}, and from {here.host_name} it cannot be seen whether that still "
        f"runs; if it does not, remove {lock} and run this again"
    )


def _started(pid: int) -> str:
    """When that process was started, in ticks since the machine was; nothing if there is none or it is not told.

    One that has ended is none, though it is listed (a zombie) for as long as its parent does not ask how it ended.
    """
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[STARTED] if len(fields) > STARTED and fields[STATE] not in "ZX" else ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def _forget() -> None:
    """A forked process holds no lock of its parent's, which would outlive that."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
