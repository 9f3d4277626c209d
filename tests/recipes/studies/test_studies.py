"""The four studies on made-up sentences: what they compare, that they go on where they were, what they read off."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from foretext.checkpoints.run_folder import RunFolder
from foretext.checkpoints.saved_model import load_model
from foretext.errors import SettingsError, UnknownName
from foretext.evaluation.zero_shot_tasks import ZeroShotSettings, find_zero_shot_tasks
from foretext.model.settings import ModelShape
from foretext.recipes.paper.scores import TABLE_5
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.finetune import FinetuningSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.recipes.settings.study import (
    StudyAblationsSettings,
    StudyDataSettings,
    StudyLayersSettings,
    StudyZeroShotSettings,
)
from foretext.recipes.studies import trials
from foretext.recipes.studies.ablations import IN_TABLE_5, study_ablations
from foretext.recipes.studies.data import labels_needed, log_spaced, study_data
from foretext.recipes.studies.layers import study_layers
from foretext.recipes.studies.zero_shot import best_supervised, relative, study_zero_shot
from foretext.tasks.labelled import LabelledDataSettings
from foretext.tasks.sources import named_sources
from foretext.training.settings import LoopSettings

CPU = LoopSettings(device="cpu", precision="fp32")
QUICK = FinetuningSettings(keep="last", epochs=1, batch=8, learning_rate=1e-2, dropout=0, loop=CPU)


@pytest.fixture
def common(language_model: Path, labelled: Path, tmp_path: Path) -> dict[str, Any]:
    data = LabelledDataSettings(data=labelled / "train.csv", valid=labelled / "test.csv", kind="classification")
    return {
        "model": str(language_model),
        "out": tmp_path / "study",
        "seeds": 2,
        "labelled": data,
        "finetuning": QUICK,
    }


@pytest.fixture
def zero_shot_data(tmp_path: Path) -> Path:
    """A file of questions whose answers the made-up sentences make likely or not."""
    path = tmp_path / "places.jsonl"
    rows = [
        {"question": f"Ann saw a {animal} in the", "answers": ["barn.", "barn barn saw"], "label": 0}
        for animal in ("cat", "dog", "hen", "fox")
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_layers_are_those_of_the_model_and_every_trial_is_done_once(
    common: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = StudyLayersSettings(**common, scratch=True)
    done = study_layers(settings)
    assert [row["layers"] for row in done.study.rows] == [-1, 0, 1]
    assert {row["seeds"] for row in done.study.rows} == {2}
    assert {row["examples"] for row in done.study.rows} == {24}
    assert all(row["score_low"] <= row["score"] <= row["score_high"] for row in done.study.rows)
    monkeypatch.setattr(trials, "finetune_from", lambda *_: pytest.fail("trained again"))
    assert study_layers(settings).study == done.study
    written = list(csv.DictReader((common["out"] / "layers.csv").open()))
    assert [float(row["score"]) for row in written] == [row["score"] for row in done.study.rows]


def test_layers_the_model_does_not_have_are_refused(common: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="has 1 layers; give numbers from -1 to 1"):
        study_layers(StudyLayersSettings(**common, layers=(2,)))


def test_a_variant_that_lacks_nothing_does_not_differ_from_the_full_method(common: dict[str, Any]) -> None:
    done = study_ablations(StudyAblationsSettings(**common, lstm=common["model"]))
    rows = {str(row["variant"]): row for row in done.study.rows}
    assert list(rows) == ["full", "no pre-training", "no auxiliary loss", "LSTM"]
    assert (rows["LSTM"]["difference"], rows["LSTM"]["p"]) == (0, 1)
    assert rows["full"]["difference"] is None
    assert rows["no pre-training"]["score"] != rows["full"]["score"]
    assert rows["no pre-training"]["difference_low"] <= rows["no pre-training"]["difference"]
    assert not any("left out" in warning for warning in done.study.warnings)


def test_every_variant_has_its_row_in_table_5() -> None:
    assert set(IN_TABLE_5.values()) == set(TABLE_5)


def test_the_best_supervised_scores_are_those_of_the_papers_tables() -> None:
    best = best_supervised()
    found = [best[name] for name in ("CoLA", "SST-2", "RACE", "StoryCloze")]
    assert found == pytest.approx([0.35, 0.932, 0.533, 0.776])
    assert relative(0.2, chance=0.0, best=best["CoLA"]) == pytest.approx(4 / 7)


def test_without_an_auxiliary_loss_there_is_none_to_leave_out(common: dict[str, Any]) -> None:
    common["finetuning"] = QUICK.model_copy(update={"language_model_weight": 0.0})
    with pytest.raises(SettingsError, match="no auxiliary loss to leave out"):
        study_ablations(StudyAblationsSettings(**common))


def test_labels_are_counted_with_and_without_pre_training(common: dict[str, Any]) -> None:
    done = study_data(StudyDataSettings(**common, sizes=(16, 64), updates=4))
    points = [(row["labels"], row["start"], row["updates"]) for row in done.study.rows]
    assert points == [(size, start, 4) for size in (16, 64) for start in ("pre-trained", "from scratch")]
    assert len(done.study.findings) == 2
    with pytest.raises(SettingsError, match="train has 64 training examples, not 65"):
        study_data(StudyDataSettings(**common, sizes=(65,)))


def test_sizes_stand_about_the_same_factor_apart() -> None:
    assert log_spaced(10, 1_000, 3) == [10, 100, 1_000]
    assert log_spaced(100, 50, 4) == [50]


@pytest.mark.parametrize(
    ("target", "needed"),
    [(0.55, 31.6), (0.6, 100), (0.7, 1_000), (0.65, 316), (0.71, None), (0.5, 10), (0.3, 10)],
)
def test_labels_needed_are_read_off_between_points_along_their_logarithm(target: float, needed: float | None) -> None:
    found = labels_needed([10, 100, 1_000], [0.5, 0.6, 0.7], target)
    assert found == (None if needed is None else pytest.approx(needed, rel=1e-2))


def test_a_score_that_falls_with_more_labels_counts_as_the_best_so_far() -> None:
    assert labels_needed([10, 100, 1_000], [0.6, 0.5, 0.8], 0.6) == 10
    assert labels_needed([10, 100, 1_000], [0.6, 0.5, 0.8], 0.7) == pytest.approx(316, rel=1e-2)


def test_tasks_are_named_by_the_catalogue_by_toml_files_or_by_their_file(labelled: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(f'data = "{labelled / "choice.jsonl"}"\nkind = "choice"\n')
    own = LabelledDataSettings(data=labelled / "train.csv", kind="classification")
    assert list(named_sources((), own)) == ["train"]
    sources = named_sources(("cola", str(tmp_path / "mine.toml")), LabelledDataSettings())
    assert {name: source.kind or source.task for name, source in sources.items()} == {"CoLA": "CoLA", "mine": "choice"}
    with pytest.raises(UnknownName, match="did you mean 'CoLA'"):
        named_sources(("CoLE",), own)
    with pytest.raises(SettingsError, match="CoLA is given twice"):
        named_sources(("CoLA", "cola"), own)
    with pytest.raises(SettingsError, match="give a task"):
        named_sources((), LabelledDataSettings())


def test_zero_shot_scores_follow_the_checkpoints_of_a_run_and_are_kept(
    language_model: Path, zero_shot_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = StudyZeroShotSettings(
        models=(str(language_model),),
        out=tmp_path / "study",
        best=("places=0.9",),
        device="cpu",
        labelled=LabelledDataSettings(data=zero_shot_data, kind="choice"),
    )
    done = study_zero_shot(settings)
    kept = sorted(checkpoint.update for checkpoint in RunFolder(language_model).checkpoints.complete())
    assert [row["updates"] for row in done.study.rows] == kept
    last = done.study.rows[-1]
    assert (last["metric"], last["score"], last["chance"], last["relative"]) == ("accuracy", 1.0, 0.5, 1.25)
    monkeypatch.setattr("foretext.evaluation.zero_shot.score_zero_shot", lambda *_: pytest.fail("scored again"))
    assert study_zero_shot(settings).study == done.study


def test_models_without_checkpoints_make_one_curve(language_model: Path, zero_shot_data: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for file in ("model.json", "model.safetensors", "tokenizer.json"):
            (tmp_path / name / file).write_bytes((language_model / file).read_bytes())
    settings = StudyZeroShotSettings(
        models=(str(tmp_path / "a"), str(tmp_path / "b")),
        out=tmp_path / "study",
        device="cpu",
        labelled=LabelledDataSettings(data=zero_shot_data, kind="choice"),
    )
    rows = study_zero_shot(settings).study.rows
    assert [(row["model"], row["updates"], row["relative"]) for row in rows] == [("models", 60, None)] * 2


def test_checkpoints_that_are_named_make_one_curve_by_their_updates(
    language_model: Path, zero_shot_data: Path, tmp_path: Path
) -> None:
    kept = RunFolder(language_model).checkpoints.updates()
    settings = StudyZeroShotSettings(
        models=tuple(f"{language_model}@{update}" for update in kept),
        out=tmp_path / "study",
        device="cpu",
        labelled=LabelledDataSettings(data=zero_shot_data, kind="choice"),
    )
    done = study_zero_shot(settings)
    assert [(row["model"], row["updates"]) for row in done.study.rows] == [("models", update) for update in kept]
    whole = study_zero_shot(settings.model_copy(update={"models": (str(language_model),)}))
    assert [row["score"] for row in done.study.rows] == [row["score"] for row in whole.study.rows]


@pytest.mark.parametrize("best", ["CoLA", "=0.5", "CoLA=x", "CoLA=35"])
def test_a_best_score_is_a_name_and_a_share(language_model: Path, tmp_path: Path, best: str) -> None:
    with pytest.raises(SettingsError, match="is not NAME=SCORE"):
        study_zero_shot(StudyZeroShotSettings(models=(str(language_model),), out=tmp_path, best=(best,)))


def test_a_persons_file_says_which_heuristic_it_asks_for(labelled: Path) -> None:
    source = {"mine": LabelledDataSettings(data=labelled / "pairs.csv", kind="classification", text=("premise",))}
    with pytest.raises(SettingsError, match="mine is classification: say with --heuristic"):
        find_zero_shot_tasks(source, ZeroShotSettings())
    task = find_zero_shot_tasks(source, ZeroShotSettings(heuristic="acceptability", score_rows=10))["mine"]
    assert (task.heuristic, len(task.examples), len(task.training)) == ("acceptability", 10, 0)


def test_a_validation_file_is_scored_and_the_other_one_sets_the_threshold(labelled: Path) -> None:
    own = LabelledDataSettings(
        data=labelled / "pairs.csv", valid=labelled / "pairs.csv", kind="classification", text=("premise",)
    )
    chosen = find_zero_shot_tasks({"mine": own}, ZeroShotSettings(heuristic="acceptability", threshold_rows=5))["mine"]
    assert (len(chosen.examples), len(chosen.training)) == (64, 5)
    median = find_zero_shot_tasks({"mine": own}, ZeroShotSettings(heuristic="acceptability", threshold="median"))
    assert not median["mine"].training


def test_a_probe_is_logged_at_each_validation_and_changes_no_weight(
    language_model: Path, zero_shot_data: Path, tmp_path: Path
) -> None:
    probe = tmp_path / "places.toml"
    probe.write_text(f'data = "{zero_shot_data}"\nkind = "choice"\n')
    weights = []
    for name, probes in (("with", (str(probe),)), ("without", ())):
        settings = PretrainSettings(
            corpus=language_model.parent / "corpus",
            out=tmp_path / name,
            updates=4,
            batch=2,
            warmup=1,
            probe=probes,
            model=ModelShape(context=32, layers=1, width=32, heads=2),
            loop=CPU.model_copy(update={"validate_every": 2}),
        )
        pretrain(settings)
        weights.append(load_model(tmp_path / name).fingerprint)
    lines = [line for line in RunFolder(tmp_path / "with").metrics.lines() if "valid_loss" in line]
    assert [line["update"] for line in lines] == [2, 4]
    assert all(0 <= line["valid_zero_shot_places"] <= 1 for line in lines)
    assert weights[0] == weights[1]


def test_a_folder_without_tasks_to_probe_is_refused(language_model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    settings = PretrainSettings(
        corpus=language_model.parent / "corpus",
        out=tmp_path / "run",
        updates=1,
        warmup=0,
        probe=(str(tmp_path / "empty"),),
    )
    with pytest.raises(SettingsError, match="holds no published task"):
        pretrain(settings)
    assert not (tmp_path / "run").exists()
