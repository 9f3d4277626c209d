"""Finished units become a corpus: shards, manifest and tokenizer in one folder, which appears whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foretext.corpus.cleaning import Removed
from foretext.corpus.corpus import Corpus
from foretext.corpus.manifest import (
    NAME,
    SPLITS,
    Counts,
    Manifest,
    Plan,
    ProblemRecord,
    SourceRecord,
    SplitName,
    UnknownRecord,
)
from foretext.corpus.shards import ShardRecord, map_shard, merge
from foretext.corpus.units import UnitRecord, part_path
from foretext.errors import DataError
from foretext.files import atomic_folder, write_json

if TYPE_CHECKING:
    from foretext.tokenizer import Tokenizer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finished:
    """A finished unit: the folder that its files lie in, its number there, and its record."""

    folder: Path
    number: int
    record: UnitRecord


def assemble(
    out: Path,
    finished: Sequence[Finished],
    plan: Plan,
    sources: Sequence[SourceRecord],
    problems: ProblemRecord,
    removed: Removed,
    tokenizer: Tokenizer,
    *,
    allow_unknown: bool,
) -> None:
    """Makes the corpus `out` of finished units, in their order.

    Raises:
        DataError: there is no text in them, or more than half of it is unknown and `allow_unknown` is off.
        DiskFull: there is no space left.
    """
    records = [each.record for each in finished]
    names = _some(source.path for source in sources)
    _refuse_no_text(records, names, problems)
    unknown = sum((record.unknown for record in records), UnknownRecord()).commonest()
    unknown.found().say(names, allowed=allow_unknown)
    with atomic_folder(out) as folder:
        manifest = Manifest(
            plan=plan,
            sources=list(sources),
            counts=_counts(records),
            problems=problems,
            unknown=unknown,
            splits={name: list(_gather(folder, finished, name, plan)) for name in SPLITS},
            removed=dict(sorted(removed.counts.items())) if plan.removes else None,
        )
        tokenizer.save(folder)
        write_json(folder / NAME, manifest.model_dump(mode="json"))


def _gather(folder: Path, finished: Sequence[Finished], split: SplitName, plan: Plan) -> Iterator[ShardRecord]:
    """Writes the shards of a split, with what each unit gave to it, in the order of the units."""
    found = (
        map_shard(part_path(each.folder, each.number, split), plan.token_type)
        for each in finished
        if split in each.record.parts
    )
    return merge(found, folder / split, shard_tokens=plan.shard_tokens)


def _counts(records: Sequence[UnitRecord]) -> Counts:
    return sum((record.counts for record in records), Counts())


def _refuse_no_text(records: Sequence[UnitRecord], names: str, problems: ProblemRecord) -> None:
    counts, total = _counts(records), sum(problems.counts.values())
    if counts.tokens:
        return
    found = f"all {counts.documents:,} documents are empty" if counts.documents else "there is no document"
    seen = f" ({total:,} problems, the first: {problems.first[0]})" if problems.first else ""
    raise DataError(f"no text in {names}: {found}{seen}")


def _some(names: Iterable[str], most: int = 3) -> str:
    names = list(names)
    more = f" and {len(names) - most:,} more files" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def checked(corpus: Corpus, removed: Removed) -> Corpus:
    """The corpus, after saying what its user should know before training on it."""
    for line in removed.lines():
        log.info("%s", line)
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
