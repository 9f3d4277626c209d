"""The tasks as jobs of Slurm: a script that submits an array for each stage, and a last job that makes the corpus.

Each job of an array calls `python -m foretext.corpus.shared FOLDER STAGE TASK`, which reads the job from a file.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.corpus.shared.job import Stage
from foretext.errors import ForetextError, SettingsError
from foretext.files import write_text

TASK = '"$SLURM_ARRAY_TASK_ID"'


@dataclass(frozen=True)
class Submitted:
    """The script, and what it said when it submitted its jobs; nothing where nobody ran it."""

    script: Path
    out: Path
    said: tuple[str, ...] | None

    def lines(self) -> list[str]:
        if self.said is None:
            return [
                f"script written to {self.script}; nothing is submitted",
                f"to submit its jobs: bash {shlex.quote(str(self.script))}",
            ]
        return [
            *self.said,
            f"the corpus appears in {self.out} when the last job has ended; they write to {self.script.parent}",
        ]

    def to_json(self) -> dict[str, Any]:
        return {"script": str(self.script), "out": str(self.out), "submitted": self.said is not None}


def require_slurm() -> None:
    """Nothing, if jobs can be submitted from here.

    Raises:
        SettingsError: they cannot.
    """
    if shutil.which("sbatch") is None:
        raise SettingsError("--executor slurm needs sbatch, which is not found here; --dry-run writes the script alone")


def write_script(
    script: Path, parts: Path, stages: Mapping[Stage, Sequence[int]], *, folder: str, workers: int, options: str
) -> None:
    """Writes the script; a stage without tasks that are still to do has no job.

    `workers` is how many tasks of a stage run at a time, 0 says as many as Slurm lets; `options` are for all jobs.
    """
    jobs = [
        _job(f"foretext-{stage}", script, f"{_command(parts, stage)} {TASK}", options, array=_array(tasks, workers))
        for stage, tasks in stages.items()
        if tasks
    ]
    jobs.append(_job("foretext-join", script, _command(parts, "join"), options))
    head = [
        "#!/bin/bash",
        "# Submits the tasks of `foretext prepare`, an array for each stage, and the job that makes the corpus.",
        "set -euo pipefail",
        f"cd {shlex.quote(folder)}",
        "job=",
    ]
    write_text(script, "\n".join([*head, *jobs, ""]))


def submit(script: Path) -> tuple[str, ...]:
    """Runs the script; what it said of the jobs.

    Raises:
        ForetextError: Slurm did not take one.
    """
    ran = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=False)
    if ran.returncode:
        said = (ran.stderr or ran.stdout).strip() or f"exit code {ran.returncode}"
        raise ForetextError(f"{script} could not submit all jobs: {said.splitlines()[-1]}")
    return tuple(ran.stdout.splitlines())


def _command(parts: Path, *words: str) -> str:
    return shlex.join([sys.executable, "-m", "foretext.corpus.shared", str(parts), *words])


def _job(name: str, script: Path, command: str, options: str, *, array: str = "") -> str:
    """The lines that submit a job, to begin when the one before has ended well."""
    logs = script.parent / ("%x-%A_%a.log" if array else "%x-%j.log")
    given = [f"--job-name={name}", f"--output={logs}", "--ntasks=1", *([f"--array={array}"] if array else [])]
    words = shlex.join([*given, *shlex.split(options), f"--wrap={command}"])
    return (
        f"job=$(sbatch --parsable --kill-on-invalid-dep=yes ${{job:+--dependency=afterok:$job}} {words})\n"
        f'job=${{job%%;*}}\necho "{name}: job $job"'
    )


def _array(tasks: Sequence[int], workers: int) -> str:
    """Tasks as Slurm writes them: 0-3,7, and %2 where two may run at a time."""
    ranges: list[list[int]] = []
    for task in tasks:
        if ranges and task == ranges[-1][1] + 1:
            ranges[-1][1] = task
        else:
            ranges.append([task, task])
    said = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
    return said + (f"%{workers}" if workers else "")
