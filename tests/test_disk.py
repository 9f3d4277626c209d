"""What the system says when a file cannot be written becomes one line, with a fitting exit code."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from foretext.checkpoints.tensors import save_tensors
from foretext.disk import disk_errors, system_error
from foretext.errors import DataError, DiskFull, ForetextError
from foretext.files import atomic_file, atomic_folder, write_text

LARGE = 1 << 20  # bytes: more than fits below
SMALL = 1 << 16


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process may be larger than `SMALL`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of `SMALL` bytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={SMALL}", "none", str(place)], capture_output=True, check=False
    )
    if not made or made.returncode or not unmount:
        pytest.skip("a small disk can be mounted here by nobody")
    yield place
    subprocess.run([unmount, str(place)], check=True)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        *((said, 2) for said in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "ENAMETOOLONG", "ENOTDIR", "ENXIO")),
        *((said, 1) for said in ("EIO", "EMFILE", "ESTALE")),
    ],
)
def test_what_the_system_says_is_one_line_that_names_the_file_alone(tmp_path: Path, said: str, code: int) -> None:
    number = getattr(errno, said)

    def fail() -> None:
        with atomic_file(tmp_path / "answers.csv"):
            raise OSError(number, os.strerror(number), str(tmp_path / ".answers.csv.1a2b"))

    with pytest.raises(ForetextError, match=r"/answers\.csv") as caught:
        fail()
    message = str(caught.value)
    assert caught.value.exit_code == code
    assert "1a2b" not in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_the_error_of_a_tensor_file_says_the_same(tmp_path: Path, small_files: None) -> None:
    def write() -> None:
        with atomic_folder(tmp_path / "model") as made:
            save_tensors(made / "model.safetensors", {"x": torch.zeros(LARGE)})

    with pytest.raises(DiskFull, match=r"no space left to write .*/model: files may not be as large here"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_file_larger_than_files_may_be_is_told_and_the_old_one_stays(tmp_path: Path, small_files: None) -> None:
    write_text(tmp_path / "a", "old")
    with pytest.raises(DiskFull, match=r"/a: files may not be as large here \(`ulimit -f`\)"):
        write_text(tmp_path / "a", "x" * LARGE)
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_disk_that_is_full_is_told_and_the_old_file_stays(small_disk: Path) -> None:
    write_text(small_disk / "a", "old")
    with pytest.raises(DiskFull, match="no space left to write .*/a; free some and run the same command again"):
        write_text(small_disk / "a", "x" * LARGE)
    with pytest.raises(DiskFull, match="/b; free some"), atomic_folder(small_disk / "b") as made:
        save_tensors(made / "model.safetensors", {"x": torch.zeros(LARGE)})
    assert (small_disk / "a").read_text() == "old"
    assert [path.name for path in small_disk.iterdir()] == ["a"]


def test_an_empty_disk_that_is_mounted_can_be_filled(small_disk: Path) -> None:
    with atomic_folder(small_disk) as made:
        (made / "a").write_text("1")
    assert [path.name for path in small_disk.iterdir()] == ["a"]


def test_a_device_that_is_always_full_is_told_and_stays() -> None:
    full = Path("/dev/full")
    if not full.is_char_device():
        pytest.skip("there is no /dev/full here")
    with pytest.raises(DiskFull, match="no space left to write /dev/full"):
        write_text(full, "x")
    assert full.is_char_device()


def test_a_path_below_a_file_and_a_name_too_long_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="a part of the path is a file"):
        write_text(tmp_path / "file" / "below", "x")
    with pytest.raises(DataError, match="choose a shorter name"):
        write_text(tmp_path / ("x" * 300), "x")
    write_text(tmp_path / ("é" * 127), "the longest name there can be")


def test_an_error_about_another_file_is_not_laid_on_the_one_being_written(tmp_path: Path) -> None:
    other = tmp_path / "else" / "where"
    (tmp_path / "here").mkdir()
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path / "here" / "file"):
        other.open()


def test_a_closed_pipe_is_left_to_whoever_knows_it(tmp_path: Path) -> None:
    with pytest.raises(BrokenPipeError), disk_errors(tmp_path / "file"):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
    assert system_error(BrokenPipeError(errno.EPIPE, "Broken pipe")) is None


def test_no_error_of_the_system_is_called_a_bug() -> None:
    program = (
        "import sys; from unittest import mock; from foretext import cli\n"
        "with mock.patch.object(cli, '_dispatch', side_effect=OSError(int(sys.argv[1]), 'reason')):\n"
        "    sys.exit(cli.main([]))"
    )
    for number, code in ((errno.EIO, 1), (errno.EDQUOT, 2), (errno.ENOTCONN, 2)):
        done = subprocess.run([sys.executable, "-c", program, str(number)], capture_output=True, text=True, check=False)
        assert (done.returncode, "bug" in done.stderr, done.stderr.count("\n")) == (code, False, 1)
