"""What an earlier run left behind: a finished corpus, or finished units of one."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from glob import escape
from pathlib import Path

from pydantic import ValidationError

from foretext.corpus.corpus import Corpus
from foretext.corpus.manifest import NAME, SPLITS, Plan, read_manifest, unfinished
from foretext.corpus.sources import STANDARD_INPUT, Source
from foretext.errors import DataError
from foretext.files import holds_something, write_json
from foretext.leftovers import remove_leftovers
from foretext.tokenizer.storage import FILE_NAME as TOKENIZER

PLAN_NAME = "plan.json"

log = logging.getLogger(__name__)


def finished_corpus(out: Path, plan: Plan, sources: Sequence[Source]) -> Corpus | None:
    """The corpus that `out` holds already, if it is the one asked for; None if `out` is free.

    Raises:
        DataError: `out` holds something else, or what cannot be known to be the same.
    """
    if not out.exists() or (out.is_dir() and not holds_something(out)):
        return None
    if not (out / NAME).is_file():
        raise DataError(f"{out} exists and is no corpus; choose another --out")
    _refuse_other_plan(out, read_manifest(out).plan, plan)
    corpus = Corpus.open(out, verify=True)
    if corpus.manifest.sources != [source.record() for source in sources]:
        raise DataError(f"{out} holds a corpus made from other files, or they changed since; choose another --out")
    if any(source.path == STANDARD_INPUT for source in sources):
        raise DataError(f"{out} holds a corpus, and standard input cannot be compared with it; choose another --out")
    log.info("%s holds this corpus already; nothing to do", out)
    return corpus


def open_parts(out: Path, plan: Plan) -> Path:
    """The folder for the finished units of `out`: new, or as an interrupted run of the same plan left it.

    Raises:
        DataError: it is of another plan.
    """
    parts = unfinished(out)
    path = parts / PLAN_NAME
    if path.is_file():
        try:
            there = Plan.model_validate_json(path.read_bytes())
        except ValidationError:
            raise DataError(f"{parts} was made by another version of foretext; delete it") from None
        _refuse_other_plan(parts, there, plan)
        log.info("going on with the interrupted work in %s", parts)
    else:
        write_json(path, plan.model_dump(mode="json"))
    return parts


def remove_unfinished(out: Path) -> None:
    """Removes what a killed process was writing: files of single units, and the whole corpus, beside `out` or in it."""
    remove_leftovers(unfinished(out), ("??????.*", PLAN_NAME))
    place = out.resolve()
    for folder in (place.parent, place):
        remove_leftovers(folder, (escape(place.name),), holding=(*SPLITS, NAME, TOKENIZER))


def leave_parts(parts: Path) -> None:
    """Keeps the finished units for the next run; if there are none, nothing is left."""
    if any(parts.rglob("*.ds")) or any(parts.glob("done/*/completions/*")):
        log.warning("what is finished is kept in %s; the same command goes on from there", parts)
    else:
        shutil.rmtree(parts, ignore_errors=True)


def _refuse_other_plan(folder: Path, there: Plan, here: Plan) -> None:
    differences = [
        f"{name} is {before} there and {now} here"
        for (name, before), (_, now) in zip(there, here, strict=True)
        if before != now
    ]
    if differences:
        raise DataError(
            f"{folder} was made with other settings: {', '.join(differences)}; choose another --out, or delete it"
        )
