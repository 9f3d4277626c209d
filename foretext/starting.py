"""`--devices N`: the command once more in N processes on this machine, started by torch's elastic launcher.

They end as one: what the first of them ends with is what the command ends with, and a signal to the command reaches
them all. Where one was killed, all start again, as often as they may, and go on from the last checkpoint.
"""

from __future__ import annotations

import os
import signal
import sys
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from foretext.errors import ForetextError, SettingsError
from foretext.launched import RESTARTS
from foretext.processes import cores
from foretext.signals import WARNING, heard, name_of
from foretext.streams import say

GRACE_SECONDS = 600  # that processes have to write a checkpoint when they are to end, before they are killed
LISTENED = "SIGTERM,SIGINT,SIGHUP,SIGQUIT"  # signals that end the work


def start(arguments: Sequence[str], processes: int, *, restarts: int = 0) -> int:
    """The exit code of `foretext ARGUMENTS` in so many processes.

    Raises:
        SettingsError: this torch starts no processes.
        ForetextError: one was killed, and they may not start again.
    """
    try:
        from torch.distributed.launcher.api import LaunchConfig, launch_agent
    except ImportError as error:
        raise SettingsError(
            f"this build of torch has no processes that share work: {error}; leave out --devices"
        ) from error
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // processes)))
    for attempt in range(restarts + 1):
        os.environ[RESTARTS] = str(attempt)
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="127.0.0.1:0",
            local_addr="127.0.0.1",
            max_restarts=0,
            signals_to_handle=LISTENED,
            shutdown_timeout=GRACE_SECONDS,
        )
        with heard(WARNING, _pass_on):
            ended = _ended(partial(launch_agent, config, sys.executable, ["-m", "foretext", *arguments]))
        if not ended.killed:
            return ended.code
        if attempt < restarts:
            say(f"foretext: {ended.killed}; all start again from the last checkpoint ({attempt + 1} of {restarts})")
    raise ForetextError(f"{ended.killed}; the same command with --resume goes on from the last checkpoint")


@dataclass(frozen=True)
class Ended:
    """How the processes ended: the exit code, and which of them was killed, in words, if one was."""

    code: int
    killed: str = ""


def _ended(run: Callable[[], Any]) -> Ended:
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    try:
        run()
    except SignalException as ended:
        return Ended(128 + int(ended.sigval))
    except ChildFailedError as failed:
        killed = {rank: -each.exitcode for rank, each in sorted(failed.failures.items()) if each.exitcode < 0}
        codes = [each.exitcode for _, each in sorted(failed.failures.items()) if each.exitcode > 0]
        # What ends with the signal that its fellows' end brings was not killed by others.
        found = next(((rank, by) for rank, by in killed.items() if by != signal.SIGTERM or not codes), None)
        if found is not None:
            return Ended(1, f"process {found[0]} was killed by {name_of(found[1])}")
        return Ended(codes[0] if codes else 1)
    return Ended(0)


def _pass_on(number: int, frame: Any) -> None:
    """Hands a cluster's warning to the processes, which torch's launcher would end for it."""
    for child in _children():
        with suppress(OSError):
            os.kill(child, number)


def _children() -> list[int]:
    """The processes of the work, on Linux; elsewhere none are known."""
    found = []
    for tasks in Path("/proc/self/task").glob("*/children"):
        for child in tasks.read_text().split():
            with suppress(OSError):
                if b"\0foretext\0" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
    return found
