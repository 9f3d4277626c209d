import json

import numpy as np
import pytest

from foretext.errors import DataError, UnknownName
from foretext.evaluation.calibration import calibration
from foretext.evaluation.intervals import paired_over_runs
from foretext.evaluation.scoring import score, score_examples
from foretext.evaluation.statistics import statistic
from foretext.tasks.examples import Example
from foretext.tasks.labels.classes import ClassLabels
from foretext.tasks.labels.sets import SetLabels
from foretext.tasks.metrics import METRICS
from foretext.tasks.predictions import Predictions, of_answers, of_classes, of_scores
from foretext.tasks.schema import TaskSchema

YES_OR_NO = TaskSchema(kind="classification", text=("text",), classes=("no", "yes"))
SCORES = TaskSchema(kind="regression", text=("text",))
CHOICE = TaskSchema(kind="choice", text=("text",), choices=("answers",), answer_labels="index0")


def labelled(*labels):
    return [Example((f"text {k}",), label=label, where=f"file.csv:{k + 2}") for k, label in enumerate(labels)]


def test_the_confusion_matrix_has_true_classes_in_rows_and_predictions_in_columns():
    schema = TaskSchema(kind="classification", text=("text",), classes=("a", "b", "c"))
    said = Predictions(("a", "a", "b", "b", "b"))
    evaluation = score_examples(labelled("a", "a", "a", "b", "c"), said, schema=schema)
    assert evaluation.confusion.counts == ((2, 1, 0), (0, 1, 0), (0, 1, 0))
    first, second, third = evaluation.confusion.scores()
    assert (first.precision, first.recall, first.support) == (1, 2 / 3, 3)
    assert (second.precision, second.recall, second.f1) == (1 / 3, 1, 0.5)
    assert (third.precision, third.recall, third.f1) == (0, 0, 0)


def test_metrics_of_a_worked_example():
    said = Predictions(("no", "no", "yes", "yes", "yes", "no"))
    metrics = score_examples(labelled("no", "no", "no", "yes", "yes", "yes"), said, schema=YES_OR_NO).metrics
    assert metrics["accuracy"].value == pytest.approx(4 / 6)
    assert metrics["f1"].value == pytest.approx(2 / 3)
    assert metrics["matthews"].value == pytest.approx(1 / 3)
    assert all(e.low <= e.value <= e.high for e in metrics.values())


def test_the_first_metric_is_the_one_that_decides():
    schema = YES_OR_NO.model_copy(update={"metric": "matthews"})
    assert score_examples(labelled("no", "yes"), Predictions(("no", "no")), schema=schema).main == "matthews"


def test_chance_is_the_best_constant_answer():
    said = Predictions(("no", "yes", "no", "yes"))
    chance = score_examples(labelled("no", "no", "no", "yes"), said, schema=YES_OR_NO).chance
    assert chance["accuracy"] == 0.75
    assert chance["f1"] == pytest.approx(2 * 0.25 / 1.25)  # always yes
    assert chance["matthews"] == 0


def test_chance_of_a_choice_follows_the_number_of_answers():
    examples = [Example(("a",), choices=("b", "c"), label=1), Example(("a",), choices=tuple("bcde"), label=2)]
    evaluation = score_examples(
        examples, of_answers([np.array([0.0, 2.0]), np.array([1.0, 0.0, 0.0, 0.0])]), schema=CHOICE
    )
    assert evaluation.score.value == 0.5
    assert evaluation.chance == {"accuracy": (1 / 2 + 1 / 4) / 2}
    assert evaluation.confusion is None


def test_scores_are_judged_by_correlation_with_a_chance_of_nothing():
    evaluation = score_examples(labelled(1.0, 2.0, 3.0), of_scores(np.array([2.0, 4.0, 7.0])), schema=SCORES)
    assert evaluation.metrics["spearman"].value == pytest.approx(1)
    assert evaluation.chance == {"pearson": 0, "spearman": 0}


def test_all_right_is_not_claimed_to_be_certain():
    evaluation = score_examples(labelled(*["no", "yes"] * 10), Predictions(("no", "yes") * 10), schema=YES_OR_NO)
    assert evaluation.score.value == evaluation.score.high == 1
    assert evaluation.score.low == pytest.approx(0.8316, abs=1e-4)  # exact binomial, 20 of 20


