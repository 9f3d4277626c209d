"""Labelled files or raw text become findings: what is wrong with them, what may be, and what cannot be judged.

No data is written: not even a test set is cleaned.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from foretext.checkpoints.find import find_description
from foretext.checkup.corpora import check_corpus
from foretext.checkup.finding import EXIT_CODES, Checked, Finding
from foretext.checkup.labelled import quick_checks, slow_checks
from foretext.checkup.lengths import Reader
from foretext.checkup.reading import Read, read_files, read_given
from foretext.corpus import Problems, read_documents
from foretext.corpus.manifest import NAME
from foretext.errors import DataError, ModelError, SettingsError, UsageError
from foretext.evaluation.report import Report, Section, write_report
from foretext.progress import progress
from foretext.recipes.settings.check import CheckSettings
from foretext.tasks.files.columns import find_columns
from foretext.tasks.files.tables import STANDARD, is_path, open_table, source_of
from foretext.tasks.guessing import guess_kind
from foretext.tasks.labelled import published_tests, read_as_given
from foretext.texts.showing import visible
from foretext.tokenizer import Tokenizer

MAY_BE_EITHER = (".jsonl", ".ndjson", ".parquet", ".pq")  # labelled examples or raw text, as their columns show
STEPS = 6  # reading, and what `slow_checks` tells
DOCUMENTS = 10  # a document takes the place of so many rows in the sample


def check(settings: CheckSettings) -> Checked:
    """What is to be known of the data before anything learns from them.

    Raises:
        DataError: a file is missing or empty, or is no text.
        SettingsError: it is not said, and cannot be seen, what to look at.
        UnknownName: there is no such column or model.
    """
    data = [
        *settings.inputs,
        *([str(settings.labelled.data)] if settings.labelled.data and not settings.labelled.task else []),
    ]
    return check_data(data, settings, valid=settings.labelled.valid, test=settings.test)


def check_data(data: Sequence[Any], settings: CheckSettings, *, valid: Any = None, test: Any = None) -> Checked:
    """The same of files or of examples in memory."""
    reader = _reader(settings)
    if not data and settings.labelled.task is None:
        raise SettingsError("give a file to look at: foretext check FILE (or --task, a published one)")
    try:
        checked = _checked(data, settings, valid, test, reader)
    except UsageError:
        if not settings.private:
            raise
        sources = ", ".join(map(source_of, data))
        raise DataError(f"{sources} cannot be read; without --private the message says what stands there") from None
    if settings.report is None:
        return checked
    write_report(settings.report, _page(checked, ", ".join(map(source_of, data)) or str(settings.labelled.task)))
    return replace(checked, report=str(settings.report))


def _checked(data: Sequence[Any], settings: CheckSettings, valid: Any, test: Any, reader: Reader | None) -> Checked:
    with progress("checking", STEPS, unit="steps") as bar:

        def step(text: str) -> None:
            bar.advance(1, text)

        if settings.labelled.task is None and _is_raw(data, settings):
            return _raw(data, settings, step)
        if settings.labelled.task is not None:
            read = _published(data, settings, test)
        else:
            read = read_files(data, valid, test, settings.labelled, sample=settings.sample)
        findings = [*read.findings, *quick_checks(read)]
        if not settings.quick:
            findings += slow_checks(read, reader, step)
    return Checked.of(findings, read.counts, [*read.sampled, *_sampled(read)], private=settings.private)


def _published(data: Sequence[Any], settings: CheckSettings, test: Any) -> Read:
    """All splits of a published task.

    Raises:
        SettingsError: examples are given beside it.
    """
    if data or test is not None:
        raise SettingsError(f"{settings.labelled.task} has examples of its own; give either the task or examples")
    examples = read_as_given(settings.labelled)
    return read_given(examples, tests=published_tests(settings.labelled), sample=settings.sample)


def _sampled(read: Read) -> list[str]:
    return [
        f"{len(part.sample):,} of {part.rows:,} rows of {part.name}: columns, lengths, languages, near repeats"
        for part in read.parts
        if len(part.sample) < part.rows
    ]


def _raw(data: Sequence[Any], settings: CheckSettings, step: Callable[[str], None]) -> Checked:
    problems = Problems()
    documents = read_documents(data, field=settings.field, problems=problems)
    most = max(1, settings.sample // DOCUMENTS)
    findings, read, sampled = check_corpus(documents, problems, most=most, step=step)
    return Checked.of(findings, {", ".join(map(str, data)): read}, sampled, private=settings.private)


def _is_raw(data: Sequence[Any], settings: CheckSettings) -> bool:
    """Whether the inputs are raw text: they are said to be, or folders, .txt, or tables without a label.

    Raises:
        DataError: one is a prepared corpus, whose text is gone.
        SettingsError: some are, others are not.
    """
    if settings.raw:
        return True
    kinds = [_is_raw_text(one, settings) for one in data]
    if any(kinds) and not all(kinds):
        raise SettingsError("some of the inputs are raw text, others labelled examples; check them one after the other")
    return all(kinds)


def _is_raw_text(data: Any, settings: CheckSettings) -> bool:
    if not is_path(data) or str(data) == STANDARD:
        return False
    path = Path(data)
    if path.is_dir():
        if (path / NAME).is_file():
            raise DataError(f"{path} is a prepared corpus, which holds no text any more; check what it was made from")
        return True
    endings = [ending.lower() for ending in path.suffixes[-2:]]
    if ".txt" in endings:
        return True
    said = settings.labelled
    if said.label or said.kind or said.text or not set(endings) & set(MAY_BE_EITHER):
        return False
    with open_table(data, said.file.options()) as table:
        rows = [row for row, _ in zip(table.rows, range(100), strict=False)]
        if settings.field not in table.columns:
            return False
        kind = guess_kind(table.columns, rows).kind
        return find_columns(table.columns, kind).label is None


def _reader(settings: CheckSettings) -> Reader | None:
    """The tokenizer that will read the rows, and its model's context, where one is given."""
    if settings.model is None:
        return None
    folder = find_description(settings.model)
    return Reader(Tokenizer.load(folder), settings.context or _context_of(folder))


def _context_of(folder: Path) -> int | None:
    about = folder / "model.json"
    if not about.is_file():
        return None
    try:
        return int(json.loads(about.read_text(encoding="utf-8"))["model"]["context"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{about} is damaged: {error}") from None


def _page(checked: Checked, title: str) -> Report:
    """A page with all findings, the gravest first."""
    report = Report(f"Check of {visible(title)}", f"Verdict: {checked.verdict}")
    overview = report.section("What was read")
    rows = [(visible(name), what, count) for name, counts in checked.read.items() for what, count in counts.items()]
    overview.table(("data", "what", "count"), rows)
    for part in checked.sampled:
        overview.paragraph(f"Looked at in part: {part}")
    for severity in EXIT_CODES:
        for finding in checked.findings:
            if finding.severity == severity:
                _add(report.section(f"{severity.capitalize()}: {finding.check}"), finding)
    return report


def _add(section: Section, finding: Finding) -> None:
    section.paragraph(finding.says)
    if finding.counts:
        section.table(("what", "count"), list(finding.counts.items()))
    if finding.places:
        section.paragraph("At " + ", ".join(map(visible, finding.places)))
    if finding.examples:
        section.table(("examples",), [(example,) for example in finding.examples])
