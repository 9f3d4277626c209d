"""A run on disk: what makes it this run, its settings, its metrics and its checkpoints.

RUN/run.json                 what its weights follow from; a resume compares it
RUN/settings.toml            the resolved settings
RUN/metrics.jsonl            a line every few updates
RUN/checkpoints/             from which it goes on to the bit
RUN/.lock                    who is at work in it, while somebody is
"""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.checkpoints.run_checkpoints import RunCheckpoints
from foretext.checkpoints.run_identity import check_same_run
from foretext.checkpoints.run_metrics import Follower, RunMetrics
from foretext.checkpoints.tensors import read_json
from foretext.errors import SettingsError, UsageError
from foretext.files import LOCK, disk_errors, holds_something, write_json, write_text
from foretext.leftovers import remove_leftovers
from foretext.locks import held

IDENTITY, SETTINGS, LENGTH = "run.json", "settings.toml", "length.json"
WRITTEN = (IDENTITY, SETTINGS, LENGTH, "metrics.jsonl", "report.html", ".model")  # by a run, beside its checkpoints
MOST_NAMED = 3  # runs that may have been meant


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run; nothing of another run is overwritten."""

    path: Path
    follower: Follower | None = None  # of its metrics

    @classmethod
    @contextmanager
    def hold(
        cls,
        path: Path,
        identity: Mapping[str, Any],
        *,
        resume: bool,
        extend: bool = False,
        unnamed: Mapping[str, Any] | None = None,
    ) -> Iterator[RunFolder]:
        """`start`, with everybody else kept out while the block lasts; left as it was if nothing comes of the block.

        What a killed process left half-written is removed first.

        Raises:
            InUse: another process is at work in the folder.
            SettingsError: as `start` does.
        """
        if (resume or extend) and not cls(path).is_begun:
            raise SettingsError(_no_run(path))
        with held(path):
            run = cls(path)
            run._tidy()
            written = [path / name for name in (IDENTITY, SETTINGS, LENGTH)]
            kept = {file: file.read_bytes() if file.exists() else None for file in written}
            before = run._progress()
            try:
                yield cls.start(path, identity, resume=resume, extend=extend, unnamed=unnamed)
            except BaseException:
                if run._progress() == before:
                    run._put_back(kept)
                raise

    @classmethod
    def start(
        cls,
        path: Path,
        identity: Mapping[str, Any],
        *,
        resume: bool,
        extend: bool = False,
        unnamed: Mapping[str, Any] | None = None,
    ) -> RunFolder:
        """The folder for a run that is told from others by `identity` (settings, data, starting weights).

        With `extend` it is resumed, and may be of another length than before, which it then has. `unnamed` says by its
        name what a setting was that a run of an earlier version does not name.

        Raises:
            SettingsError: `path` holds another run, or one that can be resumed while `resume` is off, or with `resume`
                no run at all.
        """
        run, resume = cls(path), resume or extend
        if run.is_begun:
            if not resume:
                raise SettingsError(
                    f"{path} already holds a run; add --resume to go on with it, or choose another --out"
                )
            if check_same_run(path, read_json(path / IDENTITY), identity, extend=extend, unnamed=unnamed):
                write_json(path / IDENTITY, dict(identity))
                (path / LENGTH).unlink(missing_ok=True)
            return run
        if resume:
            raise SettingsError(_no_run(path))
        if path.exists() and holds_something(path):
            raise SettingsError(f"{path} is not empty and holds no run; choose another --out")
        with disk_errors(path):
            path.mkdir(parents=True, exist_ok=True)
        write_json(path / IDENTITY, dict(identity))
        return run

    @property
    def is_begun(self) -> bool:
        """Whether a run was begun here: one that ended, stopped, or is going on."""
        return (self.path / IDENTITY).is_file()

    @property
    def metrics(self) -> RunMetrics:
        """What was logged."""
        return RunMetrics(self.path / "metrics.jsonl", self.follower)

    @property
    def checkpoints(self) -> RunCheckpoints:
        """What was kept to go on from."""
        return RunCheckpoints(self.path / "checkpoints")

    def _tidy(self) -> None:
        """Removes what a killed process left half-written."""
        remove_leftovers(self.path, WRITTEN)
        self.checkpoints.remove_leftovers()
        if self.is_begun:  # a finished model whose files were being moved to their places; it is made again
            shutil.rmtree(self.path / ".model", ignore_errors=True)

    def _progress(self) -> tuple[Any, ...]:
        """What there is of the run, or beside it; where that does not change, nothing came of a start."""
        logged = self.metrics.path.stat().st_size if self.metrics.path.exists() else 0
        beside = {each.name for each in self.path.iterdir()} - {*WRITTEN, LOCK, "checkpoints"}
        return logged, self.checkpoints.names(), beside

    def _put_back(self, kept: Mapping[Path, bytes | None]) -> None:
        """Leaves the files as they were before this start."""
        for file, content in kept.items():
            with suppress(OSError, UsageError):  # the error that led here is the one to hear of
                if content is None:
                    file.unlink(missing_ok=True)
                elif file.read_bytes() != content:
                    write_text(file, content.decode("utf-8"))
        if not self.checkpoints.names():
            shutil.rmtree(self.checkpoints.path, ignore_errors=True)
        if not self._progress()[0]:
            with suppress(OSError):
                self.metrics.path.unlink(missing_ok=True)


def _no_run(path: Path) -> str:
    """That there is no run to resume in `path`, and which one may have been meant."""
    state = "there is no folder" if not path.exists() else "there is no run in"
    near = _runs_near(path)
    meant = f"; did you mean {' or '.join(map(str, near))}?" if near else "."
    return f"{state} {path}, so that there is nothing to resume{meant} Without --resume a new run begins"


def _runs_near(path: Path) -> list[Path]:
    """The runs below `path`, or beside it with a name like its own."""
    with suppress(OSError):
        if below := _runs_in(path):
            return below[:MOST_NAMED]
        beside = [each.name for each in _runs_in(path.absolute().parent)]
        return [path.with_name(name) for name in difflib.get_close_matches(path.name, beside, n=MOST_NAMED)]
    return []


def _runs_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [each for each in sorted(folder.iterdir()) if each.is_dir() and RunFolder(each).is_begun]
