"""All checks of labelled rows: the quick ones, which look at every row, and the slow ones, which look at a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

from foretext.checkup.cells import check_cells
from foretext.checkup.columns import check_columns
from foretext.checkup.curve import check_curve
from foretext.checkup.finding import Finding
from foretext.checkup.labels import check_labels
from foretext.checkup.lengths import Reader, check_characters, check_lengths
from foretext.checkup.near import check_near
from foretext.checkup.noise import check_noise
from foretext.checkup.reading import Read, read_given
from foretext.checkup.repeats import check_overlap, check_repeats
from foretext.checkup.rows import Gatherer, Part
from foretext.checkup.tongues import check_languages
from foretext.checkup.word_counts import Judged
from foretext.tasks.labelled import LabelledData
from foretext.tasks.transforms import in_both_orders


def quick_checks(read: Read) -> Iterator[Finding]:
    """What every row shows: damage, labels, repeats, conflicts, overlap, columns."""
    either_order = read.kind.transform is in_both_orders
    for part in read.parts:
        yield from check_cells(part)
        yield from check_labels(part, read.schema.labels if read.schema else None)
        yield from check_repeats(part, either_order=either_order)
    for earlier, later in combinations(read.parts, 2):
        yield from check_overlap(earlier, later, either_order=either_order)
    yield from check_columns(read.parts[0], read.columns, read.schema)


def doubts(data: LabelledData) -> list[str]:
    """A line for each doubt that the quick checks have about examples, or one that there is none."""
    read = read_given(data, sample=0)
    found = [*quick_checks(read), *check_columns(_with_cells(data), read.columns, read.schema)]
    lines = ["; ".join(line.strip() for line in finding.lines()) for finding in found if finding.severity != "sound"]
    return lines or ["the quick checks of the data have no doubts"]


def _with_cells(data: LabelledData) -> Part:
    """Examples of training whose other cells are known."""
    gatherer = Gatherer("training", data.schema.labels, (*data.schema.text, data.schema.label or ""))
    for example, cells in data.beside:
        gatherer.add(example, cells)
    return gatherer.part(str)


def slow_checks(read: Read, reader: Reader | None, step: Callable[[str], None]) -> Iterator[Finding]:
    """What takes longer, of a sample: lengths, languages, near repeats, label noise, learning curve.

    `step` is told what comes next.
    """
    step("lengths")
    for part in read.parts:
        yield from check_lengths(part, read.schema, reader) if reader and read.schema else check_characters(part)
    step("languages")
    for part in read.parts:
        yield from check_languages(part)
    step("near repeats")
    yield from check_near(read.parts)
    step("label noise")
    for part in read.parts:
        judged = Judged.of(part)
        yield from check_noise(part, judged)
        if part is read.parts[0]:
            step("learning curve")
            yield from check_curve(part, judged)
