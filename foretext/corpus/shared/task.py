"""One task, done: a pipeline of datatrove from files to units of ids, or a stage of MinHash.

Done twice, even at the same time, a task leaves the same files: each is written whole and takes the place of the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from foretext.corpus.cleaning import Removed
from foretext.corpus.problems import Problems, Report, refuse
from foretext.corpus.readers import read_sources
from foretext.corpus.shared.filters import filtering
from foretext.corpus.shared.job import (
    Job,
    Outcome,
    Stage,
    outcome_path,
    read_job,
    records_folder,
    work_folder,
)
from foretext.corpus.shared.minhash import clustering, leaving_out, matching, signing
from foretext.corpus.sources import find_sources
from foretext.corpus.units import units
from foretext.corpus.workers import encode_units
from foretext.disk import system_error
from foretext.errors import DataError, ForetextError
from foretext.files import write_text
from foretext.tokenizer import Tokenizer


def run_task(parts: Path, stage: Stage, task: int) -> None:
    """Does a task of a stage, unless it is done.

    Raises:
        DataError: a file is damaged, or has changed since the work began; with `strict`, any problem of the input.
        DiskFull: there is no space left.
    """
    from foretext.corpus.shared.executor import run_pipeline

    job = read_job(parts)
    with contextlib.chdir(job.folder):
        run_pipeline(_pipeline(parts, job, stage), task, job.stages[stage], records_folder(parts, stage))


def attempted(parts: str, stage: Stage, task: int) -> tuple[int, str]:
    """The same where errors have to go to another process: exit code and message; 0 if all is well."""
    try:
        run_task(Path(parts), stage, task)
    except ForetextError as error:
        return error.exit_code, str(error)
    except OSError as error:
        ours = system_error(error)
        if ours is None:
            raise
        return ours.exit_code, str(ours)
    return 0, ""


def _pipeline(parts: Path, job: Job, stage: Stage) -> list[Any]:
    """The steps of a stage: each makes of documents, task and number of tasks what the next one gets."""
    problems, removed = Problems(), Removed()
    read = [_reading(job, problems), *(filtering(name, removed) for name in job.plan.filters)]  # type: ignore[arg-type]
    if stage == "sign":
        return [*read, signing(parts)]
    if stage == "match":
        return [matching(parts)]
    if stage == "cluster":
        return [clustering(parts)]
    kept = [leaving_out(parts, removed)] if job.plan.minhash else []
    return [*read, *kept, _encoding(parts, job, problems, removed)]


def _reading(job: Job, problems: Problems) -> Any:
    """A step that reads the files of a task."""
    report: Report = refuse if job.plan.strict else problems.add

    def run(_: None, task: int, tasks: int) -> Iterator[Any]:
        from datatrove.data import Document

        share = job.share(task)
        sources = find_sources((source.path for source in share), report)
        for source, expected in zip(sources, share, strict=True):
            if source.record() != expected:
                raise DataError(f"{source.path} has changed since the work on it began; begin anew with another --out")
        for document in read_sources(sources, field=job.plan.field, report=report):
            yield Document(document.text, id=document.where, metadata={"read": document})

    return run


def _encoding(parts: Path, job: Job, problems: Problems, removed: Removed) -> Any:
    """A step that turns documents into units of ids, and writes what became of the task."""

    def run(documents: Any, task: int, tasks: int) -> None:
        tokenizer, folder = Tokenizer.load(parts / "tokenizer"), work_folder(parts, task)
        work = units(replace(each.metadata["read"], text=each.text) for each in documents)
        records = tuple(record for _, record in encode_units(work, folder, tokenizer, job.plan, workers=1))
        found = Outcome(
            units=records, problems=problems.record(), removed=dict(removed.counts), first_removed=removed.first
        )
        write_text(outcome_path(parts, task), found.model_dump_json() + "\n")

    return run
