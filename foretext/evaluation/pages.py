"""The report of one evaluation: scores, what is taken for what, honesty of the probabilities, the worst mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foretext.evaluation.calibration import Calibration
from foretext.evaluation.confusion import Confusion
from foretext.evaluation.report import Report
from foretext.evaluation.scoring import Evaluation
from foretext.evaluation.showing import sample, shown, worst
from foretext.tasks.examples import Example
from foretext.tasks.predictions import Predictions


def evaluation_report(
    evaluation: Evaluation,
    examples: Sequence[Example],
    predictions: Predictions,
    *,
    title: str,
    names: Sequence[str] = (),
    warnings: Sequence[str] = (),
    settings: Mapping[str, object] | None = None,
) -> Report:
    """A page about one model on one set of labelled examples; `names` are what the texts of an example are called."""
    report = Report(title, f"{evaluation.count:,} examples; scores are times 100, with 95 % bootstrap intervals")
    scores = report.section("Scores").warnings(warnings)
    scores.table(
        ("metric", "score", "chance"),
        [(name, value, f"{100 * evaluation.chance[name]:.1f}") for name, value in evaluation.metrics.items()],
        caption="Chance is the best that can be had without reading: always the same class, a blind choice, or 0.",
    )
    if evaluation.confusion:
        _add_classes(report, evaluation.confusion)
    if evaluation.calibration:
        _add_calibration(report, evaluation.calibration)
    if mistakes := worst(examples, predictions):
        report.section("Gravest mistakes").paragraph(
            "Wrong with the most confidence, or furthest from the score, worst first."
        ).examples(shown(examples, predictions, mistakes, names=names))
    report.section("A fair sample").paragraph("Examples at even distances through the file.").examples(
        shown(examples, predictions, sample(len(examples)), names=names)
    )
    if settings:
        report.section("How this was made").values("Settings", settings)
    return report


def _add_classes(report: Report, confusion: Confusion) -> None:
    from foretext.evaluation.figures import confusion_matrix

    section = report.section("Classes")
    section.table(
        ("class", "precision", "recall", "F1", "examples"),
        [
            (score.name, *(f"{100 * value:.1f}" for value in (score.precision, score.recall, score.f1)), score.support)
            for score in confusion.scores()
        ],
    )
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
