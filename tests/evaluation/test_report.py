import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from foretext.evaluation.comparison import TaskRow, comparison_lines
from foretext.evaluation.figures import loss_curves, on_dark, scratch_against_pretrained, svg
from foretext.evaluation.intervals import Estimate
from foretext.evaluation.pages import _marks, evaluation_report, training_report
from foretext.evaluation.report import Report, ShownExample, write_report
from foretext.evaluation.scoring import score_examples
from foretext.evaluation.showing import sample, shown, worst
from foretext.tasks.examples import Example
from foretext.tasks.labels.answers import AnswerLabels
from foretext.tasks.labels.classes import ClassLabels
from foretext.tasks.labels.scores import ScoreLabels
from foretext.tasks.predictions import of_answers, of_classes, of_scores
from foretext.tasks.schema import TaskSchema
from foretext.text_table import wrapped_table

pytestmark = pytest.mark.usefixtures("drawn")

ROW = TaskRow(
    task="ending",
    kind="classification",
    metric="accuracy",
    chance=0.5,
    tfidf=Estimate(0.55, 0.5, 0.6, 400),
    scratch=Estimate(0.6, 0.55, 0.65, 400),
    pretrained=Estimate(0.871, 0.85, 0.892, 400),
)


class Page(HTMLParser):
    """What a browser would fetch, and whether every element that was opened is closed."""

    void = frozenset({"meta", "source", "img", "br", "link"})

    def __init__(self, html):
        super().__init__()
        self.fetched, self.open, self.mismatched, self.tags = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "srcset", "href", "action", "data")]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            self.mismatched.append(tag)


def full_report():
    report = Report("Demo", "all parts")
    first = report.section("Scores").paragraph("A paragraph.").warnings(["few examples"])
    first.table(("task", "score", "rows"), [("ending", ROW.pretrained, 1234)], caption="scores")
    first.figure(loss_curves({"train": ([1, 2], [3.0, 2.0])}), "The loss falls.", "A falling line")
    report.section("Examples").examples([ShownExample({"text": "it rained"}, "wet", "wet", True, (("wet", 0.75),))])
    report.section("Settings").values("Settings", {"model": {"layers": 4}, "seed": 1})
    return report


def test_a_report_fetches_nothing():
    html = full_report().html()
    page = Page(html)
    assert page.fetched
    assert all(address.startswith(("data:", "#")) for address in page.fetched)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert not re.search(r"url\(|@import", html)


def test_every_element_of_a_report_is_closed():
    page = Page(full_report().html())
    assert page.open == []
    assert page.mismatched == []


def test_a_report_holds_what_was_put_in():
    html = full_report().html()
    for text in (
        "87.1",
        "[85.0, 89.2]",
        "1,234",
        "few examples",
        "75.0 %",
        "it rained",
        "model.layers",
        "A falling line",
    ):
        assert text in html


def test_texts_are_shown_and_not_obeyed():
    report = Report("<b>title</b>")
    report.section("S").examples([ShownExample({"text": "<script>alert(1)</script>"}, "<i>", "&", False)])
    report.section("T").table(("<u>",), [("<td>",)]).values("V", {"<k>": "<v>"})
    html = report.html()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert not any(tag in html for tag in ("<script", "<b>", "<i>", "<u>", "<k>", "<v>"))


def test_the_same_report_gives_the_same_bytes():
    assert full_report().html() == full_report().html()


def test_a_figure_has_a_dark_twin():
    drawn = svg(loss_curves({"train": ([1, 2], [3.0, 2.0])}))
    assert "#24292f" in drawn
    assert "#24292f" not in on_dark(drawn)
    assert "#d1d7e0" in on_dark(drawn)


def test_a_report_is_written_whole(tmp_path):
    write_report(tmp_path / "new" / "report.html", full_report())
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8") == full_report().html()
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_figures_hold_their_words_as_shapes_and_no_foreign_link():
    for figure in (scratch_against_pretrained([ROW]), loss_curves({"train": ([1, 2], [3.0, 2.0])})):
        assert "<text" not in svg(figure)


def test_a_comparison_names_the_mean_lead():
    lines = comparison_lines([ROW])
    assert "87.1 [85.0, 89.2]" in lines[2]
    assert "+27.1 on average" in lines[-1]
    assert ROW.to_json()["pretrained"] == {"value": 0.871, "low": 0.85, "high": 0.892, "count": 400}


def test_the_gravest_mistakes_come_first_and_right_ones_not_at_all():
    examples = [Example((f"text {k}",), label=label) for k, label in enumerate(["no", "no", "yes"])]
    predictions = of_classes(np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]]), ("no", "yes"))
    assert worst(examples, predictions, ClassLabels()) == [2, 1]


