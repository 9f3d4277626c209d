"""What is measured of an export: on labelled examples of any kind, and that what is no number is no agreement."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foretext.errors import ModelError
from foretext.model.gpt import GPT
from foretext.model.settings import HeadSettings
from foretext.portable.agreement import Agreement, agreement, answers_of, made_up
from foretext.portable.folder import write_portable
from foretext.tasks.examples import Example, Label, Span

from .conftest import saved_model

LABELS: dict[str, tuple[Label, Label]] = {
    "multi-label": (("a",), ("B", "a")),
    "tagging": ((Span(0, 1, "person"),), ()),
    "similarity": (1.0, 3.0),
    "choice": (0, 1),
}


@pytest.mark.parametrize("kind", LABELS)
def test_both_sides_are_scored_on_labelled_examples(kind, tokenizers, tmp_path):
    saved = saved_model(kind, tokenizers["bytes"])
    given = [
        Example(("a cat", "a dog")[: len(saved.task.text)], ("one", "two") if kind == "choice" else (), label)
        for label in LABELS[kind]
    ]
    write_portable(tmp_path / "out", saved, "fp32")
    found = agreement(tmp_path / "out", saved, given, "rows.csv")
    assert list(found.metrics) == saved.task.metrics()
    assert all(own == pytest.approx(other, abs=1e-6, nan_ok=True) for own, other in found.metrics.values())
    found.demand("fp32")


@pytest.mark.parametrize(
    ("found", "precision"),
    [
        (Agreement(16, "", 2e-4, 1e-4, 1.0), "fp32"),
        (Agreement(16, "", 1e-7, 1e-7, 0.9), "fp32"),
        (Agreement(16, "", float("nan"), float("nan"), 1.0), "fp32"),
        (Agreement(16, "", float("nan"), float("nan"), None), "int8"),
        (Agreement(16, "", 0.5, 0.11, 1.0), "int8"),
        (Agreement(16, "rows.csv", 0.5, 0.05, 0.8), "int8"),
    ],
)
def test_what_differs_too_much_is_refused(found, precision):
    with pytest.raises(ModelError, match="does not answer as this one does"):
        found.demand(precision)


def test_what_is_near_enough_is_kept():
    Agreement(16, "", 9e-5, 1e-6, 1.0).demand("fp32")
    Agreement(16, "", 0.5, 0.05, 0.5).demand("int8")  # made-up texts: what is likeliest may hang by a hair
    Agreement(16, "rows.csv", 0.5, 0.05, 0.9).demand("int8")


YEARS = HeadSettings(target="value", outputs=1, low=2000.0, step=8.0)


@pytest.mark.parametrize(("off", "steps"), [(0.0, 0.0), (4.0, 0.5), (float("nan"), float("nan"))])
def test_scores_are_compared_in_their_own_steps_however_far_from_0_they_lie(
    off, steps, tokenizers, tmp_path, monkeypatch
):
    saved = saved_model("regression", tokenizers["bytes"])
    saved = replace(saved, gpt=GPT(saved.gpt.settings, YEARS, seed=2).eval())
    write_portable(tmp_path / "out", saved, "fp32")
    really = answers_of

    def moved(folder, examples):
        return [{"prediction": one["prediction"] + off} for one in really(folder, examples)]

    monkeypatch.setattr("foretext.portable.agreement.answers_of", moved)
    found = agreement(tmp_path / "out", saved)
    assert found.mean == pytest.approx(steps, abs=1e-4, nan_ok=True)  # fp32 near 2000
    for precision in ("fp32", "int8"):
        if off == 0:
            found.demand(precision)
        else:
            with pytest.raises(ModelError, match="does not answer as this one does"):
                found.demand(precision)


def test_made_up_examples_go_from_nothing_to_more_than_the_context_holds(tokenizers):
    for mode, tokenizer in tokenizers.items():
        lengths = [len(tokenizer.encode(one.texts[0])) for one in made_up(saved_model("classification", tokenizer))]
        assert min(lengths) == 0, mode
        assert max(lengths) > 40, mode
