"""Units of work: some documents in a row, turned into ids by one worker and kept on disk until all are there.

A unit is decided by the input alone, never by the number of workers or by when a run was interrupted. What becomes of
it lies in three files a split and a record, which is written last: a unit with a record is finished.

    000007.train.ds   000007.train.ds.index   000007.valid.ds   000007.valid.ds.index   000007.json
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from foretext.corpus.documents import Document, one_line_a_paragraph
from foretext.corpus.manifest import SPLITS, Counts, Plan, SplitName, UnknownRecord
from foretext.corpus.shards import Tokens, index_path, write_shard
from foretext.files import sha256, write_text
from foretext.tokenizer.unknown import UnknownCount

if TYPE_CHECKING:
    from foretext.tokenizer import Tokenizer

UNIT_CHARACTERS = 1 << 22  # seconds of work: enough to be worth sending, little to lose
_HASH_BITS = 64

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unit:
    """Documents in a row, their number in the order of the input, and how far in the input files they end."""

    number: int
    documents: tuple[Document, ...]

    @property
    def position(self) -> int:
        """How far in the input files its last document ends."""
        return self.documents[-1].position

    def digest(self) -> str:
        """A SHA-256 of the texts; by it a unit of an interrupted run is known again."""
        digest = hashlib.sha256()
        for document in self.documents:
            text = document.text.encode()
            digest.update(len(text).to_bytes(8, "little") + text)
        return digest.hexdigest()


class UnitRecord(BaseModel):
    """What became of a unit."""

    model_config = ConfigDict(frozen=True)

    digest: str
    counts: Counts
    unknown: UnknownRecord
    parts: dict[SplitName, tuple[str, str]]
    """The SHA-256 of the ids and of the ends that a split got; a split without a document of it has no file."""


def units(documents: Iterable[Document], characters: int = UNIT_CHARACTERS) -> Iterator[Unit]:
    """Documents in units: each is full when it has at least so many characters."""
    number, waiting, size = 0, list[Document](), 0
    for document in documents:
        waiting.append(document)
        size += len(document.text)
        if size >= characters:
            yield Unit(number, tuple(waiting))
            number, waiting, size = number + 1, [], 0
    if waiting:
        yield Unit(number, tuple(waiting))


def split_of(text: str, validation: float) -> SplitName:
    """`valid` for a share of all texts, decided by the text alone: equal texts are never on both sides."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[: _HASH_BITS // 8], "big")
    return "valid" if number < validation * 2**_HASH_BITS else "train"


def encode_unit(unit: Unit, folder: Path, tokenizer: Tokenizer, plan: Plan) -> UnitRecord:
    """The record of a unit, whose ids are now in `folder`.

    Raises:
        DiskFull: there is no space left.
    """
    found: dict[SplitName, list[Tokens]] = {name: [] for name in SPLITS}
    unknown = UnknownCount(tokenizer)
    separator = [] if plan.separator_id is None else [plan.separator_id]
    for document in unit.documents:
        text = document.text if plan.line_breaks == "keep" else one_line_a_paragraph(document.text)
        if ids := tokenizer.encode(text):
            unknown.add(ids, text)
            found[split_of(document.text, plan.validation)].append(np.array(ids + separator, plan.token_type))
    parts = {
        name: write_shard(part_path(folder, unit.number, name), documents)
        for name, documents in found.items()
        if documents
    }
    kept = [len(tokens) for documents in found.values() for tokens in documents]
    record = UnitRecord(
        digest=unit.digest(),
        counts=Counts(
            documents=len(unit.documents),
            empty=len(unit.documents) - len(kept),
            pieces=sum(document.piece > 0 for document in unit.documents),
            characters=sum(len(document.text) for document in unit.documents),
            tokens=sum(kept),
        ),
        unknown=UnknownRecord.of(unknown.found(most=None)),
        parts=parts,
    )
    write_text(_record_path(folder, unit.number), record.model_dump_json() + "\n")
    return record


def finished(unit: Unit, folder: Path) -> UnitRecord | None:
    """The record of a unit that an earlier run finished; None if none did, or if the text has changed since.

    None, too, where the disk has not kept what was written, which is said.
    """
    path = _record_path(folder, unit.number)
    try:
        record = UnitRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        log.warning("%s is damaged, or of another version; what it is about is done again", path)
        return None
    return record if record.digest == unit.digest() and is_sound(record, unit.number, folder) else None


def is_sound(record: UnitRecord, number: int, folder: Path) -> bool:
    """Whether the files of unit `number` in `folder` are those of its record; where they are not, that is said."""
    for name, (ids, ends) in record.parts.items():
        part = part_path(folder, number, name)
        for file, digest in ((part, ids), (index_path(part), ends)):
            if not file.is_file() or sha256(file) != digest:
                log.warning("%s is damaged or missing; its documents are done again", file)
                return False
    return True


def part_path(folder: Path, number: int, split: SplitName) -> Path:
    """The shard file with what a unit gave to a split."""
    return folder / f"{number:06}.{split}.ds"


def _record_path(folder: Path, number: int) -> Path:
    return folder / f"{number:06}.json"
