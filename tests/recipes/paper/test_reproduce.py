"""Reproductions: the paper's figures beside ours, from made-up files in the published formats and a tiny model."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foretext.errors import DataError, SettingsError
from foretext.recipes.reproduce import Reproduced, reproduce
from foretext.recipes.settings.finetune import FinetuningSettings
from foretext.recipes.settings.reproduce import ReproduceSettings
from foretext.recipes.studies import trials
from foretext.recipes.studies.trials import read_trial
from foretext.tasks.catalogue import find_task
from foretext.training.settings import LoopSettings

QUICK = FinetuningSettings(epochs=1.0, batch=4, learning_rate=1e-2, loop=LoopSettings(device="cpu", precision="fp32"))

Run = Callable[..., Reproduced]


@pytest.fixture
def run(language_model: Path, tmp_path: Path) -> Run:
    """Reproduces with the tiny model, from and into the test's own folder."""

    def reproduced(task: str | None = None, **settings: Any) -> Reproduced:
        values = {"model": str(language_model), "seeds": 1, "out": tmp_path / "out", "data": tmp_path, **settings}
        return reproduce(ReproduceSettings(task=task, **{"finetuning": QUICK, **values}))

    return reproduced


def pairs(count: int, words: tuple[str, ...], seed: int) -> list[list[str]]:
    draw = random.Random(seed)
    return [[f"Ann saw a {draw.choice(['cat', 'dog'])} {n}.", "Bob.", words[n % len(words)]] for n in range(count)]


def rte(root: Path, train: int = 12, valid: int = 6) -> None:
    (root / "RTE").mkdir()
    for name, count in {"train": train, "dev": valid}.items():
        rows = pairs(count, ("entailment", "not_entailment"), count)
        lines = ["\t".join([str(number), *row]) for number, row in enumerate(rows)]
        (root / "RTE" / f"{name}.tsv").write_text("\n".join(["index\tsentence1\tsentence2\tlabel", *lines, ""]))


def snli(root: Path) -> None:
    (root / "SNLI").mkdir()
    for name, count in {"train": 12, "dev": 6, "test": 9}.items():
        rows = pairs(count, ("entailment", "neutral", "contradiction"), count)
        lines = [json.dumps(dict(zip(("sentence1", "sentence2", "gold_label"), row, strict=True))) for row in rows]
        (root / "SNLI" / f"snli_1.0_{name}.jsonl").write_text("\n".join(lines))


def test_ours_are_the_scores_of_one_trial_a_seed(run: Run, tmp_path: Path) -> None:
    rte(tmp_path)
    done = run("rte", seeds=3)
    records = [read_trial(path) for path in (tmp_path / "out" / "trials").glob("*.json")]
    by_seed = {record.seed: record.score for record in records if record}
    [row] = done.rows
    assert row.ours == [by_seed[seed] for seed in range(3)]
    low, high = 100 * min(row.ours), 100 * max(row.ours)
    said = "within" if low <= 56.0 <= high else "above" if high < 56.0 else "below"
    assert row.cells() == [
        *("RTE", "accuracy", "6 validation", "56.0"),
        f"{100 * sorted(row.ours)[1]:.1f}",
        f"{low:.1f} to {high:.1f}",
        said,
    ]
    assert json.loads((tmp_path / "out" / "rte.json").read_text()) == done.to_json()


def test_what_is_there_is_not_trained_again(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rte(tmp_path)
    first = run("RTE", seeds=1)
    trained = []
    monkeypatch.setattr(trials, "finetune_from", lambda *_: trained.append(1) or pytest.fail("trained again"))
    assert run("RTE", seeds=1).rows == first.rows
    with pytest.raises(pytest.fail.Exception):
        run("RTE", seeds=2)
    assert trained == [1]


def test_where_test_labels_are_public_the_validation_set_only_chooses_the_epoch(run: Run, tmp_path: Path) -> None:
    snli(tmp_path)
    done = run("SNLI")
    assert done.rows[0].scored_on == "9 test"
    [record] = [read_trial(path) for path in (tmp_path / "out" / "trials").glob("*.json")]
    assert record is not None
    assert record.sets[""].count == 9
    assert done.notes == []


def test_a_table_measures_what_is_at_hand_and_says_what_is_not(run: Run, tmp_path: Path) -> None:
    rte(tmp_path)
    done = run(table=2)
    measured = {row.name: row.scored_on for row in done.rows}
    assert list(measured) == ["MNLI-m", "MNLI-mm", "SNLI", "SciTail", "QNLI", "RTE"]
    assert [name for name, scored in measured.items() if scored != "not measured"] == ["RTE"]
    assert len(done.missing) == 4
    assert any("SciTail: there is no tsv_format/scitail_1.0_train.tsv" in line for line in done.missing)
    assert any("https://nlp.stanford.edu/projects/snli/" in line for line in done.lines())


def test_the_files_of_one_task_are_not_taken_for_those_of_a_whole_table(run: Run, tmp_path: Path) -> None:
    rte(tmp_path)
    done = run("GLUE", data=tmp_path / "RTE")
    assert [row.name for row in done.rows if row.ours] == ["RTE"]
    assert any("WNLI: there is no train.tsv" in line for line in done.missing)


def test_what_is_scored_and_is_not_the_published_set_is_said(run: Run, tmp_path: Path) -> None:
    snli(tmp_path)
    assert "9 examples of the test set are at hand (published: 9,824)" in run("SNLI").data_departures["SNLI"]


def test_without_any_data_the_files_their_source_and_licence_are_named(run: Run) -> None:
    with pytest.raises(
        DataError, match=r"StoryCloze: there is no cloze_test_val__spring2016\.csv(.|\n)*RACE: there is no"
    ):
        run(table=3)


def test_a_test_set_that_is_missing_leaves_its_figure_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "MNLI").mkdir()
    for name in ("train", "dev_matched"):
        rows = pairs(8, ("entailment", "neutral", "contradiction"), 0)
        lines = [json.dumps(dict(zip(("premise", "hypothesis", "label"), row, strict=True))) for row in rows]
        (tmp_path / "MNLI" / f"{name}.jsonl").write_text("\n".join(lines))
    done = run("MNLI")
    assert [(row.name, row.scored_on) for row in done.rows] == [("MNLI-m", "8 validation"), ("MNLI-mm", "not measured")]
    assert done.missing[0].startswith("MNLI: there is no dev_mismatched.tsv or multinli_1.0_dev_mismatched.jsonl")
    assert "8 training examples are at hand (published: 392,702)" in done.data_departures["MNLI"]