def test_scores_furthest_off_are_the_gravest():
    examples = [Example(("a",), label=1.0), Example(("b",), label=4.0), Example(("c",), label=2.0)]
    assert worst(examples, of_scores(np.array([1.5, 1.0, 2.0])), ScoreLabels()) == [1, 0]


@pytest.mark.parametrize(("count", "places"), [(100, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]), (3, [0, 1, 2])])
def test_a_sample_is_spread_evenly(count, places):
    assert sample(count) == places


def test_a_choice_is_shown_in_the_words_of_its_answers():
    example = Example(("which?",), choices=("left", "right"), label=1)
    (one,) = shown([example], of_answers([np.array([2.0, 0.0])]), [0], labels=AnswerLabels())
    assert (one.predicted, one.label, one.right) == ("left", "right", False)
    assert [name for name, _ in one.probabilities] == ["left", "right"]


def test_the_page_of_an_evaluation_has_scores_confusions_and_mistakes():
    examples = [Example((f"text {k}",), label=label) for k, label in enumerate(["no", "no", "yes", "yes"])]
    predictions = of_classes(np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.1, 0.9]]), ("no", "yes"))
    schema = TaskSchema(kind="classification", text=("text",), classes=("no", "yes"))
    evaluation = score_examples(examples, predictions, schema=schema)
    html = evaluation_report(evaluation, examples, predictions, schema=schema, title="Sentiment").html()
    pictures = re.findall(r"data:image/svg\+xml;base64,([\w+/=]+)", html)
    assert len(pictures) == 4  # two figures, light and dark
    assert all(base64.b64decode(picture).startswith(b"<?xml") for picture in pictures)
    assert html.index("Scores") < html.index("Gravest mistakes")


def test_the_page_of_a_run_draws_training_and_validation_together_and_the_loss_first():
    lines = [
        {"update": 10, "learning_rate": 0.1, "loss": 3.0, "tokens": 100, "seconds": 1.0},
        {"update": 20, "learning_rate": 0.2, "loss": 2.0, "tokens": 200, "seconds": 2.0},
        {"update": 20, "valid_loss": 2.5, "valid_perplexity": 12.2},
    ]
    report = training_report(lines, title="pre-training", settings={"seed": 1})
    assert [part.caption for part in report.sections[0].parts] == [
        "Loss over updates.",
        "Learning rate over updates.",
        "Perplexity over updates.",
    ]
    assert "20 updates" in report.html()


def test_the_page_of_a_run_lists_its_departures_or_says_that_there_are_none():
    lines = [{"update": 1, "loss": 2.0}]
    page = training_report(lines, title="run", departures=[("6 Clipping", "fine-tuning", "clip", "0.5", "1")]).html()
    assert re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", page)[-5:] == ["6 Clipping", "fine-tuning", "clip", "0.5", "1"]
    assert "None: every setting has the value of the paper" in training_report(lines, title="run", departures=[]).html()
    assert "Departures" not in training_report(lines, title="run").html()


def test_the_page_of_a_run_marks_what_the_watch_did_and_draws_the_largest_norm_beside_the_last():
    lines = [
        {"update": 10, "loss": 2.0, "gradient_norm": 1.0, "largest_gradient_norm": 3.0},
        {"update": 10, "watch": {"went_back": 1, "at": 40, "why": "the loss is high"}},
        {"update": 20, "watch": {"left_out": [{"update": 14}, {"update": 17}]}},
        {"update": 20, "loss": 1.0, "gradient_norm": None, "largest_gradient_norm": None},
    ]
    page = training_report(lines, title="run", warnings=["watch: 2 updates were left out"])
    assert [part.caption for part in page.sections[0].parts[1:]] == [
        "Loss over updates.",
        "Gradient norm over updates.",
    ]
    assert "watch: 2 updates were left out" in page.html()
    assert _marks([*lines, {"update": 30, "watch": {"outside": [{"update": 28}]}}]) == {
        "left out": [14, 17],
        "gone back to": [10],
        "outside the band": [28],
    }
    figure = loss_curves({"training": ([10, 20], [2.0, 1.0])}, marks={"left out": [14, 17], "gone back to": [10]})
    axes = figure.axes[0]
    assert sorted(line.get_xdata()[0] for line in axes.lines[1:]) == [10, 14, 17]
    assert [text.get_text() for text in axes.get_legend().get_texts()][1:] == ["left out", "gone back to"]


def test_long_cells_of_a_wrapped_table_run_over_several_lines():
    assert wrapped_table(("a", "b"), [("one", "two three fine-tuned")], (3, 10)) == [
        "a    b",
        "---  ----------",
        "one  two three",
        "     fine-tuned",
    ]
