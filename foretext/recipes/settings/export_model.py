"""Settings of `foretext export`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from foretext.paths import NameOrPath
from foretext.settings import Settings

ExportFormat = Literal["openai", "hf", "onnx"]
ExportPrecision = Literal["fp32", "int8"]


class ExportModelSettings(Settings):
    """Which model goes where."""

    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {"ONNX": ("precision", "check")}

    format: ExportFormat
    """openai: the language model as the paper's authors released theirs. hf: a folder that transformers loads. onnx: a
    fine-tuned model of any kind, or a language model, that answers with ONNX Runtime and without Foretext."""
    model: NameOrPath
    """Name of an installed model, or the folder of a run; RUN@500, RUN@best or RUN@last is a checkpoint of it."""
    out: Path
    """Folder to write; it must be new or empty."""
    precision: ExportPrecision = "fp32"
    """With onnx: fp32, or int8: the products of the layers in bytes, which changes some answers."""
    check: Path | None = None
    """With onnx: labelled examples (CSV, TSV, JSON lines or Parquet, by the file's ending, columns called as in
    training) on which the export must answer as the model itself does, and both are scored. Not given: made-up ones."""
