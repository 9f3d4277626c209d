"""The lines of metrics.jsonl in the logs of other programs too, where a person asks for it.

metrics.jsonl is what counts: these logs follow it, and a run follows from none of them. A tracker that fails is left
out from then on, which is said, and the run goes on. Only the process that writes has trackers.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from foretext.errors import SettingsError
from foretext.files import load_json, write_json
from foretext.training.settings import TrackerName

PROJECT = "foretext"
EVENTS = "events.out.tfevents."  # how the files begin that TensorBoard reads
FLUSH_SECONDS = 10
KNOWN = "trackers.json"  # in the folder of a run: of each tracker the run's id there, and the last update that it has
ANY_OF = {"tensorboard": ("tensorboardX", "tensorboard"), "trackio": ("trackio",), "wandb": ("wandb",)}
TO_INSTALL = {"tensorboard": "'foretext[trackers]'", "trackio": "trackio", "wandb": "wandb"}

Line = Mapping[str, Any]

log = logging.getLogger(__name__)


def require_trackers(names: Sequence[TrackerName]) -> None:
    """Nothing, if what these trackers need is installed.

    Raises:
        SettingsError: it is not.
    """
    for name in names:
        if not any(find_spec(package) for package in ANY_OF[name]):
            needed = " or ".join(ANY_OF[name])
            raise SettingsError(f"--log-to {name} needs {needed}: pip install {TO_INSTALL[name]}")


class Tracker(Protocol):
    """A log that some other program reads."""

    def begin(self, lines: Sequence[Line], seen: int) -> None:
        """Goes on behind `lines`; the run had come to update `seen` before."""

    def log(self, line: Line) -> None:
        """Has one line more."""

    def begin_again(self, lines: Sequence[Line]) -> None:
        """Has `lines` and no others: what came behind them is undone."""

    def close(self, *, whole: bool) -> None:
        """Has all that it is to have; `whole` is whether the run came to its end."""


@dataclass
class Trackers:
    """All trackers of a run, as `RunMetrics` tells them; nothing is raised."""

    trackers: dict[str, Tracker]
    _begun: bool = False

    def begin(self, lines: Sequence[Line], seen: int) -> None:
        """Begins, once."""
        if not self._begun:
            self._begun = True
            self._tell(lambda tracker: tracker.begin(lines, seen))

    def log(self, line: Line) -> None:
        """Tells a line."""
        self._tell(lambda tracker: tracker.log(line))

    def begin_again(self, lines: Sequence[Line]) -> None:
        """Tells that the run went back."""
        self._tell(lambda tracker: tracker.begin_again(lines))

    def close(self, *, whole: bool) -> None:
        """Tells that the run has ended."""
        self._tell(lambda tracker: tracker.close(whole=whole))

    def _tell(self, call: Any) -> None:
        for name, tracker in list(self.trackers.items()):
            try:
                with contextlib.redirect_stdout(sys.stderr):  # where results stand and nothing else
                    call(tracker)
            except Exception as error:
                del self.trackers[name]
                log.warning("%s: %s; the run goes on without it, metrics.jsonl has all", name, error or repr(error))


@contextlib.contextmanager
def tracking(names: Sequence[TrackerName], folder: Path, settings: Mapping[str, Any]) -> Iterator[Trackers]:
    """The trackers of that name for the run in `folder`, until the block ends."""
    made: dict[str, Tracker] = {}
    for name in dict.fromkeys(names):
        made[name] = TensorBoard(folder, settings) if name == "tensorboard" else Service(name, folder, settings)
    trackers, whole = Trackers(made), False
    try:
        yield trackers
        whole = True
    finally:
        trackers.close(whole=whole)


@dataclass
class TensorBoard:
    """RUN/tensorboard, through Fabric's logger.

    What it reads has no line twice: the file is written anew from the lines that count when a run goes on or goes back.
    """

    run: Path
    settings: Mapping[str, Any]
    _logger: Any = None
    _described: bool = False

    def begin(self, lines: Sequence[Line], seen: int) -> None:
        """Writes a new file with these lines in the place of those of before."""
        from lightning_fabric.loggers.tensorboard import TensorBoardLogger

        self.close(whole=False)
        before = [*(self.run / "tensorboard").glob(f"{EVENTS}*")]
        # purge_step: a TensorBoard that has read the files before forgets them.
        options: dict[str, Any] = {"flush_secs": FLUSH_SECONDS, **({"purge_step": 0} if before else {})}
        for file in before:
            file.unlink()
        self._logger = TensorBoardLogger(self.run.absolute(), name="tensorboard", version="", **options)
        self._described = False
        for line in lines:
            self.log(line)

    def log(self, line: Line) -> None:
        """Writes it; the first one with the settings of the run."""
        if not (values := numbers(line)):
            return
        if self._described:
            self._logger.log_metrics(values, line["update"])
        else:
            self._logger.log_hyperparams(dict(self.settings), values, line["update"])
            self._described = True

    def begin_again(self, lines: Sequence[Line]) -> None:
        """The same as to begin."""
        self.begin(lines, 0)

    def close(self, *, whole: bool) -> None:
        """Ends the file."""
        if self._logger is not None:
            self._logger.finalize("success" if whole else "failed")
            self._logger = None


@dataclass
class Service:
    """trackio or Weights & Biases, which have one interface: init, log and finish.

    Neither lets go of what was logged. So the same updates, done again by a run that was resumed, are not logged again;
    and where a run went back and does them otherwise, a new run with the lines that count begins there.
    """

    name: TrackerName
    run: Path
    settings: Mapping[str, Any]
    _open: Any = None
    _id: str = ""
    _has: int = 0  # the last update that it has from before
    _told: int = 0
    _after: str = field(default="", repr=False)

    def begin(self, lines: Sequence[Line], seen: int) -> None:
        """Goes on with the run that it has, or begins one with all lines so far."""
        known = self._known().get(self.name)
        self._id = known["id"] if known else secrets.token_hex(4)
        if known:
            told = known.get("told")
            self._has = max(known["has"], seen) if told is None else told
        self._start(lines)

    def log(self, line: Line) -> None:
        """Logs it, unless it is there from before."""
        values = numbers(line)
        if values and line["update"] > self._has:
            self._open.log(values, step=line["update"])
            self._told = max(self._told, line["update"])

    def begin_again(self, lines: Sequence[Line]) -> None:
        """Begins another run there."""
        self.close(whole=False)
        self._id, self._has, self._told, self._after = secrets.token_hex(4), 0, 0, ", gone back"
        self._start(lines)

    def close(self, *, whole: bool) -> None:
        """Ends the run there, and keeps how far it has come."""
        if self._open is None:
            return
        self._open.finish()
        self._open = None
        self._keep(told=max(self._has, self._told))

    def _start(self, lines: Sequence[Line]) -> None:
        self._open = (_wandb_run if self.name == "wandb" else _trackio_run)(self)
        self._keep(told=None)
        for line in lines:
            self.log(line)

    @property
    def title(self) -> str:
        """What the run is called there."""
        return f"{self.run.absolute().name}{self._after}"

    @property
    def id(self) -> str:
        """By which it is known there."""
        return self._id

    def _known(self) -> dict[str, Any]:
        path = self.run / KNOWN
        found: dict[str, Any] = load_json(path) if path.exists() else {}
        return found

    def _keep(self, *, told: int | None) -> None:
        write_json(self.run / KNOWN, {**self._known(), self.name: {"id": self._id, "has": self._has, "told": told}})


def _wandb_run(service: Service) -> Any:
    """A run of Weights & Biases: in files below RUN/wandb, unless WANDB_MODE asks for more."""
    mode = os.environ.get("WANDB_MODE", "offline")
    if mode != "online":
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    return import_module("wandb").init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        name=service.title,
        id=service.id,
        resume="allow",
        dir=str(service.run),
        mode=mode,
        config=dict(service.settings),
    )


def _trackio_run(service: Service) -> Any:
    """A run of trackio, which keeps it on this machine unless its own variables name a place elsewhere."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    name = f"{service.title} {service.id}"  # by which it is known there
    options = {"config": dict(service.settings), "resume": "allow", "embed": False}
    return import_module("trackio").init(project=PROJECT, name=name, **options)


def numbers(line: Line) -> dict[str, float]:
    """What a line has to draw: its finite numbers but for the update."""
    return {
        name: float(value)
        for name, value in line.items()
        if name != "update" and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
