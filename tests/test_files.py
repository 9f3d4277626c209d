"""Files: replaced whole or not at all, and a full disk is told in one line."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from foretext.errors import DataError, DiskFull
from foretext.files import MOST_JSON, atomic_file, atomic_folder, load_json, sha256, write_json, write_text


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_written_file_has_the_new_content_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "a.txt"
    write_text(path, "old")
    write_text(path, "new é")
    assert path.read_text(encoding="utf-8") == "new é"
    assert list(path.parent.iterdir()) == [path]


def test_a_written_file_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write_text(tmp_path / "a", "x")
        with atomic_folder(tmp_path / "b"):
            pass
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o750


def test_an_error_while_writing_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def stop_half_way() -> None:
        with atomic_file(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_told_and_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    monkeypatch.setattr(*((os, "fsync") if call == "fsync" else (Path, "replace")), full_disk)
    with pytest.raises(DiskFull, match=r"no space left to write .*a\.txt; free some and run the same command again"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_while_a_folder_is_filled_keeps_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with atomic_folder(path) as folder:
        (folder / "a").write_text("old")

    def fill_half() -> None:
        with atomic_folder(path) as folder:
            (folder / "a").write_text("half")
            full_disk()

    with pytest.raises(DiskFull, match="folder"):
        fill_half()
    assert (path / "a").read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with atomic_folder(path) as folder:
        (folder / "old").write_text("1")
    with atomic_folder(path) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "new").write_text("2")
    assert [file.name for file in path.rglob("*")] == ["deep", "new"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_may_not_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(DataError, match=r"a\.txt cannot be written: Permission denied"):
        write_text(tmp_path / "a.txt", "x")


def test_json_is_utf8_and_refuses_what_json_has_not(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": "é"})
    assert (tmp_path / "a.json").read_bytes() == '{\n  "a": "é"\n}\n'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "b.json", float("nan"))
    assert not (tmp_path / "b.json").exists()


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    content = b"x" * ((1 << 20) + 5)
    (tmp_path / "a").write_bytes(content)
    assert sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_a_replaced_file_keeps_its_mode_and_its_owner(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "old")
    (tmp_path / "a").chmod(0o604)
    with suppress(OSError):  # who is not root, or root of a few users alone, cannot
        os.chown(tmp_path / "a", 4321, 1234)
    before = (tmp_path / "a").stat()
    write_text(tmp_path / "a", "new")
    after = (tmp_path / "a").stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "{", '{"a": "\udcff"}'], ids=["lists", "objects", "torn", "bytes"]
)
def test_json_that_cannot_be_read_is_a_value_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r".+"):
        load_json(tmp_path / "a.json")


def test_json_of_absurd_size_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(MOST_JSON + 1)
    with pytest.raises(ValueError, match="268,435,457 bytes"):
        load_json(tmp_path / "a.json")
