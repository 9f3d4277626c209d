"""The pages of a run: how its training went, and how good it is on one set of labelled examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from foretext.evaluation.calibration import Calibration
from foretext.evaluation.confusion import ClassScore, Confusion
from foretext.evaluation.report import Report
from foretext.evaluation.scoring import Evaluation
from foretext.evaluation.showing import sample, shown, worst
from foretext.tasks.examples import Example
from foretext.tasks.predictions import Predictions
from foretext.tasks.schema import TaskSchema

_NOT_DRAWN = {"update", "tokens", "seconds", "watch"}  # they only ever rise in a straight line, or are marks
_STAGES = {"valid": "validation", "largest": "largest between two lines"}  # how a name starts, and what it is then
POINT = "A point is one choice that the paper or its released code makes; `foretext recipe` lists them."


def evaluation_report(
    evaluation: Evaluation,
    examples: Sequence[Example],
    predictions: Predictions,
    *,
    schema: TaskSchema,
    title: str,
    warnings: Sequence[str] = (),
    settings: Mapping[str, object] | None = None,
) -> Report:
    """A page about one model on one set of labelled examples of the task that `schema` describes."""
    report = Report(title, f"{evaluation.count:,} examples; scores are times 100, with 95 % intervals")
    scores = report.section("Scores").warnings(warnings)
    scores.table(
        ("metric", "score", "chance"),
        [(name, value, f"{100 * evaluation.chance[name]:.1f}") for name, value in evaluation.metrics.items()],
        caption="Chance is the best that can be had without reading: always the same class, a blind choice, or 0.",
    )
    if evaluation.classes:
        _add_classes(report, evaluation.classes, evaluation.confusion)
    if evaluation.calibration:
        _add_calibration(report, evaluation.calibration)
    if mistakes := worst(examples, predictions, schema.labels):
        report.section("Gravest mistakes").paragraph(
            "Wrong with the most confidence, or furthest from the score, worst first."
        ).examples(shown(examples, predictions, mistakes, labels=schema.labels, names=schema.text))
    report.section("A fair sample").paragraph("Examples at even distances through the file.").examples(
        shown(examples, predictions, sample(len(examples)), labels=schema.labels, names=schema.text)
    )
    if settings:
        report.section("How this was made").values("Settings", settings)
    return report


def training_report(
    lines: Sequence[Mapping[str, Any]],
    *,
    title: str,
    settings: Mapping[str, object] | None = None,
    departures: Sequence[Sequence[str]] | None = None,
    warnings: Sequence[str] = (),
) -> Report:
    """A page about one run from the lines of its `metrics.jsonl`: losses and whatever else was measured over updates.

    Names that start with `valid_` or `largest_` are drawn beside the training's value of the same name; what the watch
    on the run did is marked on each curve, and said in `warnings`. `departures` are rows of
    five: a point of the paper's recipe, the stage (the model, pre-training or fine-tuning), the setting, its value in
    this run and in the paper.
    """
    from foretext.evaluation.figures import loss_curves

    report = Report(title, f"{max((line['update'] for line in lines), default=0):,} updates")
    curves = report.section("Curves").warnings(warnings)
    for name, series in _curves(lines).items():
        curves.figure(
            loss_curves(series, y=name.replace("_", " "), marks=_marks(lines)),
            f"{name.replace('_', ' ').capitalize()} over updates.",
            f"Lines of {', '.join(series)} over updates; the last values stand in the legend.",
        )
    if departures is not None:
        _add_departures(report, departures)
    if settings:
        report.section("How this was made").values("Settings", settings)
    return report


def _curves(lines: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, tuple[list[float], list[float]]]]:
    """Quantity, then "training" or "validation", then its updates and its values."""
    curves: dict[str, dict[str, tuple[list[float], list[float]]]] = {}
    for line in lines:
        for name in line.keys() - _NOT_DRAWN:
            start, _, rest = name.partition("_")
            stage = _STAGES.get(start, "training")
            points = curves.setdefault(rest if start in _STAGES else name, {}).setdefault(stage, ([], []))
            if line[name] is not None:  # a norm that was not finite
                points[0].append(line["update"])
                points[1].append(line[name])
    return dict(sorted(curves.items(), key=lambda curve: (curve[0] != "loss", curve[0])))


def _marks(lines: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """What the watch did, in a word, and at which updates."""
    marks: dict[str, list[float]] = {}
    for line in lines:
        event = line.get("watch", {})
        for name, became in (("left_out", "left out"), ("outside", "outside the band")):
            marks.setdefault(became, []).extend(found["update"] for found in event.get(name, ()))
        marks.setdefault("gone back to", []).extend([line["update"]] if "went_back" in event else [])
        marks.setdefault("alarm", []).extend([line["update"]] if "alarm" in event else [])
    return {name: updates for name, updates in marks.items() if updates}


def _add_departures(report: Report, departures: Sequence[Sequence[str]]) -> None:
    section = report.section("Departures from the paper")
    if departures:
        section.table(("point", "stage", "setting", "this run", "paper"), departures, POINT)
    else:
        section.paragraph("None: every setting has the value of the paper or of the code released with it.")


def _add_classes(report: Report, scores: Sequence[ClassScore], confusion: Confusion | None) -> None:
    from foretext.evaluation.figures import confusion_matrix

    section = report.section("Classes")
    section.table(
        ("class", "precision", "recall", "F1", "examples"),
        [
            (score.name, *(f"{100 * value:.1f}" for value in (score.precision, score.recall, score.f1)), score.support)
            for score in scores
        ],
    )
    if confusion is not None:
        section.figure(
            confusion_matrix(confusion),
            "Each row is a true class; the darker, the larger the share of it that got the prediction of the column.",
            "Confusion matrix; the table above gives precision and recall of each class.",
        )


def _add_calibration(report: Report, calibration: Calibration) -> None:
    from foretext.evaluation.figures import calibration_plot

    report.section("Honesty of the probabilities").figure(
        calibration_plot(calibration),
        f"Expected calibration error {100 * calibration.error:.1f} of 100. Below the dashed line the model "
        "is too sure of itself, above it too modest.",
        "Share of right predictions against the confidence they were made with.",
    )
