"""Text becomes a corpus: read, encode with all cores, gather into shards, write the manifest.

Until all is done the finished units lie in `OUT.unfinished`; the corpus appears under its name whole or not at all. Run
again after an interruption, what is finished is not done again, and the result is the same to the byte.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from foretext.corpus import documents
from foretext.corpus.assembling import Finished, assemble, checked
from foretext.corpus.cleaning import Removed, cleaned
from foretext.corpus.corpus import Corpus
from foretext.corpus.earlier_run import finished_corpus, leave_parts, open_parts, remove_unfinished
from foretext.corpus.manifest import NAME, Plan, unfinished
from foretext.corpus.problems import Problems, refuse
from foretext.corpus.readers import read_sources
from foretext.corpus.shards import token_type
from foretext.corpus.sources import Source, find_sources
from foretext.corpus.units import Unit, UnitRecord, units
from foretext.corpus.workers import encode_units
from foretext.locks import held
from foretext.processes import cores
from foretext.progress import progress

if TYPE_CHECKING:
    from foretext.tokenizer import Tokenizer

SHARD_TOKENS = 1 << 26  # 128 MiB at 16 bits
_MEGABYTE = 1e6


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
    dedup: bool = False,
    clean: bool = False,
    allow_unknown: bool = False,
) -> Corpus:
    """The corpus of token ids that `out` now holds, made from files, folders and standard input (`-`).

    A share `validation` of the documents, chosen by the hash of their text, becomes the `valid` split. Each document
    is followed by the line-break piece, if the tokenizer has one and `separator` is "newline". `workers` processes
    share the work, 0 means one a core; the result does not depend on their number. `line_breaks` "paragraphs" makes a
    space of each single line break, for text that is wrapped at a column. For `field` and `strict` see
    `read_documents`, for `dedup` and `clean` `cleaning.py`. If `out` holds this corpus already, nothing is done.

    Raises:
        DataError: an input is missing or wrong, there is no text in any, more than half of it is unknown to the
            tokenizer and `allow_unknown` is off, or `out` holds something else.
        InUse: another process prepares it.
        DiskFull: there is no space left; what is finished is kept, and the same call goes on from there.
    """
    out, problems = Path(out), Problems()
    report = refuse if strict else problems.add
    sources = find_sources(inputs, report)
    plan = plan_of(
        tokenizer,
        field=field,
        validation=validation,
        strict=strict,
        shard_tokens=shard_tokens,
        separator=separator,
        line_breaks=line_breaks,
        dedup=dedup,
        clean=clean,
    )
    parts = unfinished(out)
    if (out / NAME).is_file() and not parts.exists() and (corpus := finished_corpus(out, plan, sources)):
        return corpus
    with held(parts):
        remove_unfinished(out)
        done = finished_corpus(out, plan, sources)
        if done is None:
            return _prepared(out, plan, sources, problems, tokenizer, workers, allow_unknown=allow_unknown)
        shutil.rmtree(parts, ignore_errors=True)  # of a process that was killed when all was done
        return done


def plan_of(
    tokenizer: Tokenizer,
    *,
    field: str,
    validation: float,
    strict: bool,
    shard_tokens: int,
    separator: Literal["newline", "none"],
    line_breaks: Literal["keep", "paragraphs"],
    dedup: bool = False,
    clean: bool = False,
    filters: Sequence[str] = (),
    minhash: bool = False,
) -> Plan:
    """What the content of a corpus follows from, as `prepare` was asked for it."""
    return Plan(
        tokenizer=tokenizer.fingerprint,
        vocabulary=tokenizer.size,
        dtype=token_type(tokenizer.extract + 1),
        line_breaks=line_breaks,
        separator_id=tokenizer.newline if separator == "newline" else None,
        field=field,
        validation=validation,
        strict=strict,
        shard_tokens=shard_tokens,
        document_characters=documents.LONGEST,
        dedup=dedup,
        clean=clean,
        filters=tuple(filters),
        minhash=minhash,
    )


def _prepared(
    out: Path,
    plan: Plan,
    sources: Sequence[Source],
    problems: Problems,
    tokenizer: Tokenizer,
    workers: int,
    *,
    allow_unknown: bool,
) -> Corpus:
    """The corpus of `plan`; what an earlier call has finished is not done again."""
    report = refuse if plan.strict else problems.add
    parts = open_parts(out, plan)
    try:
        removed = Removed()
        read = read_sources(sources, field=plan.field, report=report)
        work = units(cleaned(read, removed, dedup=plan.dedup, clean=plan.clean))
        encoded = encode_units(work, parts, tokenizer, plan, workers=workers or cores())
        finished = [Finished(parts, number, record) for number, record in enumerate(_shown(encoded, sources))]
        records, found = [source.record() for source in sources], problems.record()
        assemble(out, finished, plan, records, found, removed, tokenizer, allow_unknown=allow_unknown)
    except BaseException:
        leave_parts(parts)
        raise
    shutil.rmtree(parts)
    return checked(Corpus.open(out), removed)


def _shown(encoded: Iterable[tuple[Unit, UnitRecord]], sources: Sequence[Source]) -> Iterator[UnitRecord]:
    """The records, while a bar shows how much of the input they cover."""
    sizes = [source.bytes for source in sources if source.bytes is not None]
    total = sum(sizes) / _MEGABYTE if len(sizes) == len(sources) else None
    done = tokens = 0
    with progress("tokenise", total, unit="MB") as bar:
        for unit, record in encoded:
            tokens += record.counts.tokens
            bar.advance((unit.position - done) / _MEGABYTE, f"{tokens / 1e6:,.1f} million tokens")
            done = unit.position
            yield record
