"""Text becomes a corpus in tasks: who prepares them, has them done where they are to be done, and joins what they left.

Run again after an interruption, tasks that are done are not done again, and of the others not the units that are.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from glob import has_magic
from importlib.util import find_spec
from pathlib import Path

from foretext.corpus.assembling import assemble, checked
from foretext.corpus.corpus import Corpus
from foretext.corpus.earlier_run import finished_corpus, leave_parts, open_parts, remove_unfinished
from foretext.corpus.manifest import Plan, unfinished
from foretext.corpus.problems import Problems, refuse
from foretext.corpus.shared.job import (
    Executor,
    Job,
    Stage,
    all_problems,
    all_removed,
    finished_units,
    left,
    opened_job,
    outcome,
    read_job,
)
from foretext.corpus.shared.slurm import Submitted, require_slurm, submit, write_script
from foretext.corpus.sources import STANDARD_INPUT, Source, find_sources
from foretext.errors import DataError, SettingsError
from foretext.locks import held
from foretext.processes import cores
from foretext.progress import progress
from foretext.tokenizer import Tokenizer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sharing:
    """How the work is shared: where, into how many tasks, and how many of them run at a time (0 for as many as can)."""

    executor: Executor
    tasks: int = 0
    workers: int = 0
    sbatch: str = ""
    dry_run: bool = False


def prepare_shared(
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    tokenizer: Tokenizer,
    plan: Plan,
    sharing: Sharing,
    allow_unknown: bool = False,
) -> Corpus | Submitted:
    """The corpus of `plan` that `out` now holds, byte for byte that of `prepare`; or the jobs that will make it.

    Raises:
        SettingsError: what the executor or a filter needs is not installed, or the number of tasks is missing.
        DataError: an input is missing or wrong, there is no text in any, or `out` holds something else.
        InUse: another process prepares it.
        DiskFull: there is no space left; what is finished is kept, and the same call goes on from there.
        ForetextError: a process that did a task ended without a word, or Slurm or Ray failed.
    """
    _require(sharing, plan)
    out, problems = Path(out), Problems()
    sources = find_sources(inputs, refuse if plan.strict else problems.add)
    if any(source.path == STANDARD_INPUT for source in sources):
        raise DataError("standard input cannot be read by several tasks; write it to files, or leave out --executor")
    parts = unfinished(out.absolute())
    if plan.minhash and has_magic(str(parts)):  # datatrove would find no pairs there, and say nothing
        raise SettingsError(
            f"--minhash works in no folder with *, ? or [ in its path, as {out.absolute()}; name another"
        )
    with held(parts):
        remove_unfinished(out)
        done = finished_corpus(out, plan, sources)
        if done is not None:
            shutil.rmtree(parts, ignore_errors=True)
            return done
        open_parts(out, plan)
        job = _job(parts, plan, sources, problems, sharing, tokenizer, allow_unknown=allow_unknown)
        if sharing.executor == "slurm":
            return _submitted(out, parts, job, sharing)
        try:
            _do(parts, job, sharing)
            return _joined(parts, out)
        except BaseException:
            leave_parts(parts)
            raise


def join(parts: Path) -> Corpus:
    """The corpus of the tasks in `parts`, which all must be done.

    Raises:
        DataError: one is not; or there is no text in any.
        InUse: another process is at work there.
    """
    read_job(parts)
    out = parts.with_name(parts.name.removesuffix(".unfinished"))
    with held(parts):
        remove_unfinished(out)
        return _joined(parts, out)


def _require(sharing: Sharing, plan: Plan) -> None:
    needed = {"datatrove": "'foretext[scale]'"}
    if plan.filters or plan.minhash:
        needed |= {"spacy": "'foretext[scale]'", "regex": "'foretext[scale]'"}
    if sharing.executor == "ray":
        needed["ray"] = "'foretext[scale]' ray"
    for package, install in needed.items():
        if find_spec(package) is None:
            raise SettingsError(f"--executor {sharing.executor} needs {package}: pip install {install}")
    if sharing.executor == "slurm" and not sharing.dry_run:
        require_slurm()


def _job(
    parts: Path,
    plan: Plan,
    sources: Sequence[Source],
    problems: Problems,
    sharing: Sharing,
    tokenizer: Tokenizer,
    *,
    allow_unknown: bool,
) -> Job:
    """The job in `parts`, written down there with its tokenizer if it is new."""
    new = not (parts / "job.json").is_file()
    if new and not sharing.tasks and sharing.executor != "local":
        raise SettingsError(
            f"--executor {sharing.executor} needs --tasks, the number of tasks to share the files among"
        )
    wanted = Job(
        plan=plan,
        sources=tuple(source.record() for source in sources),
        problems=problems.record(),
        tasks=sharing.tasks or sharing.workers or cores(),
        folder=os.getcwd(),
        allow_unknown=allow_unknown,
    )
    if new:
        tokenizer.save(parts / "tokenizer")
        if wanted.tasks > len(sources):
            log.info("%d files for %d tasks: a file is never divided", len(sources), wanted.tasks)
    return opened_job(parts, wanted, any_tasks=not sharing.tasks)


def _do(parts: Path, job: Job, sharing: Sharing) -> None:
    """Does what is left of all stages."""
    from foretext.corpus.shared.places import on_ray, on_this_machine

    for stage, tasks in job.stages.items():
        todo = left(parts, stage, tasks)
        with progress(stage, tasks, unit="tasks") as bar:
            bar.advance(tasks - len(todo))
            if sharing.executor == "ray" and todo:
                on_ray(parts, stage, todo, workers=sharing.workers, done=bar.advance)
            elif todo:
                on_this_machine(parts, stage, todo, workers=sharing.workers or cores(), done=bar.advance)


def _submitted(out: Path, parts: Path, job: Job, sharing: Sharing) -> Submitted:
    """Writes the script for what is left of all stages, and runs it unless that is not wanted."""
    script = out.absolute().with_name(f"{out.absolute().name}.slurm") / "prepare.sh"
    stages: dict[Stage, list[int]] = {stage: left(parts, stage, tasks) for stage, tasks in job.stages.items()}
    write_script(script, parts, stages, folder=job.folder, workers=sharing.workers, options=sharing.sbatch)
    return Submitted(script, out, None if sharing.dry_run else submit(script))


def _joined(parts: Path, out: Path) -> Corpus:
    """Makes the corpus of what the tasks left."""
    job = read_job(parts)
    found = [outcome(parts, task) for task in range(job.tasks)]
    outcomes = [each for each in found if each is not None]
    if len(outcomes) < job.tasks:
        missing = [str(task) for task, each in enumerate(found) if each is None]
        raise DataError(f"{parts}: {len(missing):,} of {job.tasks:,} tasks are not done, the first {missing[0]}")
    units, problems, removed = finished_units(parts, outcomes), all_problems(job, outcomes), all_removed(outcomes)
    tokenizer = Tokenizer.load(parts / "tokenizer")
    assemble(out, units, job.plan, job.sources, problems, removed, tokenizer, allow_unknown=job.allow_unknown)
    shutil.rmtree(parts)
    return checked(Corpus.open(out), removed)
