"""A fault inside a process: each change of a file is an event with a name, and at a chosen one something happens.

Python tells of what it opens, renames and removes by audit events; writing and syncing are wrapped, and so is what
saves tensors. So every writer of the package has fault points, and the package knows of none. What counts is what
happens below the folder `scene`; an event is a line such as `rename run/.model.json.* run/model.json`.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import re
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
GROWS = {"open", "write", "save", "mkdir"}  # what fails where a disk is full; removing and renaming do not
_RANDOM = re.compile(r"^(\..+)\.[a-z0-9_]{8}$")  # what is added to the name of what is being made


@dataclass(frozen=True)
class Fault:
    """What happens at an event: the `count`-th of the name `at` or, without a name, of all.

    `act` is the name of a signal, sent to the process itself just before the event, "torn", which is SIGKILL after half
    of the bytes were written, or the name of an error of the system, as ENOSPC. Such an error then comes at all events
    that take space.
    """

    act: str
    count: int
    at: str = ""


class Events:
    """Names and counts what happens to files below `scene`, writes it to the file `log`, and acts where it is due."""

    def __init__(self, scene: Path, log: Path, fault: Fault | None) -> None:
        self.scene, self.fault, self.full = f"{scene}/", fault, False
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        self.counts: Counter[str] = Counter()
        self.write = os.write

    def install(self) -> None:
        """From now on events are seen."""
        import safetensors.torch

        sys.addaudithook(self._audit)
        os.fsync = self._syncing(os.fsync)
        os.write = self._writing(self.write)
        io.open = builtins.open = self._opening(io.open)
        safetensors.torch.serialize_file = self._saving(safetensors.torch.serialize_file)

    def happens(self, verb: str, *paths: Any, half: Any = None) -> None:
        """Counts an event of these paths, and does what is due; `half` does half of what is to be done."""
        places = [place for path in paths if (place := self._place(path))]
        if not places:
            return
        name = " ".join([verb, *places])
        self.counts.update([name, ""])
        self.write(self.log, f"{name}\n".encode())
        fault = self.fault
        due = fault is not None and fault.at in (name, "") and self.counts[fault.at] == fault.count
        if due:
            self.write(self.log, f"! {fault.act}\n".encode())
        if fault is not None and (due or (self.full and verb in GROWS)):
            self._act(fault.act, str(paths[-1]), half)

    def _act(self, act: str, path: str, half: Any) -> None:
        if half is not None and not act.startswith("SIG"):
            half()
        if act.startswith("E"):
            self.full = True
            number = getattr(errno, act)
            raise OSError(number, os.strerror(number), path)
        os.kill(os.getpid(), signal.SIGKILL if act == "torn" else getattr(signal, act))

    def _place(self, path: Any) -> str:
        """The name of a path in the scene without what is drawn at random and without numbers; of others, nothing."""
        if isinstance(path, int):
            try:
                path = os.readlink(f"/proc/self/fd/{path}")
            except OSError:
                return ""
        path = os.path.abspath(os.fsdecode(path))
        if not path.startswith(self.scene):
            return ""
        parts = path.removeprefix(self.scene).split("/")
        return "/".join(re.sub(r"\d{3,}", "N", _RANDOM.sub(r"\1.*", part)) for part in parts)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(path, int) and flags & WRITES:
                self.happens("open", path)
        elif event in CHANGES:
            paths = [value for value in arguments if isinstance(value, str | bytes | os.PathLike)] or [arguments[0]]
            folder = arguments[-1]
            if event in ("os.remove", "os.rmdir", "os.mkdir") and folder >= 0:  # named from an open folder
                paths = [os.path.join(os.readlink(f"/proc/self/fd/{folder}"), os.fsdecode(path)) for path in paths]
            if event != "os.mkdir" or not os.path.isdir(paths[0]):
                self.happens(event.removeprefix("os."), *paths)

    def _syncing(self, fsync: Any) -> Any:
        def counted(descriptor: Any) -> None:
            self.happens("sync", descriptor if isinstance(descriptor, int) else descriptor.fileno())
            fsync(descriptor)

        return counted

    def _writing(self, write: Any) -> Any:
        def counted(descriptor: int, data: Any) -> int:
            self.happens("write", descriptor, half=lambda: write(descriptor, data[: len(data) // 2]))
            return int(write(descriptor, data))

        return counted

    def _opening(self, plain: Any) -> Any:
        """`open`, whose files to write in count what reaches the system."""
        events = self

        class Counted(io.FileIO):
            def write(self, data: Any) -> int:
                whole = memoryview(data).cast("B")
                events.happens("write", self.fileno(), half=lambda: io.FileIO.write(self, whole[: len(whole) // 2]))
                return io.FileIO.write(self, data)

        def counted(
            file: Any,
            mode: str = "r",
            buffering: int = -1,
            encoding: str | None = None,
            errors: str | None = None,
            newline: str | None = None,
            closefd: bool = True,
            opener: Any = None,
        ) -> Any:
            if not set(mode) & set("wax") or "+" in mode:
                return plain(file, mode, buffering, encoding, errors, newline, closefd, opener)
            raw = Counted(file, mode.replace("b", "").replace("t", ""), closefd, opener)
            if buffering == 0:
                return raw
            buffered = io.BufferedWriter(raw, buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE)
            if "b" in mode:
                return buffered
            text = io.TextIOWrapper(buffered, encoding, errors, newline, line_buffering=buffering == 1)
            text.mode = mode
            return text

        return counted

    def _saving(self, save: Any) -> Any:
        """What writes a file of tensors, as one event."""
        from safetensors import SafetensorError

        def counted(tensors: Any, path: Any, metadata: Any = None) -> None:
            def half() -> None:
                save(tensors, path, metadata)
                os.truncate(path, os.path.getsize(path) // 2)

            try:
                self.happens("save", path, half=half)
            except OSError as error:
                raise SafetensorError(f"I/O error: {os.strerror(error.errno)} (os error {error.errno})") from error
            save(tensors, path, metadata)

        return counted
