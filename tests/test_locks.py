"""A folder has one process at a time, and the lock of one that is no more stands in nobody's way."""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from foretext import locks
from foretext.errors import InUse, SettingsError
from foretext.files import LOCK
from foretext.locks import Holder, held

HOLDS = (
    "import sys; from pathlib import Path; from foretext.locks import held\n"
    "with held(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"
)
LONGEST_SECONDS = 60
on_linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="a process is told from others by /proc")


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock of `folder`."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def left(folder: Path, holder: Holder) -> Path:
    """The lock that such a holder has left, with nobody holding it."""
    folder.mkdir(exist_ok=True)
    (folder / LOCK).write_text(json.dumps(asdict(holder)) + "\n")
    return folder / LOCK


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that has no locks: making the file is the claim."""

    def refuses(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuses)


def test_a_folder_in_use_is_refused_and_its_holder_is_named(tmp_path: Path):
    with holder(tmp_path / "run") as process:
        told = rf"run is in use by pid {process.pid} on host \S+ since \d{{4}}-.*; wait"
        with pytest.raises(InUse, match=told), held(tmp_path / "run"):
            pass
        assert (tmp_path / "run" / LOCK).exists()


def test_a_lock_goes_with_its_process(tmp_path: Path):
    with held(tmp_path / "new" / "run"):
        assert (tmp_path / "new" / "run" / LOCK).exists()
    assert list(tmp_path.iterdir()) == []  # the folders were made for it


def test_the_lock_of_a_killed_process_is_taken_over_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    with holder(tmp_path / "run") as process:
        process.kill()
        process.wait(LONGEST_SECONDS)
    caplog.set_level(logging.INFO)
    with held(tmp_path / "run"):
        pass
    assert f"a run of pid {process.pid} that is no more left its lock; taken over" in caplog.text


def test_the_lock_of_another_machine_is_not_taken_over(tmp_path: Path):
    lock = left(tmp_path / "run", replace(Holder.this_process(), host="elsewhere 01234567"))
    told = rf"on host elsewhere .* cannot be seen whether that still runs.* remove {lock}"
    with pytest.raises(InUse, match=told), held(tmp_path / "run"):
        pass
    assert lock.exists()


def test_a_lock_that_names_nobody_is_taken_over(tmp_path: Path):
    for content in ("", "[]", '{"pid": 1}', "\0" * 20):
        (tmp_path / LOCK).write_text(content)
        with held(tmp_path):
            assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()


def test_a_file_where_the_folder_belongs_is_told(tmp_path: Path):
    (tmp_path / "run").write_text("x")
    with pytest.raises(SettingsError, match="run is a file; choose another"), held(tmp_path / "run" / "deeper"):
        pass


@on_linux
@pytest.mark.usefixtures("without_locks")
class TestWithoutLocksOfTheFileSystem:
    def test_a_living_holder_is_believed_however_old_its_file(self, tmp_path: Path):
        lock = left(tmp_path, Holder.this_process())
        for when in (0, time.time() + 1e6):
            os.utime(lock, (when, when))
            with pytest.raises(InUse, match=f"in use by pid {os.getpid()}"), held(tmp_path):
                pass

    @pytest.mark.parametrize("name", ["a pid used again", "no such process", "a zombie"])
    def test_a_holder_that_is_gone_is_not(self, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture):
        with GONE[name]() as gone:
            left(tmp_path, gone)
            with held(tmp_path):
                assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
        assert f"a run of pid {gone.pid} that is no more left its lock" in caplog.text
        assert list(tmp_path.iterdir()) == []

    def test_what_cannot_be_seen_is_believed(self, tmp_path: Path):
        left(tmp_path, replace(Holder.this_process(), processes="pid:[1]", started="1"))
        with pytest.raises(InUse, match="in use by"), held(tmp_path):
            pass

    def test_a_lock_that_names_nobody_is_believed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(locks, "WRITES_ITS_NAME_SECONDS", 0.0)
        (tmp_path / LOCK).write_text("")
        with pytest.raises(InUse, match="has not said who it is"), held(tmp_path):
            pass


@contextmanager
def used_again() -> Iterator[Holder]:
    yield replace(Holder.this_process(), started="1")


@contextmanager
def no_such_process() -> Iterator[Holder]:
    yield replace(Holder.this_process(), pid=2**22 + 1)  # the system gives none above 2**22


@contextmanager
def zombie() -> Iterator[Holder]:
    """A process that has ended, and whose parent has not asked how."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        here = replace(Holder.this_process(), pid=process.pid, started=locks._started(process.pid))
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        yield here


GONE: dict[str, Callable[[], AbstractContextManager[Holder]]] = {
    "a pid used again": used_again,
    "no such process": no_such_process,
    "a zombie": zombie,
}


def test_of_many_that_begin_at_once_one_gets_the_folder(tmp_path: Path):
    begin = [sys.executable, "-c", HOLDS.replace("sys.stdin.read()", "input()"), str(tmp_path / "run")]
    many = [
        subprocess.Popen(begin, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(4)
    ]
    try:
        ended = [process for process in many if process.stdout is not None and not process.stdout.readline()]
        assert len(ended) == 3
    finally:
        for process in many:
            process.communicate("\n", timeout=LONGEST_SECONDS)
