"""What is to be done in tasks, and what became of each: files that every task reads, on whatever machine it runs."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from foretext.corpus.assembling import Finished
from foretext.corpus.cleaning import NAMED as REMOVED_NAMED
from foretext.corpus.cleaning import Removed
from foretext.corpus.manifest import Plan, ProblemRecord, SourceRecord
from foretext.corpus.problems import NAMED as PROBLEMS_NAMED
from foretext.corpus.units import UnitRecord, is_sound
from foretext.errors import DataError
from foretext.files import write_text

Executor = Literal["local", "slurm", "ray"]  # where tasks run
Stage = Literal["sign", "match", "cluster", "encode"]
STAGES: tuple[Stage, ...] = ("sign", "match", "cluster", "encode")
BUCKETS = 14  # of MinHash as datatrove has it: documents meet in one of them if they are alike by 0.72 or more

log = logging.getLogger(__name__)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Job(_Record):
    """All that a task has to know."""

    plan: Plan
    sources: tuple[SourceRecord, ...]
    problems: ProblemRecord
    """What was found wrong while the files were looked for."""
    tasks: int
    folder: str
    """The folder that the paths of the sources start from."""
    allow_unknown: bool

    @property
    def stages(self) -> dict[Stage, int]:
        """The stages in their order, and how many tasks each has."""
        tasks: dict[Stage, int] = {"encode": self.tasks}
        if self.plan.minhash:
            tasks = {"sign": self.tasks, "match": BUCKETS, "cluster": 1, **tasks}
        return tasks

    def share(self, task: int) -> list[SourceRecord]:
        """The files of a task: in a row, and of about as many bytes as those of the others; there may be none."""
        total = sum(source.bytes or 0 for source in self.sources) or 1
        ends = itertools.accumulate(source.bytes or 0 for source in self.sources)
        middles = (end - (source.bytes or 0) / 2 for end, source in zip(ends, self.sources, strict=True))
        owners = (min(int(middle * self.tasks / total), self.tasks - 1) for middle in middles)
        return [source for owner, source in zip(owners, self.sources, strict=True) if owner == task]


class Outcome(_Record):
    """What became of a task of the stage `encode`; written last, so that a task with an outcome is finished."""

    units: tuple[UnitRecord, ...]
    problems: ProblemRecord
    removed: dict[str, int]
    first_removed: dict[str, list[str]]


def read_job(parts: Path) -> Job:
    """The job that the folder of unfinished work holds.

    Raises:
        DataError: there is none, or another version of the program wrote it.
    """
    try:
        return Job.model_validate_json((parts / "job.json").read_bytes())
    except FileNotFoundError:
        raise DataError(f"{parts} holds no work in tasks; `foretext prepare --executor …` begins one") from None
    except ValidationError:
        raise DataError(f"{parts / 'job.json'} was made by another version of foretext; delete {parts}") from None


def opened_job(parts: Path, job: Job, *, any_tasks: bool) -> Job:
    """The job, written down for its tasks; where an interrupted run left it, that one, with `any_tasks` its number too.

    Raises:
        DataError: what is there is of other files or another number of tasks.
    """
    if not (parts / "job.json").is_file():
        write_text(parts / "job.json", job.model_dump_json() + "\n")
        return job
    there = read_job(parts)
    if there.sources != job.sources:
        raise DataError(f"{parts} was made of other files, or they changed since; delete it, or choose another --out")
    if there.tasks != job.tasks and not any_tasks:
        raise DataError(
            f"{parts} has {there.tasks:,} tasks, not {job.tasks:,}; give --tasks {there.tasks}, or delete it"
        )
    if there.allow_unknown != job.allow_unknown:
        there = there.model_copy(update={"allow_unknown": job.allow_unknown})
        write_text(parts / "job.json", there.model_dump_json() + "\n")
    return there


def work_folder(parts: Path, task: int) -> Path:
    """Where a task of the stage `encode` leaves its units."""
    return parts / "encode" / f"{task:05d}"


def outcome_path(parts: Path, task: int) -> Path:
    """Where a task of the stage `encode` leaves what became of it."""
    return work_folder(parts, task) / "outcome.json"


def records_folder(parts: Path, stage: Stage) -> Path:
    """Where datatrove keeps marks, logs and times of a stage."""
    return parts / "done" / stage


def left(parts: Path, stage: Stage, tasks: int) -> list[int]:
    """The tasks of a stage that are still to do; the mark of one whose files are damaged is taken away."""
    found = []
    for task in range(tasks):
        mark = records_folder(parts, stage) / "completions" / f"{task:05d}"
        if mark.is_file() and stage == "encode" and outcome(parts, task) is None:
            mark.unlink()
        if not mark.is_file():
            found.append(task)
    return found


def outcome(parts: Path, task: int) -> Outcome | None:
    """What became of a task of the stage `encode`; None if it is not finished, or a file of it is damaged."""
    try:
        found = Outcome.model_validate_json(outcome_path(parts, task).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        log.warning("%s is damaged; the task is done again", outcome_path(parts, task))
        return None
    sound = all(is_sound(record, number, work_folder(parts, task)) for number, record in enumerate(found.units))
    return found if sound else None


def finished_units(parts: Path, outcomes: Sequence[Outcome]) -> list[Finished]:
    """The units of all tasks, in the order of the documents."""
    return [
        Finished(work_folder(parts, task), number, record)
        for task, each in enumerate(outcomes)
        for number, record in enumerate(each.units)
    ]


def all_problems(job: Job, outcomes: Sequence[Outcome]) -> ProblemRecord:
    """What was wrong with the input, as one process would have counted and named it."""
    found = [job.problems, *(each.problems for each in outcomes)]
    counts = sum((Counter(each.counts) for each in found), Counter[str]())
    return ProblemRecord(counts=dict(counts), first=[line for each in found for line in each.first][:PROBLEMS_NAMED])


def all_removed(outcomes: Sequence[Outcome]) -> Removed:
    """What was left out in all tasks, by reason."""
    removed = Removed()
    for each in outcomes:
        removed.counts.update(each.removed)
        for reason, named in each.first_removed.items():
            first = removed.first.setdefault(reason, [])
            first += named[: REMOVED_NAMED - len(first)]
    return removed