def test_the_levels_of_race_are_scored_apart_and_together(run: Run, tmp_path: Path) -> None:
    for split in ("train", "test"):
        for number, level in enumerate(("middle", "middle", "high")):
            folder = tmp_path / "RACE" / split / level
            folder.mkdir(parents=True, exist_ok=True)
            exam = {
                "article": f"Ann saw a cat {number}.",
                "questions": ["Who?", "What?"],
                "options": [["Ann", "Bob", "Cleo", "Dan"]] * 2,
                "answers": ["A", "B"],
            }
            (folder / f"{number}.txt").write_text(json.dumps(exam))
    middle, high, both = run("RACE").rows
    assert [row.name for row in (middle, high, both)] == ["RACE-m", "RACE-h", "RACE"]
    assert both.ours[0] == pytest.approx((4 * middle.ours[0] + 2 * high.ours[0]) / 6)


def test_what_was_cut_is_said_with_the_rule_that_cut_it(run: Run, tmp_path: Path) -> None:
    exam = {
        "article": "Ann saw a cat. " * 12,
        "questions": ["Who?", "What?"],
        "options": [["Ann", "Bob", "Cleo", "Dan"]] * 2,
        "answers": ["A", "B"],
    }
    for split in ("train", "test"):
        for number, level in enumerate(("middle", "middle", "high")):
            folder = tmp_path / "RACE" / split / level
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.txt").write_text(
                json.dumps({**exam, "article": exam["article"] if number else "Ann."})
            )
    for cutting, words in {
        None: r"the document keeps its beginning \(--cutting beginning\)",
        "end": r"the document keeps its end \(--cutting end\)",
        "equal": r"every field keeps an equal share \(--cutting equal\)",
    }.items():
        [note] = [line for line in run("RACE", cutting=cutting).notes if "cut" in line]
        counted = (
            r"RACE: cut to fit the context were 4 \(66\.7%, by \d+ tokens on average\) of the scored examples, \d .*"
        )
        assert re.fullmatch(counted + words, note)
    assert len(list((tmp_path / "out" / "trials").glob("*.json"))) == 3


def test_glue_has_its_averages_below_its_tasks(run: Run, tmp_path: Path) -> None:
    rte(tmp_path)
    *_, nine, eight = run("glue").rows
    assert (nine.name, nine.paper, nine.scored_on) == ("GLUE, nine tasks", 72.8, "not measured")
    assert (eight.name, eight.paper) == ("Table 5, eight tasks", 74.7)


def test_fewer_rows_are_the_same_for_every_seed_and_said(run: Run, tmp_path: Path) -> None:
    rte(tmp_path, train=16, valid=10)
    done = run("RTE", train_rows=8, score_rows=5)
    assert "trained on 8 of 16 examples, the same for every seed" in done.data_departures["RTE"]
    assert "scored on 5 examples of a set at most" in done.data_departures["RTE"]
    [record] = [read_trial(path) for path in (tmp_path / "out" / "trials").glob("*.json")]
    assert record is not None
    assert (record.updates, record.sets[""].count) == (2, 5)


def test_runs_that_are_kept_are_models_to_predict_with(run: Run, tmp_path: Path) -> None:
    rte(tmp_path)
    done = run("RTE", keep_runs=True)
    assert (Path(done.runs["RTE"][0]) / "model.json").exists()
    assert not (Path(done.runs["RTE"][0]) / "checkpoints").exists()


def test_what_departs_from_the_paper_in_settings_and_model_is_said(run: Run, tmp_path: Path) -> None:
    rte(tmp_path)
    done = run("RTE", transfer_layers=0)
    departed = {(d.stage, d.setting): (d.value, d.paper) for d in done.departures}
    assert departed["finetuning", "epochs"] == (1.0, 3.0)
    assert departed["finetuning", "batch"] == (4, 32)
    assert departed["finetuning", "transfer_layers"] == (0, "all")
    assert departed["model", "layers"] == (1, 12)
    assert ("finetuning", "dropout") not in departed
    assert any(line.startswith("departs from the paper in fine-tuning: batch 4 (32)") for line in done.lines())


def test_one_thing_is_to_be_asked_for(run: Run) -> None:
    for given in ({}, {"task": "RTE", "table": 2}, {"table": 2, "figure": 1}):
        with pytest.raises(SettingsError, match="give a task"):
            run(**given)


def test_a_task_that_only_another_tasks_model_answers_is_refused(run: Run) -> None:
    assert "train" not in find_task("AX").files
    with pytest.raises(DataError, match="AX has no training examples; a model of another task answers it"):
        run("AX")
