"""Over which rows of the embedding matrix L1 has its softmax in a fine-tuning (recipe points 9 and 13)."""

from __future__ import annotations

import csv
import json

import pytest
import torch

from foretext.batch import pack
from foretext.checkpoints.saved_model import load_model
from foretext.errors import SettingsError
from foretext.model.sequences import Sequences
from foretext.recipes.finetune import finetune
from foretext.recipes.recipe import recipe
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.recipe import RecipeSettings
from foretext.tasks.encode import encode
from foretext.tasks.labelled import LabelledDataSettings, read_labelled_data
from foretext.training.settings import LoopSettings, PointSettings

ROWS = [("Ann saw a cat in the barn.", "cat"), ("Bob saw a dog in the wood.", "dog")]
LONGER = ("Cleo saw a cat in the yard and Dan saw a fox in the lane.", "cat")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Files of examples to train on and to validate with, of which the longest is one of the latter."""
    root = tmp_path_factory.mktemp("rows")
    for name, rows in {"train": ROWS * 3, "valid": [*ROWS, LONGER]}.items():
        with (root / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
    return LabelledDataSettings(data=root / "train.csv", valid=root / "valid.csv", kind="classification")


def tuned(language_model, data, out, **options):
    """The folder of a run of one update, whose rate is 0, so that it ends with the weights it began with."""
    given = {"points": PointSettings(), "epochs": 1.0, **options}
    loop = LoopSettings(device="cpu", precision="fp32", log_every=1)
    settings = FinetuneSettings(model=str(language_model), out=out, labelled=data, dropout=0.0, loop=loop, **given)
    finetune(settings)
    return out


def text_loss(out, data, positions):
    """L1 by its definition, with so many rows of positions in the softmax."""
    saved, examples = load_model(out), read_labelled_data(data, seed=0)
    gpt = saved.gpt
    matrix = gpt.embedding[: gpt.settings.first_position + positions]
    losses = []
    for example in encode(examples.train, saved.task, saved.tokenizer, gpt.settings.context):
        (ids,) = example.sequences
        logs = (gpt(Sequences.of(pack([[ids]]))).states @ matrix.T).log_softmax(-1)
        losses.append(-torch.stack([logs[place, target] for place, target in enumerate(ids[1:])]).mean())
    return torch.stack(losses).mean().item()


def longest(out, data):
    saved, examples = load_model(out), read_labelled_data(data, seed=0)
    encoded = encode(examples.valid, saved.task, saved.tokenizer, saved.gpt.settings.context)
    return max(len(ids) for example in encoded for ids in example.sequences)


def logged(out):
    lines = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return next(line["text_loss"] for line in lines if "text_loss" in line)


def test_point_09_the_softmax_of_l1_has_as_many_positions_as_the_longest_example(language_model, data, tmp_path):
    """Of those to train on and to validate with; the released code has no others."""
    out = tuned(language_model, data, tmp_path / "run")
    positions = longest(out, data)
    assert positions < load_model(out).gpt.settings.context
    assert logged(out) == pytest.approx(text_loss(out, data, positions), abs=1e-5)
    assert all(abs(logged(out) - text_loss(out, data, positions + more)) > 1e-4 for more in (-1, 1))


@pytest.mark.parametrize(("rows", "positions"), [("all", 32), ("no_positions", 0)])
def test_it_may_run_over_all_positions_or_none(language_model, data, tmp_path, rows, positions):
    out = tuned(language_model, data, tmp_path / "run", points=PointSettings(softmax_rows=rows))
    assert logged(out) == pytest.approx(text_loss(out, data, positions), abs=1e-5)
    departed = [(each.point, each.value) for each in recipe(RecipeSettings(run=str(out))).departures]
    assert ("9", rows) in departed


def test_a_run_that_was_begun_over_all_positions_goes_on_so_or_is_refused(language_model, data, tmp_path):
    """As every run was before they were as many as the longest example has; `run.json` says "all" of those."""
    out = tuned(language_model, data, tmp_path / "run", points=PointSettings(softmax_rows="all"))
    with pytest.raises(SettingsError, match="softmax rows: all before, longest now; give what it was begun with"):
        tuned(language_model, data, out, resume=True)
    tuned(language_model, data, out, epochs=2.0, extend=True, points=PointSettings(softmax_rows="all"))
    assert load_model(out).history.finetuning.result.updates == 2


def test_of_a_run_whose_settings_do_not_say_the_rows_were_all(language_model, data, tmp_path):
    """It was made before there was a choice."""
    out = tuned(language_model, data, tmp_path / "run")
    about = json.loads((out / "model.json").read_text())
    del about["history"]["finetuning"]["settings"]["points"]["softmax_rows"]
    (out / "model.json").write_text(json.dumps(about))
    assert recipe(RecipeSettings(run=str(out))).values["finetuning.softmax_rows"] == "all"
