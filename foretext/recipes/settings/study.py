"""Settings of `foretext study layers|zero-shot|ablations|data`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from foretext.evaluation.zero_shot_tasks import ZeroShotSettings
from foretext.paths import NameOrPath
from foretext.recipes.settings.finetune import FinetuningSettings
from foretext.settings import Settings
from foretext.tasks.labelled import (
    LabelledDataSettings,
)


class StudySettings(Settings):
    """What the studies by fine-tuning share."""

    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Data": ("data", "kind", "text", "label", "valid", "train_rows"),
        "Training": ("seeds", "epochs", "batch", "learning_rate", "device"),
        "Output": ("out",),
    }

    model: NameOrPath
    """Name of an installed model, or the folder of a pre-training run; RUN@500, RUN@best or RUN@last is a
    checkpoint of it."""
    tasks: tuple[NameOrPath, ...] = ()
    """Published tasks, or TOML files with the settings of a labelled file (data, kind, text, label, …). Without any:
    the file in --data."""
    out: Path
    """Folder for CSV, JSON, PNG and report.html; run again, a study goes on where it was. Studies may share it."""
    seeds: int = Field(3, ge=1)
    """Runs of each fine-tuning, under the seeds 0, 1, …: weights of the head, order, dropout, rows that are drawn."""
    score_rows: int = Field(0, ge=0)
    """Score on so many of the examples for that, the same in every run; 0 means all."""
    labelled: LabelledDataSettings = LabelledDataSettings()
    finetuning: FinetuningSettings = FinetuningSettings(keep="last")  # what is scored on chooses nothing


class StudyLayersSettings(StudySettings):
    """Score against the number of layers transferred (Figure 2, left)."""

    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {"Study": ("layers", "scratch"), **StudySettings.SHOWN}

    layers: tuple[int, ...] = ()
    """How many layers to transfer, given once for each; 0 is the embeddings alone. Not given: 0 to all of them."""
    scratch: bool = False
    """Also transfer nothing at all, not even the embeddings; drawn as -1."""


class StudyZeroShotSettings(Settings):
    """Zero-shot scores over the updates of pre-training (Figure 2, right)."""

    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Study": ("tasks", "best", "heuristic", "score_rows", "device"),
        "Data": ("data", "kind", "text", "label"),
        "Output": ("out",),
    }

    models: tuple[NameOrPath, ...] = Field(min_length=1)
    """Folders of pre-training runs, each a curve over the checkpoints it kept (pretrain --keep-checkpoints); models
    without checkpoints, and single ones as RUN@500, make one curve together, in the order given."""
    tasks: tuple[NameOrPath, ...] = ()
    """Published tasks, or TOML files with the settings of a labelled file. Not given: the file in --data, or those of
    SST-2, DPR, CoLA and RACE whose files are there."""
    out: Path
    """Folder for CSV, JSON, PNG and report.html; run again, a study goes on where it was. Studies may share it."""
    best: tuple[str, ...] = ()
    """Score of the best supervised model as NAME=SCORE, 0.91 say. Known for the paper's tasks and DPR."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    labelled: LabelledDataSettings = LabelledDataSettings()
    zero_shot: ZeroShotSettings = ZeroShotSettings()


class StudyAblationsSettings(StudySettings):
    """What the parts of the method are worth (Table 5)."""

    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {"Study": ("lstm",), **StudySettings.SHOWN}

    lstm: NameOrPath | None = None
    """Name or folder of a model pre-trained with an LSTM as its backbone. Not given: that variant is left out."""


class StudyDataSettings(StudySettings):
    """Score against the number of labelled examples."""

    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Study": ("sizes", "points", "fewest", "updates"),
        **StudySettings.SHOWN,
    }

    sizes: tuple[int, ...] = ()
    """Numbers of labelled examples, given once for each. Not given: --points from --fewest to all there are, equally
    far apart on a logarithmic scale."""
    points: int = Field(5, ge=2)
    """How many numbers of examples to try."""
    fewest: int = Field(32, ge=1)
    """The smallest number to try."""
    updates: int = Field(0, ge=0)
    """Train so many updates whatever the number of examples; 0 means --epochs passes over them."""
