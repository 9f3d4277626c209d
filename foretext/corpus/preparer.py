"""Text becomes a corpus: read, encode with all cores, gather into shards, write the manifest.

Until all is done the parts lie in `OUT.unfinished`; the corpus appears under its name whole or not at all. Run again
after an interruption, what is finished is not done again, and the result is the same to the byte.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from foretext.corpus import documents
from foretext.corpus.corpus import Corpus
from foretext.corpus.manifest import (
    NAME,
    SPLITS,
    Counts,
    Manifest,
    Plan,
    ProblemRecord,
    SplitName,
    unfinished,
)
from foretext.corpus.problems import Problems, refuse
from foretext.corpus.readers import read_sources
from foretext.corpus.shards import ShardRecord, map_shard, merge, token_type
from foretext.corpus.sources import STANDARD_INPUT, Source, find_sources
from foretext.corpus.units import Unit, UnitRecord, part_path, units
from foretext.corpus.workers import cores, encode_units
from foretext.errors import DataError
from foretext.files import atomic_folder, write_json
from foretext.progress import progress

if TYPE_CHECKING:
    from foretext.tokenizer import Tokenizer

SHARD_TOKENS = 1 << 26  # 128 MiB at 16 bits
_MEGABYTE = 1e6
_PLAN_NAME = "plan.json"

log = logging.getLogger(__name__)


def prepare(
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    tokenizer: Tokenizer,
    field: str = "text",
    validation: float = 0.01,
    strict: bool = False,
    workers: int = 0,
    shard_tokens: int = SHARD_TOKENS,
    separator: Literal["newline", "none"] = "newline",
    line_breaks: Literal["keep", "paragraphs"] = "keep",
) -> Corpus:
    """The corpus of token ids that `out` now holds, made from files, folders and standard input (`-`).

    A share `validation` of the documents, chosen by the hash of their text, becomes the `valid` split. Each document
    is followed by the line-break piece, if the tokenizer has one and `separator` is "newline". `workers` processes
    share the work, 0 means one a core; the result does not depend on their number. For the other arguments see
    `read_documents`. If `out` holds the same corpus already, nothing is done.

    Raises:
        DataError: an input is missing or wrong, there is no text in any, or `out` holds something else.
        DiskFull: there is no space left; what is finished is kept, and the same call goes on from there.
    """
    out, problems = Path(out), Problems()
    report = refuse if strict else problems.add
    sources = find_sources(inputs, report)
    separator_id = tokenizer.newline if separator == "newline" else None
    plan = Plan(
        tokenizer=tokenizer.fingerprint,
        vocabulary=tokenizer.size,
        dtype=token_type(tokenizer.extract + 1),
        line_breaks=line_breaks,
        separator_id=separator_id,
        field=field,
        validation=validation,
        strict=strict,
        shard_tokens=shard_tokens,
        document_characters=documents.LONGEST,
    )
    if (held := _held(out, plan, sources)) is not None:
        return held
    parts = _open_parts(unfinished(out), plan)
    try:
        read = read_sources(sources, field=field, report=report)
        records = _encode(units(read), parts, tokenizer, plan, sources, workers or cores())
        counts = sum((record.counts for record in records), Counts())
        _refuse_no_text(counts, inputs, problems)
        with atomic_folder(out) as folder:
            splits = {name: list(_gather(folder, parts, name, records, plan)) for name in SPLITS}
            tokenizer.save(folder)
            manifest = Manifest(
                plan=plan,
                sources=[source.record() for source in sources],
                counts=counts,
                problems=ProblemRecord(counts=dict(problems.counts), first=problems.first),
                splits=splits,
            )
            write_json(folder / NAME, manifest.model_dump(mode="json"))
    except BaseException:
        _leave(parts)
        raise
    shutil.rmtree(parts)
    corpus = Corpus.open(out)
    _warn(corpus)
    return corpus


def _encode(
    work: Iterable[Unit], parts: Path, tokenizer: Tokenizer, plan: Plan, sources: Sequence[Source], workers: int
) -> list[UnitRecord]:
    """The record of each unit, all encoded now; shows how far the input is read."""
    sizes = [source.bytes for source in sources]
    total = None if None in sizes else sum(size or 0 for size in sizes) / _MEGABYTE
    records, done, tokens = [], 0, 0
    with progress("tokenise", total, unit="MB") as bar:
        for unit, record in encode_units(work, parts, tokenizer, plan, workers=workers):
            records.append(record)
            tokens += record.counts.tokens
            bar.advance((unit.position - done) / _MEGABYTE, f"{tokens / 1e6:,.1f} million tokens")
            done = unit.position
    return records


def _gather(
    folder: Path, parts: Path, split: SplitName, records: Sequence[UnitRecord], plan: Plan
) -> Iterator[ShardRecord]:
    """Writes the shards of a split from what the units gave to it."""
    found = (
        map_shard(part_path(parts, number, split), plan.token_type)
        for number, record in enumerate(records)
        if split in record.splits
    )
    return merge(found, folder / split, shard_tokens=plan.shard_tokens)


def _held(out: Path, plan: Plan, sources: Sequence[Source]) -> Corpus | None:
    """The corpus that `out` holds already, if it is the one asked for; None if `out` is free.

    Raises:
        DataError: `out` holds something else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / NAME).is_file():
        raise DataError(f"{out} exists and is no corpus; choose another --out")
    corpus = Corpus.open(out)
    _refuse_other_plan(out, corpus.manifest.plan, plan)
    if corpus.manifest.sources != [source.record() for source in sources]:
        raise DataError(f"{out} holds a corpus made from other files, or they changed since; choose another --out")
    if any(source.path == STANDARD_INPUT for source in sources):
        raise DataError(
            f"{out} holds a corpus made from standard input, which has no name to know it by; choose another --out"
        )
    log.info("%s holds this corpus already; nothing to do", out)
    return corpus


def _open_parts(parts: Path, plan: Plan) -> Path:
    """The folder for finished units, new or left by a run of the same plan."""
    path = parts / _PLAN_NAME
    if path.is_file():
        _refuse_other_plan(parts, Plan.model_validate_json(path.read_bytes()), plan)
        log.info("going on with the interrupted work in %s", parts)
    else:
        write_json(path, plan.model_dump(mode="json"))
    return parts


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


def _refuse_no_text(counts: Counts, inputs: Sequence[str | Path], problems: Problems) -> None:
    if counts.tokens:
        return
    where = ", ".join(map(str, inputs))
    found = f"all {counts.documents:,} documents are empty" if counts.documents else "there is no document"
    seen = f" ({problems.first[0]}; {problems.total:,} problems in all)" if problems.first else ""
    raise DataError(f"no text in {where}: {found}{seen}")


def _leave(parts: Path) -> None:
    """Keeps the finished units for the next run; without any there is nothing to keep."""
    if any(parts.glob("*.ds")):
        log.warning("what is finished is kept in %s; the same command goes on from there", parts)
    else:
        shutil.rmtree(parts, ignore_errors=True)


def _warn(corpus: Corpus) -> None:
    """Says what a user should know before training on the corpus."""
    problems = corpus.manifest.problems
    for line in Problems(Counter(problems.counts), problems.first).lines():
        log.warning(line)
    for name in SPLITS:
        wanted = name == "train" or corpus.manifest.plan.validation > 0
        if wanted and not corpus.split(name).token_count:
            log.warning(
                "no document fell into the %s split: of %d documents a share of %s is for validation",
                name,
                corpus.manifest.counts.documents,
                corpus.manifest.plan.validation,
            )
