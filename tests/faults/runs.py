"""Runs of `foretext` as processes of their own, and what is left of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import foretext

from .planted import Fault

TIMES = {"seconds", "tokens_per_second", "date", "when"}
CHECKPOINT = re.compile(r"run/checkpoints/update-\d+")
WITH_TIMES = {"report.html"}  # what shows how long it took; that it is there is what counts
KILLED = 137  # what a shell shows of a process that SIGKILL ended


@dataclass(frozen=True)
class Ended:
    """A process that is no more: its exit code as a shell shows it, what it said, and what it did to files."""

    code: int
    seconds: float
    said: str
    events: tuple[str, ...]

    @property
    def faulted(self) -> bool:
        """Whether the planted fault came."""
        return any(event.startswith("! ") for event in self.events)

    def told(self) -> str:
        """For the message of a test: the code and the last words, the last event too."""
        return f"exit code {self.code} at {self.events[-2:]}; said:\n{self.said[-2000:]}"


class Foretext:
    """Starts the command line, each time in a process of its own, in a folder below `place`."""

    def __init__(self, place: Path, server: subprocess.Popen[str]) -> None:
        self.place, self.server = place, server

    def __call__(
        self,
        folder: Path,
        arguments: list[str],
        *,
        fault: Fault | None = None,
        killed_after: float | None = None,
        largest_file: int = 0,
    ) -> Ended:
        """What came of `foretext ARGUMENTS` in `folder`."""
        files = {name: str(self.place / name) for name in ("out", "said", "events")}
        request = {
            "folder": str(folder),
            "arguments": arguments,
            "fault": fault and asdict(fault),
            "killed_after": killed_after,
            "largest_file": largest_file,
            **files,
        }
        for name in files.values():
            Path(name).write_text("")
        assert self.server.stdin is not None
        print(json.dumps(request), file=self.server.stdin, flush=True)
        answer = self._answer()
        said = Path(files["said"]).read_text(encoding="utf-8")
        events = tuple(Path(files["events"]).read_text(encoding="utf-8").splitlines())
        return Ended(answer["code"], answer["seconds"], said, events)

    def _answer(self) -> Any:
        assert self.server.stdout is not None
        return json.loads(self.server.stdout.readline())


@contextmanager
def started(place: Path) -> Iterator[Foretext]:
    """What starts `foretext`, while the block runs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FORETEXT_")}
    package = str(Path(foretext.__file__).parents[1])
    command = [sys.executable, str(Path(__file__).with_name("server.py"))]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # What is free on the machine decides otherwise, and may change from run to run.
        env={**environment, "PYTHONPATH": package, "OMP_NUM_THREADS": "1", "FORETEXT_KEEP_MEMORY": "1"},
    ) as server:
        runs = Foretext(place, server)
        assert runs._answer() == "ready"
        yield runs
        assert server.stdin is not None
        server.stdin.close()


def differences(one: Path, other: Path, *, extra_checkpoint: bool = False) -> list[str]:
    """In what the files below two folders differ, but for times.

    With `extra_checkpoint` one run was made to write a checkpoint more, so that an older one went earlier: those that
    both have are compared, and the newest are.
    """
    names, others = files(one), files(other)
    if extra_checkpoint:
        alone = {name for name in names ^ others if CHECKPOINT.match(name)}
        newest = max(name for name in names if CHECKPOINT.match(name)).split("/")[2]
        alone = {name for name in alone if newest not in name}
        names, others = names - alone, others - alone
    found = [f"{name} is in {one if name in names else other} alone" for name in sorted(names ^ others)]
    for name in sorted(names & others):
        if Path(name).name not in WITH_TIMES and seen(one / name) != seen(other / name):
            found.append(f"{name} differs" + _first_difference(one / name, other / name))
    return found


def ends_well(ended: Ended) -> None:
    """Refuses what did not end as it should."""
    assert ended.code == 0, ended.told()
    speaks_plainly(ended)


def speaks_plainly(ended: Ended) -> None:
    """Refuses what a person cannot read."""
    for word in ("Traceback", "this is a bug", "Exception ignored", "resource_tracker"):
        assert word not in ended.said, ended.told()


def files(folder: Path) -> set[str]:
    """All that is in a folder, hidden or not."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def seen(path: Path) -> Any:
    """What a file holds, without times."""
    if path.is_dir():
        return "folder"
    if path.suffix == ".json":
        return without_times(json.loads(path.read_text(encoding="utf-8")))
    if path.suffix == ".jsonl":
        return [without_times(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.name == "settings.toml":
        return path.read_text(encoding="utf-8").replace("resume = true\n", "resume = false\n")
    return path.read_bytes()


def without_times(value: Any) -> Any:
    """A tree of plain values without the names that tell of times."""
    if isinstance(value, dict):
        return {name: without_times(inner) for name, inner in value.items() if name not in TIMES}
    if isinstance(value, list):
        return [without_times(inner) for inner in value]
    return value


def _first_difference(one: Path, other: Path) -> str:
    if one.suffix != ".jsonl":
        return ""
    pairs = zip([*seen(one), None], [*seen(other), None], strict=False)
    return next((f": {first} against {second}" for first, second in pairs if first != second), "")
