"""Fine-tuning from a model that was fine-tuned on another task: what it keeps, what starts anew, what is said."""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from foretext.checkpoints.saved_model import load_model
from foretext.errors import SettingsError
from foretext.recipes.finetune import finetune
from foretext.recipes.recipe import recipe
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.recipe import RecipeSettings
from foretext.tasks.labelled import LabelledDataSettings
from foretext.training.settings import LoopSettings, OptimizerSettings

from .test_new_labels import rows, written

FILES = {"classification": "train.csv", "entailment": "pairs.csv", "similarity": "scores.tsv", "choice": "choice.jsonl"}
COLUMNS = {
    "multi-label": ("labels.csv", "labels"),
    "ordinal": ("level.csv", "level"),
    "tagging": ("spans.jsonl", "spans"),
}


@pytest.fixture(scope="module")
def file_of(labelled: Path, tmp_path_factory: pytest.TempPathFactory):
    folder, found = tmp_path_factory.mktemp("kinds"), rows(0, 24)
    made = {kind: written(folder, name, found, column) for kind, (name, column) in COLUMNS.items()}
    return {**made, **{kind: labelled / name for kind, name in FILES.items()}}


def trained(model: Path, out: Path, data: Path, kind: str, **settings: Any) -> Path:
    """A run of two updates, the first at rate 0, the second at next to none."""
    finetune(
        FinetuneSettings(
            model=str(model),
            out=out,
            labelled=LabelledDataSettings(data=data, kind=kind, label=COLUMNS.get(kind, ("", None))[1]),
            **{"epochs": 1, "batch": 16, "learning_rate": 1e-9, "dropout": 0.0, "language_model_weight": 0.0}
            | settings,
            optimizer=OptimizerSettings(weight_decay=0),
            loop=LoopSettings(device="cpu", precision="fp32"),
        )
    )
    return out


@pytest.mark.parametrize("kind", [*FILES, *COLUMNS])
def test_a_classifier_goes_on_to_any_kind_with_its_decoder_and_special_tokens_and_a_new_head(
    classifier, file_of, kind, tmp_path
):
    before, after = load_model(classifier), load_model(trained(classifier, tmp_path / "run", file_of[kind], kind))
    for name, value in before.gpt.state_dict().items():
        if not name.startswith("head."):
            torch.testing.assert_close(after.gpt.state_dict()[name], value, rtol=0, atol=1e-7)
    assert after.task.kind == kind
    earlier = after.history.finetuning.intermediate
    assert earlier == before.history.finetuning
    assert earlier.task.kind == "classification"


def test_a_tagger_goes_on_to_classes(language_model, file_of, tmp_path):
    tagger = trained(language_model, tmp_path / "tagger", file_of["tagging"], "tagging")
    run = trained(tagger, tmp_path / "run", file_of["classification"], "classification")
    assert load_model(run).gpt.head.settings.reads == "extract"


def test_the_tasks_before_are_a_departure_that_is_said_and_kept_in_their_order(classifier, file_of, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    pairs = trained(classifier, tmp_path / "pairs", file_of["entailment"], "entailment")
    assert "intermediate task classification (nothing)" in caplog.text
    assert "special tokens from intermediate task (nothing)" in caplog.text
    last = trained(pairs, tmp_path / "last", file_of["similarity"], "similarity")
    departed = {d.setting: d.value for d in load_model(last).history.finetuning.departures}
    assert departed["intermediate_task"] == "classification, then entailment"
    assert "classification, then" in "\n".join(recipe(RecipeSettings(run=str(last))).lines())


def test_a_published_task_is_named(classifier, file_of, tmp_path):
    from dataclasses import replace

    done = load_model(trained(classifier, tmp_path / "run", file_of["choice"], "choice")).history.finetuning
    assert done.intermediate_tasks() == "classification"
    named = replace(done, intermediate=replace(done.intermediate, published="SST-2"))
    assert named.intermediate_tasks() == "classification (SST-2)"


def test_from_scratch_no_task_was_before(classifier, file_of, tmp_path):
    run = load_model(trained(classifier, tmp_path / "run", file_of["choice"], "choice", transfer_layers=-1))
    assert run.history.finetuning.intermediate is None
    assert "special_tokens_from" not in {d.setting for d in run.history.finetuning.departures}


def test_from_a_language_model_no_task_was_before(language_model, file_of, tmp_path):
    run = load_model(trained(language_model, tmp_path / "run", file_of["choice"], "choice"))
    assert run.history.finetuning.intermediate is None


def test_the_last_blocks_may_start_anew(language_model, labelled, tmp_path):
    source = load_model(language_model)
    run = load_model(
        trained(language_model, tmp_path / "run", labelled / "train.csv", "classification", fresh_blocks=1)
    )
    name = "blocks.0.attention.query_key_value.weight"
    assert not torch.allclose(source.gpt.state_dict()[name], run.gpt.state_dict()[name], atol=1e-3)
    pieces = source.gpt.settings.vocabulary
    torch.testing.assert_close(run.gpt.embedding[:pieces], source.gpt.embedding[:pieces], rtol=0, atol=1e-7)
    assert [(d.point, d.value) for d in run.history.finetuning.departures if d.setting == "fresh_blocks"] == [("15", 1)]


def test_more_fresh_blocks_than_there_are_or_together_with_transferred_ones_are_refused(
    language_model, labelled, tmp_path
):
    with pytest.raises(SettingsError, match="--fresh-blocks 2: this model has 1 blocks"):
        trained(language_model, tmp_path / "run", labelled / "train.csv", "classification", fresh_blocks=2)
    with pytest.raises(SettingsError, match="--transfer-layers 1 .* --fresh-blocks 1: give one of them"):
        FinetuneSettings(model="m", out=tmp_path, fresh_blocks=1, transfer_layers=1)


def test_few_examples_may_have_more_epochs(language_model, labelled, tmp_path):
    few = tmp_path / "few.csv"
    with (labelled / "train.csv").open(newline="") as file:
        lines = list(csv.reader(file))[:33]
    few.write_text("\n".join(",".join(line) for line in lines), encoding="utf-8")
    loop = {"epochs": 2, "batch": 16, "least_updates": 6}
    run = load_model(trained(language_model, tmp_path / "few", few, "classification", **loop))
    assert run.history.finetuning.result.updates == 6
    many = load_model(
        trained(language_model, tmp_path / "many", labelled / "train.csv", "classification", **{**loop, "epochs": 4})
    )
    assert many.history.finetuning.result.updates > 6
    assert ("least_updates", 6, 0) in [(d.setting, d.value, d.paper) for d in run.history.finetuning.departures]