@pytest.mark.parametrize("metric", ["f1", "f1_macro", "matthews"])
def test_24_of_24_right_are_not_100_to_100(metric):
    labels = ClassLabels(("no", "yes"))
    found = score(["no", "yes"] * 12, Predictions(("no", "yes") * 12), labels=labels, metrics=[metric]).score
    assert found.value == found.high == 1
    assert 0.6 < found.low < 0.95  # one wrong answer in 24 would be an F1 of 0.96


def test_a_perfect_correlation_leaves_the_doubt_that_its_number_of_rows_does():
    said = of_scores(np.arange(24.0))
    found = score(list(np.arange(24.0)), said, labels=SCORES.labels, metrics=["pearson"]).score
    assert (found.low, found.high) == pytest.approx((0.025 ** (1 / 24), 1))


@pytest.mark.parametrize(("said", "interval"), [(("law", "sea"), (0.8316, 1)), (("sea",), (0, 0.1684))])
def test_sets_that_are_all_right_or_all_wrong_have_the_exact_interval_too(said, interval):
    truth, predictions = [("law", "sea")] * 20, Predictions((said,) * 20)
    estimate = score(truth, predictions, labels=SetLabels(("law", "sea")), metrics=["exact_match"]).score
    assert (estimate.low, estimate.high) == pytest.approx(interval, abs=1e-4)  # exact binomial, 20 of 20 and 0 of 20


def test_calibration_is_the_mean_gap_between_confidence_and_truth():
    confidence, right = np.array([0.9, 0.9, 0.9, 0.9, 0.6]), np.array([True, True, True, False, True])
    result = calibration(confidence, right)
    assert result.error == pytest.approx((4 * 0.15 + 1 * 0.4) / 5)
    assert [bin.count for bin in result.bins] == [1, 4]


def test_certain_predictions_fall_in_the_last_bin():
    assert calibration(np.array([1.0]), np.array([True])).error == 0


def test_the_most_probable_class_is_predicted():
    predictions = of_classes(np.array([[0.2, 0.8], [0.7, 0.3]]), ("no", "yes"))
    assert predictions.labels == ("yes", "no")
    assert predictions.confidence(0) == 0.8


def test_an_evaluation_becomes_json_and_lines():
    said = of_classes(np.array([[0.6, 0.4]] * 4), ("no", "yes"))
    evaluation = score_examples(labelled("no", "yes", "no", "yes"), said, schema=YES_OR_NO)
    read = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    assert read["metrics"]["accuracy"]["value"] == 0.5
    assert read["confusion"]["counts"] == [[2, 0], [2, 0]]
    assert read["calibration"]["error"] == pytest.approx(0.1)
    assert any(line.split()[:2] == ["accuracy", "50.0"] for line in evaluation.lines())


@pytest.mark.parametrize(
    ("labels", "said", "message"),
    [
        ([], (), "no examples to score"),
        (["no"], ("no", "no"), "1 labels but 2 predictions"),
        (["no", "maybe"], ("no", "no"), "file.csv:3: label 'maybe' is none of the classes no, yes"),
        (["no", None], ("no", "no"), "file.csv:3: the label is missing"),
    ],
)
def test_what_cannot_be_scored_is_refused(labels, said, message):
    with pytest.raises(DataError, match=message):
        score_examples(labelled(*labels), Predictions(said), schema=YES_OR_NO)


def test_an_unknown_metric_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'accuracy'"):
        score(["no"], Predictions(("no",)), metrics=["acuracy"], labels=ClassLabels(("no", "yes")))


def test_a_prediction_that_is_none_of_the_classes_is_refused():
    with pytest.raises(DataError, match="label 'maybe' is none of the classes no, yes"):
        score(["no"], Predictions(("maybe",)), labels=ClassLabels(("no", "yes")))


def test_the_lead_of_one_system_over_another_is_taken_on_the_same_examples():
    truth, worse, better = np.array([0, 1] * 20), np.array([0] * 40), np.array([0, 1] * 15 + [0] * 10)
    first, second = (statistic("accuracy", truth, said, METRICS["accuracy"]) for said in (worse, better))
    difference = paired_over_runs([first], [second], 40)
    assert difference.estimate.value == pytest.approx(15 / 40)
    assert difference.estimate.low > 0.2
    assert difference.p < 0.001
