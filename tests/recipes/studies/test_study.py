"""Studies on disk: what is written is what is read back, and one report holds all that a folder has."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from foretext.errors import DataError
from foretext.evaluation.figures import png
from foretext.evaluation.intervals import Estimate
from foretext.recipes.studies.figures import FIGURES
from foretext.recipes.studies.rows import with_interval
from foretext.recipes.studies.study import Study, as_csv, read_studies, studies_report, write_study

pytestmark = pytest.mark.usefixtures("drawn")

SCORE = with_interval("score", Estimate(0.5, 0.4, 0.6, 3))


def layers_study(**changes: Any) -> Study:
    rows = [{"task": "T", "layers": k, "metric": "accuracy", **SCORE, "chance": 0.25, "seeds": 3} for k in (-1, 0, 1)]
    values: dict[str, Any] = {
        "name": "layers",
        "title": "Layers <transferred>",
        "about": "What each is worth.",
        "caption": "Medians.",
        "rows": rows,
        "shown": ["task", "layers", "score", "chance"],
        "findings": ["It rises."],
        "warnings": ["Few seeds."],
        "settings": {"seeds": 3},
    }
    return Study(**{**values, **changes})


def data_study() -> Study:
    rows = [
        {"task": "T", "start": start, "labels": labels, "metric": "accuracy", **SCORE, "chance": 0.25, "seeds": 3}
        for start in ("pre-trained", "from scratch")
        for labels in (10, 1_000)
    ]
    return layers_study(name="data", title="Labels", rows=rows, shown=["labels", "start", "score"])


def test_a_study_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write_study(tmp_path, layers_study())
    assert read_studies(tmp_path) == [layers_study()]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "layers.csv",
        "layers.json",
        "layers.png",
        "report.html",
    ]
    assert (tmp_path / "layers.png").read_bytes().startswith(b"\x89PNG")


def test_the_csv_holds_every_number(tmp_path: Path) -> None:
    write_study(tmp_path, layers_study())
    rows = list(csv.DictReader((tmp_path / "layers.csv").open()))
    assert [{name: str(value) for name, value in row.items()} for row in layers_study().rows] == rows


def test_rows_of_unlike_columns_leave_cells_empty() -> None:
    assert as_csv([{"a": 1, "p": None}, {"a": 2, "b": "x,y"}]) == 'a,p,b\n1,,\n2,,"x,y"\n'


def test_one_report_has_a_section_for_each_study_of_the_folder(tmp_path: Path) -> None:
    write_study(tmp_path, layers_study())
    write_study(tmp_path, data_study())
    page = (tmp_path / "report.html").read_text()
    assert "Layers &lt;transferred&gt;" in page
    assert ">Labels</h2>" in page
    assert page.count("<img ") == 2
    write_study(tmp_path, layers_study(title="Layers again"))
    assert [section.title for section in studies_report(read_studies(tmp_path)).sections] == ["Labels", "Layers again"]


def test_estimates_and_shares_are_shown_times_100() -> None:
    assert layers_study().cells()[0] == ["T", -1, Estimate(0.5, 0.4, 0.6, 3), "25.0"]
    assert "T         -1  50.0 [40.0, 60.0]    25.0" in "\n".join(layers_study().lines())


def test_other_json_files_are_passed_over_and_damaged_ones_named(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(json.dumps({"format": "of another kind"}))
    assert read_studies(tmp_path) == []
    (tmp_path / "layers.json").write_text('{"format": "foretext study 1", "title": ')
    with pytest.raises(DataError, match="layers.json is no study"):
        read_studies(tmp_path)


def test_the_layers_are_drawn_with_chance_and_error_bars() -> None:
    (axes,) = FIGURES["layers"](layers_study().rows).axes
    points = axes.containers[0][0].get_xydata()
    assert points.tolist() == [[-1, 50], [0, 50], [1, 50]]
    assert any(list(line.get_ydata()) == [25.0, 25.0] for line in axes.lines)
    bars = axes.containers[0][2][0].get_segments()
    assert bars[0].tolist() == [[-1, pytest.approx(40)], [-1, pytest.approx(60)]]


def test_labels_far_apart_stand_on_a_logarithmic_scale() -> None:
    (axes,) = FIGURES["data"](data_study().rows).axes
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["pre-trained", "from scratch"]


def test_zero_shot_scores_are_drawn_between_chance_and_the_best_supervised() -> None:
    def row(task: str, model: str, updates: int, value: float | None) -> dict[str, Any]:
        return {
            "task": task,
            "model": model,
            "updates": updates,
            "relative": value,
            "relative_low": value,
            "relative_high": value,
        }

    rows = [row("A", "one", 5, 0.5), row("A", "one", 1, 0.1), row("A", "two", 1, 0.2), row("B", "one", 1, None)]
    (axes,) = FIGURES["zero-shot"](rows).axes
    drawn = {line.get_label(): line for line in axes.lines if not str(line.get_label()).startswith("_")}
    assert list(drawn) == ["A, one", "A, two"]
    assert drawn["A, one"].get_xydata().tolist() == [[1, 0.1], [5, 0.5]]
    assert (drawn["A, one"].get_linestyle(), drawn["A, two"].get_linestyle()) == ("-", "--")
    assert drawn["A, one"].get_color() == drawn["A, two"].get_color()


def test_every_variant_of_an_ablation_has_its_place_on_every_panel() -> None:
    rows = [
        {"task": task, "variant": variant, "metric": "accuracy", **SCORE, "chance": 0.25, "seeds": 3}
        for task in ("A", "B", "C", "D")
        for variant in ("full", "no pre-training")
    ]
    figure = FIGURES["ablations"](rows)
    assert [axes.get_title() for axes in figure.axes] == ["A", "B", "C", "D"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["full", "no pre-training"]
    assert png(figure) == png(figure)
