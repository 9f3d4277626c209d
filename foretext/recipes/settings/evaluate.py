"""Settings of `foretext evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from foretext.model.settings import AnswerPrecision
from foretext.paths import NameOrPath
from foretext.settings import Seed, Settings
from foretext.tasks.labelled import FileSettings


class EvaluateSettings(Settings):
    """What to score, and on what."""

    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Data": ("task", "split", "text", "label", "choices"),
        "Output": ("report",),
        "Computing": ("device", "precision"),
    }

    model: NameOrPath
    """Folder of a fine-tuned run; RUN@500, RUN@best or RUN@last is a checkpoint of it."""
    data: Path | None = None
    """File with labelled examples (CSV, TSV, JSON lines or Parquet); with --task, the folder to look in. Not given: the
    published task that the model was fine-tuned on, below FORETEXT_DATA."""
    task: str | None = None
    """A published task, read as its publisher has it."""
    split: str | None = None
    """Which of its sets: valid, test or another that `foretext tasks NAME` shows. Not given: test where its labels are
    at hand, else valid."""
    text: tuple[str, ...] = ()
    """Columns of the texts, if they are called otherwise than in training."""
    choices: tuple[str, ...] = ()
    """Columns of the answers, if they are called otherwise than in training."""
    label: str | None = None
    """Column of the label, if it is called otherwise than in training."""
    report: Path | None = None
    """Also write a report to this HTML file: confusions, calibration, gravest mistakes."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    precision: AnswerPrecision = "auto"
    """fp32; bf16: rounded weights, some twice as fast where the hardware computes in it; auto: bf16 there, else fp32;
    int8: bytes, on CPUs, with a report of what that changes beside fp32, kept in the run."""
    tokens_per_batch: int = Field(0, ge=0)
    """How many tokens go through the model at once; the answers do not depend on it. 0: 1,024 on a CPU, else 8,192."""
    seed: Seed = 0
    """Decides the bootstrap's resamples."""
    file: FileSettings = FileSettings()
