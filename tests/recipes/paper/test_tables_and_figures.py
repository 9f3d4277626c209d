"""Tables 1 and 5 and Figure 2 by one command each: the studies that they are, on what is at hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foretext.errors import DataError, SettingsError
from foretext.recipes.paper.at_hand import Table1
from foretext.recipes.paper.figure_2 import Figure2
from foretext.recipes.paper.scores import TABLE_5, TABLE_5_TASKS
from foretext.recipes.paper.table_5 import Table5, table_5_cells
from foretext.recipes.reproduce import reproduce
from foretext.recipes.settings.finetune import FinetuningSettings
from foretext.recipes.settings.reproduce import ReproduceSettings
from foretext.recipes.studies import trials
from foretext.training.settings import LoopSettings

QUICK = FinetuningSettings(epochs=1.0, batch=4, learning_rate=1e-2, loop=LoopSettings(device="cpu", precision="fp32"))


@pytest.fixture
def run(language_model: Path, tmp_path: Path) -> Callable[..., Any]:
    """Makes a table or figure with the tiny model, from and into the test's own folder."""

    def made(**settings: Any) -> Any:
        values = {"model": str(language_model), "seeds": 1, "out": tmp_path / "out", "data": tmp_path / "data"}
        return reproduce(ReproduceSettings(**{**values, "finetuning": QUICK, **settings}))

    return made


def rte(data: Path) -> None:
    (data / "RTE").mkdir(parents=True)
    for name, count in {"train": 12, "dev": 6}.items():
        rows = [f"{n}\tAnn saw a cat {n}.\tBob.\t{('not_', '')[n % 2]}entailment" for n in range(count)]
        (data / "RTE" / f"{name}.tsv").write_text("\n".join(["index\tsentence1\tsentence2\tlabel", *rows, ""]))


def mnli(data: Path) -> None:
    (data / "MNLI").mkdir(parents=True)
    labels = ("entailment", "neutral", "contradiction")
    for name in ("train_subset", "dev_matched"):
        rows = [{"premise": f"Ann {n}.", "hypothesis": "Bob.", "label": labels[n % 3]} for n in range(12)]
        (data / "MNLI" / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def cola(data: Path) -> None:
    (data / "CoLA").mkdir(parents=True)
    for name in ("train", "dev"):
        rows = [f"a\t{n % 2}\t\tAnn saw a {('cat', 'cat cat')[n % 2]}." for n in range(8)]
        (data / "CoLA" / f"{name}.tsv").write_text("\n".join([*rows, ""]))


def test_table_1_counts_the_rows_of_every_file_and_names_what_is_missing(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    rte(tmp_path / "data")
    mnli(tmp_path / "data")
    done = run(table=1)
    assert isinstance(done, Table1)
    rows = {one.name: one.cells()[2:5] for one in done.sets}
    assert len(rows) == 12
    assert rows["RTE"] == ["12", "6", "missing"]
    assert rows["MNLI"] == ["12 (part)", "12; mismatched missing", "missing"]
    assert rows["RACE"] == ["missing"] * 3
    assert any(line.startswith("RTE: no test. Get it from https://gluebenchmark.com") for line in done.lines())
    assert json.loads((tmp_path / "out" / "table-1.json").read_text()) == json.loads(json.dumps(done.to_json()))


def test_rows_without_a_label_are_counted_apart(run: Callable[..., Any], tmp_path: Path) -> None:
    rte(tmp_path / "data")
    (tmp_path / "data" / "RTE" / "test.tsv").write_text("index\tsentence1\tsentence2\n0\tAnn.\tBob.\n")
    [found] = [one for one in run(table=1).sets if one.name == "RTE"]
    assert found.cells()[4] == "1, no labels"


def test_table_5_is_the_study_of_ablations_on_the_tasks_at_hand(run: Callable[..., Any], tmp_path: Path) -> None:
    rte(tmp_path / "data")
    done = run(table=5)
    assert isinstance(done, Table5)
    scores = {row["variant"]: row["score"] for row in done.studied.study.rows}
    assert list(scores) == ["full", "no pre-training", "no auxiliary loss"]
    cells = table_5_cells(done.studied.study.rows)
    assert [row[0] for row in cells[::2]] == list(TABLE_5)
    assert cells[0][1:] == ["paper", "74.7", "45.4", "91.3", "82.3", "82.0", "70.3", "81.8", "88.1", "56.0"]
    assert cells[1][1:] == ["ours", *["–"] * 8, f"{100 * scores['full']:.1f}"]
    assert cells[7][1:] == ["ours", *["–"] * 9]
    assert len(done.missing) == 7
    assert any(line.startswith("departs from the paper in fine-tuning: batch 4 (32)") for line in done.lines())
    assert not any("transfer layers" in line for line in done.lines())
    assert json.loads((tmp_path / "out" / "table-5.json").read_text())["rows"][1]["RTE"] == cells[1][-1]
    assert (tmp_path / "out" / "ablations.png").exists()


def test_what_a_table_was_made_of_is_not_trained_again(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rte(tmp_path / "data")
    first = run(table=5)
    monkeypatch.setattr(trials, "finetune_from", lambda *_: pytest.fail("trained again"))
    assert run(table=5).studied == first.studied


def test_the_average_of_table_5_is_of_all_eight_tasks_or_not_given() -> None:
    rows = [{"variant": "full", "task": name, "score": 0.1 * k} for k, name in enumerate(TABLE_5_TASKS)]
    assert table_5_cells(rows)[1][2] == "35.0"
    assert table_5_cells(rows[1:])[1][2] == "–"


def test_figure_2_is_the_two_studies_on_what_is_at_hand(run: Callable[..., Any], tmp_path: Path) -> None:
    mnli(tmp_path / "data")
    cola(tmp_path / "data")
    done = run(figure=2)
    assert isinstance(done, Figure2)
    assert done.left is not None
    assert done.right is not None
    assert [(row["task"], row["layers"]) for row in done.left.study.rows] == [("MNLI", 0), ("MNLI", 1)]
    assert [(row["task"], row["updates"]) for row in done.right.study.rows][-1] == ("CoLA", 60)
    assert [line.split(":")[0] for line in done.missing] == ["RACE", "SST-2", "DPR", "RACE"]
    for name in ("figure-2.svg", "figure-2.png", "figure-2.json", "layers.csv", "zero-shot.csv"):
        assert (tmp_path / "out" / name).exists()


def test_a_half_of_figure_2_without_data_is_left_out(run: Callable[..., Any], tmp_path: Path) -> None:
    cola(tmp_path / "data")
    done = run(figure=2)
    assert done.left is None
    assert done.lines()[:3] == ["left: layers transferred", "", "not measured"]


def test_without_any_data_the_files_are_named(run: Callable[..., Any], tmp_path: Path) -> None:
    for wanted in ({"table": 5}, {"figure": 2}):
        with pytest.raises(DataError, match="there is no train"):
            run(**wanted)


def test_settings_that_mean_nothing_for_what_is_asked_are_refused(run: Callable[..., Any]) -> None:
    for given, why in (
        ({"table": 5, "transfer_layers": 0}, "leave out --transfer-layers"),
        ({"figure": 2, "keep_runs": True}, "keep scores alone"),
        ({"table": 2, "lstm": "x"}, "--lstm is for --table 5"),
    ):
        with pytest.raises(SettingsError, match=why):
            run(**given)
