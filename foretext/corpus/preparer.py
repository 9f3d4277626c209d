"""Text becomes a corpus: read, encode with all cores, gather into shards, write the manifest.

Until all is done the finished units lie in `OUT.unfinished`; the corpus appears under its name whole or not at all. Run
again after an interruption, what is finished is not done again, and the result is the same to the byte.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from foretext.corpus import documents
from foretext.corpus.cleaning import Removed, cleaned
from foretext.corpus.corpus import Corpus
from foretext.corpus.earlier_run import finished_corpus, leave_parts, open_parts, remove_unfinished
from foretext.corpus.manifest import NAME, SPLITS, Counts, Manifest, Plan, SplitName, UnknownRecord, unfinished
from foretext.corpus.problems import Problems, refuse
from foretext.corpus.readers import read_sources
from foretext.corpus.shards import ShardRecord, map_shard, merge, token_type
from foretext.corpus.sources import Source, find_sources
from foretext.corpus.units import Unit, UnitRecord, part_path, units
from foretext.corpus.workers import encode_units
from foretext.errors import DataError
from foretext.files import atomic_folder, write_json
from foretext.locks import held
from foretext.processes import cores
from foretext.progress import progress

if TYPE_CHECKING:
    from foretext.tokenizer import Tokenizer

SHARD_TOKENS = 1 << 26  # 128 MiB at 16 bits
_MEGABYTE = 1e6

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
    plan = Plan(
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
        records = list(_shown(encoded, sources))
        _refuse_no_text(records, sources, problems)
        _unknown(records).found().say(_some(source.path for source in sources), allowed=allow_unknown)
        _write(out, parts, records, plan, sources, problems, removed, tokenizer)
    except BaseException:
        leave_parts(parts)
        raise
    shutil.rmtree(parts)
    for line in removed.lines():
        log.info("%s", line)
    return _checked(Corpus.open(out))


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


def _write(
    out: Path,
    parts: Path,
    records: Sequence[UnitRecord],
    plan: Plan,
    sources: Sequence[Source],
    problems: Problems,
    removed: Removed,
    tokenizer: Tokenizer,
) -> None:
    """Makes the folder `out` from the finished units, all of it or nothing."""
    with atomic_folder(out) as folder:
        manifest = Manifest(
            plan=plan,
            sources=[source.record() for source in sources],
            counts=_counts(records),
            problems=problems.record(),
            unknown=_unknown(records),
            splits={name: list(_gather(folder, parts, name, records, plan)) for name in SPLITS},
            removed=dict(sorted(removed.counts.items())) if plan.dedup or plan.clean else None,
        )
        tokenizer.save(folder)
        write_json(folder / NAME, manifest.model_dump(mode="json"))


def _gather(
    folder: Path, parts: Path, split: SplitName, records: Sequence[UnitRecord], plan: Plan
) -> Iterator[ShardRecord]:
    """Writes the shards of a split, with what each unit gave to it, in the order of the units."""
    found = (
        map_shard(part_path(parts, number, split), plan.token_type)
        for number, record in enumerate(records)
        if split in record.parts
    )
    return merge(found, folder / split, shard_tokens=plan.shard_tokens)


def _counts(records: Sequence[UnitRecord]) -> Counts:
    return sum((record.counts for record in records), Counts())


def _unknown(records: Sequence[UnitRecord]) -> UnknownRecord:
    return sum((record.unknown for record in records), UnknownRecord())


def _refuse_no_text(records: Sequence[UnitRecord], sources: Sequence[Source], problems: Problems) -> None:
    counts = _counts(records)
    if counts.tokens:
        return
    found = f"all {counts.documents:,} documents are empty" if counts.documents else "there is no document"
    seen = f" ({problems.total:,} problems, the first: {problems.first[0]})" if problems.first else ""
    raise DataError(f"no text in {_some(source.path for source in sources)}: {found}{seen}")


def _some(names: Iterable[str], most: int = 3) -> str:
    names = list(names)
    more = f" and {len(names) - most:,} more files" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _checked(corpus: Corpus) -> Corpus:
    """The corpus, after saying what its user should know before training on it."""
    for line in corpus.manifest.problems.lines():
        log.warning(line)
    for reason, count in (corpus.manifest.removed or {}).items():
        log.info("%s × %s", f"{count:,}", reason)
    share = corpus.manifest.plan.validation
    for name in SPLITS:
        if not corpus.split(name).token_count and (name == "train" or share > 0):
            log.warning(
                "the %s split is empty: each of the %s documents had a chance of %.3g to be for validation; "
                "choose another --validation, or cut the text into more documents",
                name,
                f"{corpus.manifest.counts.documents:,}",
                share,
            )
    return corpus
