"""Settings of `foretext check`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from foretext.paths import NameOrPath
from foretext.settings import Settings
from foretext.tasks.labelled import ExamplesSettings

SAMPLE = 20_000  # rows of each part, or a tenth as many documents


class CheckSettings(Settings):
    """What to look at, and with which tokenizer."""

    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Data": ("text", "label", "choices", "valid", "test"),
        "Task": ("kind", "task", "model", "context"),
        "Output": ("report", "private"),
    }

    inputs: tuple[NameOrPath, ...] = ()
    """Labelled files, all of them training examples; or raw text, as prepare reads it: .txt, folders, files without a
    label."""
    test: Path | None = None
    """File with the test examples; its labels are read as those of training."""
    model: NameOrPath | None = None
    """A model, or the folder of a tokenizer: lengths, cuts and unknown tokens are then those that it will see."""
    context: int | None = Field(None, ge=1)
    """Longest sequence in tokens, beyond which examples are cut. Not given: that of the model."""
    raw: bool = False
    """The inputs are raw text, not labelled examples. Not given: as their names and columns show."""
    field: str = "text"
    """Raw text: field of JSON lines, or column of Parquet, that holds the text."""
    quick: bool = False
    """Only what every row shows: no languages, near repeats, label noise or learning curve."""
    sample: int = Field(SAMPLE, ge=1)
    """Rows of each part that the slow checks look at, the same whatever the order of the rows; of raw text a tenth as
    many documents."""
    private: bool = False
    """No text of the data anywhere, nor any name of a column or label: line numbers and counts only."""
    report: Path | None = None
    """Write a page with all findings and their examples to this file."""
    labelled: ExamplesSettings = ExamplesSettings()
