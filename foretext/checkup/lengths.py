"""Lengths in the tokens of the very tokenizer, what would be cut, what it does not know, what looks equal to the model.

Sequences are made as `finetune` makes them, special tokens included; a sample of the rows is encoded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foretext.checkup.finding import Finding, Severity
from foretext.checkup.rows import Part, Sampled
from foretext.tasks.encode import encode_stream
from foretext.tasks.examples import Encoded, Example
from foretext.tasks.schema import TaskSchema
from foretext.tokenizer import Tokenizer

ENDLESS = 1 << 30  # the context where none is known
MUCH_UNKNOWN = 0.01  # share of the tokens; beyond it the model misses what it is to learn from
NO_TEXT = 0.5  # share of unknown tokens beyond which the texts are none of this tokenizer's


@dataclass(frozen=True)
class Reader:
    """With what the rows will be read."""

    tokenizer: Tokenizer
    context: int | None = None

    @property
    def has_unknown(self) -> bool:
        """Whether there are texts that the tokenizer has no tokens for."""
        return self.tokenizer.unknown is not None


def check_lengths(part: Part, schema: TaskSchema, reader: Reader) -> list[Finding]:
    """Lengths, cuts and unknown tokens of the sampled rows of a part."""
    rows = sorted(part.sample, key=lambda one: one.place)
    examples = [Example(one.example.texts, one.example.choices) for one in rows]
    encoded = list(encode_stream(examples, schema, reader.tokenizer, reader.context or ENDLESS))
    found = [_lengths(part, encoded), *_cut(part, rows, encoded, reader)]
    if reader.has_unknown:
        found += _unknown(part, rows, encoded, reader)
    return found + _equal(part, rows, encoded, reader)


def check_characters(part: Part) -> list[Finding]:
    """Lengths of all rows in characters, where no tokenizer is known."""
    if not part.rows:
        return []
    counts = {
        "median": int(np.median(part.characters)),
        "95 % up to": int(np.percentile(part.characters, 95, method="inverted_cdf")),
        "longest": int(part.characters.max()),
    }
    says = f"characters of a row of {part.name}; --model NAME counts its tokens, and what would be cut"
    return [Finding("lengths", "sound", says, counts)]


def _lengths(part: Part, encoded: Sequence[Encoded]) -> Finding:
    lengths = np.array([len(ids) for item in encoded for ids in item.sequences] or [0])
    counts = {
        "shortest": int(lengths.min()),
        "median": int(np.median(lengths)),
        "95 % up to": int(np.percentile(lengths, 95, method="inverted_cdf")),
        "longest": int(lengths.max()),
    }
    return Finding("lengths", "sound", f"tokens of a sequence of {part.name}, special tokens included", counts)


def _cut(part: Part, rows: Sequence[Sampled], encoded: Sequence[Encoded], reader: Reader) -> list[Finding]:
    cut = {row.place: item.cut for row, item in zip(rows, encoded, strict=True) if item.cut}
    if reader.context is None:
        return []
    says = f"rows of {part.name} that are longer than the context of {reader.context:,} tokens"
    if not cut:
        return [Finding("cuts", "sound", says, {"rows": 0, "rows looked at": len(rows)})]
    counts = {
        "rows": len(cut),
        "rows looked at": len(rows),
        "tokens lost": sum(cut.values()),
        "at most": max(cut.values()),
    }
    return [Finding("cuts", "doubtful", says, counts, part.at(list(cut)), part.examples(list(cut)))]


def _unknown(part: Part, rows: Sequence[Sampled], encoded: Sequence[Encoded], reader: Reader) -> list[Finding]:
    unknown = {row.place: n for row, item in zip(rows, encoded, strict=True) if (n := _unknown_of(item, reader))}
    total = sum(len(ids) for item in encoded for ids in item.sequences)
    share = sum(unknown.values()) / max(total, 1)
    if not unknown:
        return []
    says = f"tokens of {part.name} that the tokenizer does not know, {share:.2%} of all"
    counts = {"tokens": sum(unknown.values()), "rows": len(unknown), "rows looked at": len(rows)}
    severity: Severity = "unusable" if share > NO_TEXT else "doubtful" if share > MUCH_UNKNOWN else "sound"
    return [Finding("unknown tokens", severity, says, counts, part.at(list(unknown)), part.examples(list(unknown)))]


def _unknown_of(item: Encoded, reader: Reader) -> int:
    unknown = reader.tokenizer.unknown
    return 0 if unknown is None else sum(ids.count(unknown) for ids in item.sequences)


def _equal(part: Part, rows: Sequence[Sampled], encoded: Sequence[Encoded], reader: Reader) -> list[Finding]:
    """Rows with different texts that are the same tokens to the model, for what was cut or is not known."""
    groups: dict[tuple[tuple[int, ...], ...], list[int]] = defaultdict(list)
    for k, item in enumerate(encoded):
        if item.cut or _unknown_of(item, reader):
            groups[tuple(map(tuple, item.sequences))].append(k)
    for k, item in enumerate(encoded):
        if not (item.cut or _unknown_of(item, reader)) and (key := tuple(map(tuple, item.sequences))) in groups:
            groups[key].append(k)
    equal = [group for group in groups.values() if len({part.plain_keys[rows[k].place] for k in group}) > 1]
    if not equal:
        return []
    places = sorted(rows[k].place for group in equal for k in group)
    differ = sum(len({rows[k].example.label for k in group}) > 1 for group in equal)
    says = f"rows of {part.name} with different texts that are equal to the model: the difference is cut or not known"
    counts = {"groups": len(equal), "rows": len(places), "groups with several labels": differ}
    return [Finding("cuts", "doubtful", says, counts, part.at(places), part.examples(places))]
