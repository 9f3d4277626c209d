"""Where a file that a person names really is: links are followed, pipes and devices are written to, never replaced."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from foretext.errors import DataError
from foretext.files import atomic_file, atomic_folder, make_folder, write_text

WRITES = "import sys; from foretext.files import write_text; write_text(sys.argv[1], 'answers')"


def test_a_link_stays_and_the_file_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "file").write_text("old")
    (tmp_path / "middle").symlink_to("far/file")
    (tmp_path / "near").symlink_to(tmp_path / "middle")
    write_text(tmp_path / "near", "new")
    assert os.readlink(tmp_path / "middle") == "far/file"
    assert (tmp_path / "far" / "file").read_text() == "new"
    assert [path.name for path in (tmp_path / "far").iterdir()] == ["file"]


def test_the_file_that_a_link_promises_is_made(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("not/there")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "not" / "there").read_text() == "new"


def test_a_link_that_leads_back_to_itself_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(DataError, match=r"/a cannot be written: .*the link leads back to itself"):
        write_text(tmp_path / "a", "x")
    with pytest.raises(DataError, match="cannot be written"):
        make_folder(tmp_path / "a")


def reading(pipe: Path, found: list[str]) -> threading.Thread:
    """A thread that reads a pipe; Python does not wait for it where nobody writes."""
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()), daemon=True)
    reader.start()
    return reader


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        found: list[str] = []
        reader = reading(tmp_path / "pipe", found)
        write_text(tmp_path / name, "through")
        reader.join(100)
        assert found == ["through"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_what_goes_back_in_what_it_wrote_arrives_in_order_through_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found: list[str] = []
    reader = reading(tmp_path / "pipe", found)
    with atomic_file(tmp_path / "pipe", seeks=True) as file:
        file.write(b"?bc")
        file.seek(0)
        file.write(b"a")
    reader.join(100)
    assert found == ["abc"]


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    device = tmp_path / "null"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        device.open("wb").close()
    except OSError:
        pytest.skip("devices can be made here by nobody, or cannot be opened")
    write_text(device, "nowhere")
    assert stat.S_ISCHR(device.stat().st_mode)


def test_a_socket_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket may be of some hundred characters only
    path = Path("s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        write_text(path, "through")
        with listening.accept()[0] as received:
            assert received.recv(100) == b"through"
    assert stat.S_ISSOCK(path.stat().st_mode)


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_the_files_that_a_process_was_started_with_are_written_on(tmp_path: Path, name: str) -> None:
    if not Path(name).exists():
        pytest.skip(f"there is no {name} here")
    for number in (1, 2):
        with (tmp_path / "out").open("ab") as out:
            subprocess.run([sys.executable, "-c", WRITES, name], stdout=out, check=True)
        assert (tmp_path / "out").read_text() == "answers" * number
    piped = subprocess.run([sys.executable, "-c", WRITES, name], capture_output=True, text=True, check=True)
    assert piped.stdout == "answers"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("given", ["folder", "folder/", "link", "new/"])
def test_a_folder_where_a_file_belongs_is_told_and_nothing_is_left(tmp_path: Path, given: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    with pytest.raises(DataError, match=f"/{given} is a folder; name a file"):
        write_text(f"{tmp_path}/{given}", "x")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "link"]


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("far")
    (tmp_path / "promise").symlink_to("not/there")
    for name in ("link", "promise"):
        for content in ("1", "2"):
            with atomic_folder(tmp_path / name) as made:
                (made / "a").write_text(content)
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / name / "a").read_text() == "2"
    assert make_folder(tmp_path / "link" / "deeper") == tmp_path / "far" / "deeper"


def test_a_file_where_a_folder_belongs_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="/file is a file; name a folder"), atomic_folder(tmp_path / "file"):
        pass
    assert (tmp_path / "file").read_text() == "x"


def test_the_folder_one_is_in_gets_what_was_made_and_stays_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino
    with atomic_folder(Path()) as made:
        (made / "b").write_text("1")
        (made / "a").mkdir()
    assert tmp_path.stat().st_ino == before
    assert sorted(os.listdir()) == ["a", "b"]
    with pytest.raises(DataError, match="not empty, and cannot be replaced"), atomic_folder(Path()):
        pass
