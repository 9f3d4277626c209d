"""The filters of datatrove that a document may have to pass, by name; all are made for English."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Literal

from foretext.corpus.cleaning import Removed
from foretext.errors import DataError

FilterName = Literal["gopher-quality", "gopher-repetition", "c4-quality", "c4-paragraph", "fineweb-quality"]
CLASSES: dict[FilterName, str] = {
    "gopher-quality": "GopherQualityFilter",
    "gopher-repetition": "GopherRepetitionFilter",
    "c4-quality": "C4QualityFilter",
    "c4-paragraph": "C4ParagraphFilter",
    "fineweb-quality": "FineWebQualityFilter",
}
_LINE = "line-filter-"  # how labels begin that datatrove counts lines under which a filter leaves out

Step = Callable[[Any, int, int], Iterator[Any]]  # documents, task, tasks


def filtering(name: FilterName, removed: Removed) -> Step:
    """A step that hands on the documents which pass the filter; what it leaves out is counted in `removed`."""
    filter = getattr(import_module("datatrove.pipeline.filters"), CLASSES[name])()

    def run(documents: Any, task: int = 0, tasks: int = 1) -> Iterator[Any]:
        for document in documents:
            before, text = _lines(filter), document.text
            try:
                found = filter.filter(document)
            except Exception as error:
                raise DataError(f"{document.id}: the filter {name} failed: {type(error).__name__}: {error}") from error
            passes, reason = found if isinstance(found, tuple) else (found, "rejected")
            if not passes:
                removed.add(f"{name}: {reason} (document left out)", 1, document.id)
                continue
            for label, count in _lines(filter).items():
                reason = f"{name}: {label.removeprefix(_LINE)} (line left out)"
                removed.add(reason, count - before.get(label, 0), document.id)
            removed.add(f"{name}: document of which a part was left out (kept)", document.text != text, document.id)
            yield document

    return run


def _lines(filter: Any) -> dict[str, int]:
    """How many lines a filter has left out so far, by its label."""
    return {label: round(found.total) for label, found in filter.stats.stats.items() if label.startswith(_LINE)}
