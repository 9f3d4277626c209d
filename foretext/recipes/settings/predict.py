"""Settings of `foretext predict`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from foretext.model.settings import AnswerPrecision
from foretext.paths import NameOrPath
from foretext.settings import Settings
from foretext.tasks.files.tables import Format
from foretext.tasks.labelled import FileSettings


class PredictSettings(Settings):
    """Which model answers what, and where the answers go."""

    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Data": ("task", "split", "text", "choices", "format"),
        "Output": ("out", "out_format"),
        "Computing": ("device", "precision"),
    }

    model: NameOrPath
    """Folder of a fine-tuned run; RUN@500, RUN@best or RUN@last is a checkpoint of it."""
    data: NameOrPath | None = None
    """File with the examples (CSV, TSV, JSON lines or Parquet), or - for standard input; with --task, the folder to
    look in. Not given: the published task that the model was fine-tuned on, below FORETEXT_DATA."""
    task: str | None = None
    """A published task, read as its publisher has it."""
    split: str | None = None
    """Which of its sets: valid, test or another that `foretext tasks NAME` shows. Not given: test, else valid."""
    out: NameOrPath = "-"
    """File to write, its format by its ending; - is standard output. Of a choice, `prediction` is the number of the
    answer from 0, however the labels of training named it."""
    out_format: Format | None = None
    """csv, tsv, jsonl or parquet. Not given: by the ending of --out; on standard output that of the input."""
    text: tuple[str, ...] = ()
    """Columns of the texts, if they are called otherwise than in training."""
    choices: tuple[str, ...] = ()
    """Columns of the answers, if they are called otherwise than in training."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    precision: AnswerPrecision = "auto"
    """fp32; bf16: rounded weights, some twice as fast where the hardware computes in it; auto: bf16 there, else fp32;
    int8: bytes, on CPUs, after `evaluate --precision int8` or --check has shown what that changes."""
    check: Path | None = None
    """With --precision int8: labelled examples to compare int8 with fp32 on first; the report is kept in the run."""
    tokens_per_batch: int = Field(0, ge=0)
    """How many tokens go through the model at once; the answers do not depend on it. 0: 1,024 on a CPU, else 8,192."""
    file: FileSettings = FileSettings()
