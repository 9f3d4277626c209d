"""One task of a pipeline by datatrove's executor, which keeps a log, times and a mark that the task is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datatrove.executor.base import PipelineExecutor
from loguru import logger

_SAYS_ERRORS_ITSELF = "datatrove.executor.base"  # with all frames and values; they are raised, too
_QUIET = 1  # the number, among the tasks of a machine, of one that writes to its log and not to stderr
_ENVIRONMENT = ("node_ips", "cpus_per_task", "mem_per_cpu", "gpus_on_node")


def run_pipeline(steps: Sequence[Any], task: int, tasks: int, records: Path) -> None:
    """Does a task, one of `tasks`, unless its mark is in `records`."""
    logger.disable(_SAYS_ERRORS_ITSELF)
    try:
        _Executor(list(steps), tasks, records)._run_for_rank(task, _QUIET)
    finally:
        logger.enable(_SAYS_ERRORS_ITSELF)


class _Executor(PipelineExecutor):
    """What datatrove wants to know of the place where a task runs."""

    def __init__(self, steps: list[Any], tasks: int, records: Path) -> None:
        super().__init__(steps, str(records))
        self._tasks = tasks

    def run(self) -> None:
        """Nothing: others start the tasks."""

    @property
    def world_size(self) -> int:
        """How many tasks there are."""
        return self._tasks

    def get_distributed_env(self, node_rank: int = -1) -> dict[str, str]:
        """What steps might ask for that need several machines; ours need one."""
        return {f"datatrove_{name}": "-1" for name in _ENVIRONMENT} | {"datatrove_executor": "FORETEXT"}
