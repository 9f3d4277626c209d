"""What was read, before anything trains: rows, balance, lengths, cuts. What is doubtful `foretext.checkup` says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from foretext.tasks.examples import Encoded, Example
from foretext.tasks.files.problems import counted
from foretext.tasks.labels.form import LabelForm

LISTED = 20  # classes that are listed by name


@dataclass(frozen=True)
class Lengths:
    """Lengths of sequences in tokens, special tokens included."""

    minimum: int
    median: int
    percentile_95: int
    maximum: int


@dataclass(frozen=True)
class Cut:
    """How many of some examples were too long for the context, and how many tokens they lost together."""

    rows: int
    examples: int
    tokens: int

    @classmethod
    def of(cls, encoded: Sequence[Encoded]) -> Cut:
        """What these examples lost."""
        return cls(sum(item.cut > 0 for item in encoded), len(encoded), sum(item.cut for item in encoded))

    @classmethod
    def total(cls, cuts: Iterable[Cut | None]) -> Cut | None:
        """All of them together; None where one is not known."""
        known = [(cut.rows, cut.examples, cut.tokens) if cut else None for cut in cuts]
        sums = [sum(column) for column in zip(*known, strict=True)] if None not in known else []
        return cls(*sums) if sums else None

    def __str__(self) -> str:
        """It in words: "12 (2.4 %, by 30 tokens on average)"."""
        if not self.rows:
            return "0"
        return f"{self.rows:,} ({self.rows / self.examples:.1%}, by {self.tokens / self.rows:,.0f} tokens on average)"


@dataclass(frozen=True)
class Part:
    """One set of examples: training or validation."""

    rows: int
    labels: dict[str, int]  # rows with each class or right answer, or in each range of scores
    lengths: Lengths
    cut_rows: int  # rows that were too long for the context
    cut_tokens: int  # tokens that they lost
    most_cut: int  # tokens that the longest of them lost

    @classmethod
    def of(cls, examples: Sequence[Example], encoded: Sequence[Encoded], form: LabelForm) -> Part:
        """The counts of these examples, encoded as `encoded`."""
        cuts = [item.cut for item in encoded if item.cut]
        return cls(
            rows=len(examples),
            labels=form.balance([example.label for example in examples if example.label is not None]),
            lengths=_lengths(encoded),
            cut_rows=len(cuts),
            cut_tokens=sum(cuts),
            most_cut=max(cuts, default=0),
        )

    def lines(self, name: str) -> list[str]:
        size, shown = self.lengths, list(self.labels.items())[:LISTED]
        balance = ", ".join(f"{label} {count:,} ({count / self.rows:.0%})" for label, count in shown)
        more = f" and {len(self.labels) - LISTED} more" if len(self.labels) > LISTED else ""
        lines = [
            f"{name}: {counted(self.rows, 'row')}",
            f"  labels: {balance}{more}",
            f"  tokens in a sequence: {size.minimum} at least, {size.median} in the middle, "
            f"95 % up to {size.percentile_95}, {size.maximum} at most",
        ]
        if self.cut_rows:
            lines.append(
                f"  too long for the context: {counted(self.cut_rows, 'row')} ({self.cut_rows / self.rows:.1%}) cut by "
                f"{self.cut_tokens / self.cut_rows:,.0f} tokens on average, {self.most_cut:,} at most"
            )
        else:
            lines.append("  none was cut")
        return lines


@dataclass(frozen=True)
class Overview:
    """Training and validation examples as they were read."""

    train: Part
    valid: Part | None

    def lines(self) -> list[str]:
        """The overview for a terminal."""
        return self.train.lines("training") + (self.valid.lines("validation") if self.valid else [])


def overview(
    form: LabelForm,
    train: Sequence[Example],
    train_encoded: Sequence[Encoded],
    valid: Sequence[Example] = (),
    valid_encoded: Sequence[Encoded] = (),
) -> Overview:
    """What stands in the examples, whose labels are of `form`, and in the same examples encoded."""
    return Overview(
        train=Part.of(train, train_encoded, form),
        valid=Part.of(valid, valid_encoded, form) if valid else None,
    )


def _lengths(encoded: Sequence[Encoded]) -> Lengths:
    lengths = np.array([len(ids) for item in encoded for ids in item.sequences] or [0])
    return Lengths(
        minimum=int(lengths.min()),
        median=int(np.median(lengths)),
        percentile_95=int(np.percentile(lengths, 95, method="inverted_cdf")),
        maximum=int(lengths.max()),
    )
