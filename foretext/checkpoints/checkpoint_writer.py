"""Checkpoints written beside training: a copy is taken, and one thread writes it while the next updates run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from foretext.checkpoints.run_checkpoints import Parts
from foretext.checkpoints.run_folder import RunFolder
from foretext.checkpoints.space import check_space
from foretext.errors import ForetextError

WRITING_SPEED = 100e6  # bytes a second that a disk is held to take before it was seen what it does

log = logging.getLogger(__name__)


class CheckpointWriter:
    """Writes the checkpoints of one run, at most one at a time; the newest `keep` stay, as `RunCheckpoints.save` says.

    What goes wrong in the thread is raised by the next call of any of the methods.
    """

    def __init__(self, folder: RunFolder, keep: int) -> None:
        self._folder, self._keep = folder, keep
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._seconds = 0.0
        self.newest: dict[str, Any] | None = None  # the state of the newest checkpoint that was begun

    def save(self, parts: Parts, state: dict[str, Any], *, protect: Collection[int] = (), beside: bool = True) -> None:
        """Begins to write a checkpoint, when the one before is whole; the tensors may change as soon as this returns.

        `protect` are updates whose checkpoints stay. Without `beside` no copy is taken, and it is whole on return.

        Raises:
            ForetextError: this checkpoint or the one before could not be written.
        """
        self.wait()
        self.newest = state
        if beside:
            parts = {name: _copies(tensors) for name, tensors in parts.items()}
        self._thread = threading.Thread(target=self._write, args=(parts, state, protect), name="checkpoint")
        self._thread.start()
        if not beside:
            self.wait()

    def check_space(self, size: int) -> None:
        """Nothing, if there is room for a checkpoint of `size` bytes and for the model, a third of it.

        Raises:
            DiskFull: there is not.
        """
        check_space(self._folder.path, model=size // 3, checkpoint=size, keep=self._keep)

    def check(self) -> None:
        """Nothing, unless the thread has met an error, which is raised; does not wait."""
        if self._error is not None:
            self.wait()

    def wait(self) -> None:
        """Returns when the checkpoint that is being written is whole, at once if there is none.

        Raises:
            ForetextError: it could not be written.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def finish(self) -> None:
        """Waits as `wait` does, after an error that is the one to hear of; another is said in a line."""
        try:
            self.wait()
        except ForetextError as error:
            log.warning("%s", error)

    def seconds_to_save(self, size: int) -> float:
        """What a checkpoint of `size` bytes may take while another is being written: twice what the last one took."""
        return 2 * (self._seconds or size / WRITING_SPEED)

    def _write(self, parts: Parts, state: dict[str, Any], protect: Collection[int]) -> None:
        began = time.monotonic()
        try:
            self._folder.metrics.sync()  # so that no line of an update before the checkpoint is lost without it
            self._folder.checkpoints.save(parts, state, keep=self._keep, protect=protect)
        except BaseException as error:
            self._error = error
        self._seconds = time.monotonic() - began


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
