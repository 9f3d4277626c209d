"""Several processes train the model of one: the same batches in the same order, losses and gradients of the whole."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from foretext.batch import Batch
from foretext.checkpoints.saved_model import load_model
from foretext.recipes.finetune import finetune
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.tasks.batching import EpochBatches
from foretext.tasks.labelled import LabelledDataSettings
from foretext.training.settings import LoopSettings

from .together import Together, together

LOSSES, WEIGHTS = 1e-5, 1e-4  # sums are taken in another order, over 50 updates
SAME_FOR_ALL_ANSWERS = "head.linear.bias"  # of a choice
KINDS = ("classification", "entailment", "similarity", "regression", "choice", "multi-label", "tagging")
Pretraining = Callable[..., PretrainSettings]


def metrics(run: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics, times aside."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [{name: each for name, each in line.items() if "second" not in name} for line in lines]


def assert_same_run(run: Path, other: Path, *, of_no_effect: str = "") -> None:
    """Both runs have the same course and the same weights, rounding aside.

    A weight of no effect on the loss has a gradient of rounding alone, of which Adam makes whole steps: it is left out.
    """
    lines, others = metrics(run), metrics(other)
    assert [line.keys() for line in lines] == [line.keys() for line in others]
    for line, second in zip(lines, others, strict=True):
        assert second["update"] == line["update"]
        assert second.get("tokens") == line.get("tokens")
        for name in ("loss", "task_loss", "text_loss", "valid_loss"):
            assert second.get(name) == pytest.approx(line.get(name), abs=LOSSES)
    weights, second_weights = (load_file(each / "model.safetensors") for each in (run, other))
    assert weights.keys() == second_weights.keys()
    for name, tensor in weights.items():
        if name == of_no_effect:
            continue
        difference = np.abs(second_weights[name] - tensor)
        if name.endswith("query_key_value.bias"):
            # A bias of the keys changes no attention.
            difference = np.delete(difference, np.s_[len(tensor) // 3 : 2 * len(tensor) // 3])
        assert difference.max() < WEIGHTS, name


@pytest.mark.parametrize(("world", "batch"), [(2, 6), (4, 7)])
def test_pretraining_in_several_processes_is_that_of_one(
    world: int, batch: int, pretraining: Pretraining, tmp_path: Path
):
    pretrain(pretraining(tmp_path / "one", updates=50, batch=batch))
    together(world, lambda rank: str(pretrain(pretraining(tmp_path / "many", updates=50, batch=batch)).folder))
    assert_same_run(tmp_path / "one", tmp_path / "many")
    history = load_model(tmp_path / "many").history.pretraining
    assert history is not None
    assert history.engine.processes == world


def finetuning(model: Path, file: Path, out: Path, **values: Any) -> FinetuneSettings:
    """The settings of a short fine-tuning without dropout."""
    return FinetuneSettings(
        model=str(model),
        out=out,
        labelled=LabelledDataSettings(data=file, kind=file.stem),
        **{"epochs": 10.0, "batch": 6, "learning_rate": 1e-2, "dropout": 0, "classifier_dropout": 0, **values},
        loop=LoopSettings(device="cpu", precision="fp32", log_every=1, wait_seconds=300),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_finetuning_in_several_processes_is_that_of_one(
    kind: str, language_model: Path, labelled: Path, tmp_path: Path
):
    file = next(labelled.glob(f"{kind}.*"))
    alone = finetune(finetuning(language_model, file, tmp_path / "one"))
    scores = together(
        2, lambda rank: finetune(finetuning(language_model, file, tmp_path / "many")).to_json()["validation"]
    )
    assert_same_run(tmp_path / "one", tmp_path / "many", of_no_effect=SAME_FOR_ALL_ANSWERS * (kind == "choice"))
    assert scores[0] == scores[1]
    assert scores[0]["count"] == alone.to_json()["validation"]["count"]
    found, known = scores[0]["metrics"], alone.to_json()["validation"]["metrics"]
    assert found == {name: pytest.approx(value, abs=1e-4) for name, value in known.items()}


def test_a_finetuning_goes_on_in_the_middle_and_at_the_end_of_an_epoch_in_other_numbers_of_processes(
    language_model: Path, labelled: Path, tmp_path: Path
):
    file = labelled / "classification.csv"

    def settings(name: str, **values: Any) -> FinetuneSettings:
        return finetuning(language_model, file, tmp_path / name, epochs=4.0, **values)

    def work(stops_after: int) -> Callable[[int], str]:
        """A part of the run, which a signal ends after an update of the second epoch."""
        before = EpochBatches.at

        def at(self: EpochBatches, update: int, *given: Any, **named: Any) -> Batch:
            if update + 1 == stops_after:
                os.kill(os.getpid(), signal.SIGTERM)
            return before(self, update, *given, **named)

        def run(rank: int) -> str:
            EpochBatches.at = at  # type: ignore[method-assign]
            return str(finetune(settings("many", resume=(tmp_path / "many").exists())).folder)

        return run

    an_epoch = finetune(settings("one")).to_json()["updates"] // 4
    for world, update in ((2, an_epoch + 2), (1, 2 * an_epoch)):
        assert f"after update {update};" in Together(world, work(update)).ended()[0].message
    together(3, work(0))
    assert_same_run(tmp_path / "one", tmp_path / "many")


def test_a_process_without_a_share_counts_for_nothing(pretraining: Pretraining, tmp_path: Path):
    pretrain(pretraining(tmp_path / "one", updates=6, batch=2))
    together(3, lambda rank: str(pretrain(pretraining(tmp_path / "many", updates=6, batch=2)).folder))
    assert_same_run(tmp_path / "one", tmp_path / "many")
