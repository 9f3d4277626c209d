"""Which processes were started for the work at hand: by torchrun, by Slurm's srun, or this one alone.

torchrun and its like say it in RANK, WORLD_SIZE, LOCAL_RANK and MASTER_ADDR. Slurm's variables are those of a job until
a step begins: in an interactive allocation they name tasks that nobody started. So a step alone counts, and what was
decided is said. FORETEXT_LAUNCHER decides otherwise: none, torchrun or srun.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from foretext.errors import SettingsError, UnknownName

LAUNCHER = "FORETEXT_LAUNCHER"
RESTARTS = "FORETEXT_RESTARTS"  # how often `--devices` has started processes before
LAUNCHERS = ("none", "srun", "torchrun")
PORTS = 15_000, 10_000  # of Slurm's steps: the first, and how many, so that jobs on one machine differ


@dataclass(frozen=True)
class Launch:
    """The place of this process among those that were started; by itself unless said otherwise."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0  # on its machine
    local_world: int = 1
    address: str = "127.0.0.1"  # of the first process
    port: int = 29_500
    restarts: int = 0  # how often the processes were started before
    decided: str = ""  # a line for a person, where Slurm's variables could be read in two ways


def launched(environment: Mapping[str, str] | None = None) -> Launch:
    """Where this process stands, by the variables that it was started with.

    Raises:
        SettingsError: they contradict each other, or one of them is missing.
        UnknownName: FORETEXT_LAUNCHER names no launcher.
    """
    given = os.environ if environment is None else environment
    wanted = given.get(LAUNCHER, "")
    if wanted and wanted not in LAUNCHERS:
        raise UnknownName(f"launcher ({LAUNCHER})", wanted, LAUNCHERS)
    if wanted == "torchrun" or (not wanted and "RANK" in given and "WORLD_SIZE" in given):
        return _by_torchrun(given)
    if wanted == "srun" or (not wanted and int(given.get("SLURM_STEP_NUM_TASKS") or 1) > 1):
        return _by_srun(given)
    if not wanted and int(given.get("WORLD_SIZE") or 1) > 1:
        raise SettingsError(
            f"WORLD_SIZE is {given['WORLD_SIZE']}, and RANK is not set: start this with torchrun, which sets both, or "
            f"set {LAUNCHER}=none to run it in this process alone"
        )
    return Launch(decided=_alone_in_slurm(given) if not wanted else "")


def _by_torchrun(given: Mapping[str, str]) -> Launch:
    world = _number(given, "WORLD_SIZE")
    return _sound(
        Launch(
            rank=_number(given, "RANK"),
            world=world,
            local_rank=_number(given, "LOCAL_RANK", "0" if world == 1 else None),
            local_world=_number(given, "LOCAL_WORLD_SIZE", "1" if world == 1 else None),
            address=_text(given, "MASTER_ADDR", "127.0.0.1" if world == 1 else None),
            port=_number(given, "MASTER_PORT", "29500"),
            restarts=_number(given, "TORCHELASTIC_RESTART_COUNT", "0") + _number(given, RESTARTS, "0"),
        )
    )


def _by_srun(given: Mapping[str, str]) -> Launch:
    tasks = _text(given, "SLURM_STEP_TASKS_PER_NODE", given.get("SLURM_TASKS_PER_NODE", "1"))
    node = _number(given, "SLURM_NODEID", "0")
    hosts = given.get("SLURM_STEP_NODELIST") or given.get("SLURM_JOB_NODELIST") or socket.gethostname()
    job = int(re.sub(r"\D", "", given.get("SLURM_JOB_ID", "")) or 0)
    first, count = PORTS
    world = _number(given, "SLURM_STEP_NUM_TASKS")
    return _sound(
        Launch(
            rank=_number(given, "SLURM_PROCID"),
            world=world,
            local_rank=_number(given, "SLURM_LOCALID"),
            local_world=per_node(tasks)[node],
            address=given.get("MASTER_ADDR") or first_host(hosts),
            port=_number(given, "MASTER_PORT", str(first + job % count)),
            restarts=_number(given, "SLURM_RESTART_COUNT", "0"),
            decided=f"srun started {world} processes, which share the work",
        )
    )


def _alone_in_slurm(given: Mapping[str, str]) -> str:
    """What there is to say where a job of several tasks has started this process by itself."""
    tasks = given.get("SLURM_NTASKS") or given.get("SLURM_NPROCS") or "1"
    if int(tasks) < 2:
        return ""
    return f"the Slurm job has {tasks} tasks, and this process is the only one of its step: srun shares the work"


def first_host(listed: str) -> str:
    """The first name in a list as Slurm writes it: node03 of `node[03-05,9],other`."""
    return re.sub(r"\[(\w+)[^\]]*\]", r"\1", re.split(r",(?![^\[]*\])", listed)[0])


def per_node(tasks: str) -> list[int]:
    """How many tasks each node has, of what Slurm writes: `2(x3),1` is 2, 2, 2 and 1."""
    found: list[int] = []
    for part in tasks.split(","):
        count, _, times = part.partition("(x")
        found += [int(count)] * int(times.rstrip(")") or 1)
    return found


def _sound(launch: Launch) -> Launch:
    if not 0 <= launch.rank < launch.world or not 0 <= launch.local_rank < launch.local_world <= launch.world:
        raise SettingsError(
            f"the launcher's variables make no sense: process {launch.rank} of {launch.world}, and "
            f"{launch.local_rank} of {launch.local_world} on this machine, counted from 0; {LAUNCHER}=none runs this "
            "in one process"
        )
    return launch


def _number(given: Mapping[str, str], name: str, otherwise: str | None = None) -> int:
    text = _text(given, name, otherwise)
    if not text.isdigit():
        raise SettingsError(f"{name} should be a number, not {text!r}; {LAUNCHER}=none runs this in one process")
    return int(text)


def _text(given: Mapping[str, str], name: str, otherwise: str | None) -> str:
    text = given.get(name) or otherwise
    if text is None:
        raise SettingsError(
            f"{name} is not set, and WORLD_SIZE or SLURM_STEP_NUM_TASKS is: start this with torchrun or srun, which "
            f"set all they need, or set {LAUNCHER}=none to run it in this process alone"
        )
    return text
