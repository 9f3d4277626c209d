"""Training in bf16 costs no quality: both ways on a real task, over three seeds."""

from __future__ import annotations

import json
import os
import statistics
from itertools import combinations
from pathlib import Path

import pytest
import torch

from foretext.model.devices import find_precision
from foretext.recipes.finetune import finetune
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.tasks.labelled import LabelledDataSettings
from foretext.training.settings import LoopSettings

Runs = dict[str, list[tuple[list[float], float]]]

SEEDS = (0, 1, 2)
PRECISIONS = ("fp32", "bf16")
EMULATED = "FORETEXT_EMULATE_BF16"  # =1 runs this where a processor does not compute in bf16: ten times as long

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_precision("auto", torch.device("cpu")) != "bf16" and os.environ.get(EMULATED) != "1",
        reason=f"this processor does not compute in bf16; {EMULATED}=1 does it all the same, for some ten minutes",
    ),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> Runs:
    """By precision, for each seed: the losses along the way, and the accuracy on rows of TREC that were kept aside."""
    folder = tmp_path_factory.mktemp("precision")
    return {name: [trained(folder / f"{name}-{seed}", name, seed) for seed in SEEDS] for name in PRECISIONS}


def trained(folder: Path, precision: str, seed: int) -> tuple[list[float], float]:
    settings = FinetuneSettings(
        model="mini",
        out=folder,
        labelled=LabelledDataSettings(task="TREC", train_rows=1_000),
        epochs=1,
        batch=8,
        learning_rate=1e-3,
        warmup=0.1,
        keep="last",
        seed=seed,
        loop=LoopSettings(device="cpu", precision=precision),
    )
    score = finetune(settings).evaluation.score.value
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line], score


def test_the_curves_differ_less_by_precision_than_by_seed(runs: Runs) -> None:
    curves = {name: [curve for curve, _ in found] for name, found in runs.items()}
    by_precision = [apart(*pair) for pair in zip(*(curves[name] for name in PRECISIONS), strict=True)]
    by_seed = [apart(*pair) for pair in combinations(curves["fp32"], 2)]
    assert 0 < max(by_precision) < min(by_seed)


def test_the_score_is_no_worse_beyond_the_spread_between_seeds(runs: Runs) -> None:
    scores = {name: [score for _, score in found] for name, found in runs.items()}
    assert min(scores["fp32"]) > 0.4  # something was learned; the most frequent class has 0.23
    spread = max(scores["fp32"]) - min(scores["fp32"])
    assert statistics.mean(scores["bf16"]) >= statistics.mean(scores["fp32"]) - spread


def apart(one: list[float], other: list[float]) -> float:
    """The mean distance of two curves, in nats."""
    return statistics.mean(abs(a - b) for a, b in zip(one, other, strict=True))
