"""The points, the departures from them, and where these are said."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, replace

import pytest

from foretext.checkpoints.history import Departure, EngineRecord, Finetuning, History, Imported, Pretraining
from foretext.checkpoints.saved_model import load_model, save_model
from foretext.cli import main
from foretext.errors import SettingsError
from foretext.model.settings import PRESETS as MODEL_PRESETS
from foretext.model.settings import ModelSettings, ModelShape
from foretext.recipes.evaluate import evaluate
from foretext.recipes.finetune import finetune
from foretext.recipes.paper.departures import departure_lines, departures, paper_values, run_values
from foretext.recipes.paper.points import POINTS
from foretext.recipes.recipe import recipe
from foretext.recipes.settings.evaluate import EvaluateSettings
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.recipes.settings.recipe import RecipeSettings
from foretext.settings import leaves, resolve, to_json
from foretext.tasks.labelled import LabelledDataSettings
from foretext.tasks.schema import TaskSchema
from foretext.training.settings import LoopSettings, PointSettings

NO_PART_OF_THE_RECIPE = {
    *("corpus", "out", "resume", "extend", "verify", "allow_unknown", "keep", "model", "seed"),
    "recipe",  # which is what it stands for
    *("validation_tokens", "probe", "probe_rows"),
}
DECIDED_BY_SEVERAL = {"updates", "epochs"}  # together they are the length of pre-training


def pretrained(preset=None, **flags):
    """The values of a pre-training with these flags."""
    settings = resolve(PretrainSettings, preset=preset, flags={"corpus": "c", "out": "o", **flags}).value
    return values_of(ModelSettings(**settings.model.model_dump()), to_json(settings))


def values_of(model, settings):
    record = Pretraining(settings=settings, engine=EngineRecord(precision="fp32"))
    return run_values(model, History(pretraining=record), "paper")


def test_the_seventeen_points_are_all_there():
    assert [point.number for point in POINTS if "." not in point.number] == [str(number) for number in range(1, 18)]


def test_every_setting_that_decides_weights_belongs_to_one_point():
    named = [name for point in POINTS for name in point.settings]
    assert len(set(named)) == len(named)
    shape = set(ModelShape.model_fields)
    for stage, cls in {"pretraining": PretrainSettings, "finetuning": FinetuneSettings}.items():
        for leaf in leaves(cls).values():
            if leaf.path[0] in ("loop", "labelled") or leaf.name in NO_PART_OF_THE_RECIPE:
                continue
            if leaf.name in DECIDED_BY_SEVERAL and stage == "pretraining":
                continue
            where = {f"{stage}.{leaf.name}"} | ({f"model.{leaf.name}"} if leaf.name in shape else set())
            assert where & set(named), leaf.path


def test_every_setting_that_a_point_names_has_a_value_of_the_paper():
    known = paper_values().keys() | paper_values("lstm").keys()
    assert {name for point in POINTS for name in point.settings} == known


def test_the_defaults_depart_in_nothing():
    values = pretrained()
    assert values["pretraining.warmup"] == 2_000
    assert departures(values) == []
    assert departure_lines([]) == ["no setting departs from the paper"]


def test_a_setting_of_its_own_is_a_departure_of_its_point():
    departed = departures(pretrained(clip=0.5, layers=6))
    found = [(d.point, d.stage, d.setting, d.value, d.paper) for d in departed]
    assert found == [("6", "pretraining", "clip", 0.5, 1.0), ("4.1", "model", "layers", 6, 12)]
    assert departure_lines(departed) == [
        "departs from the paper in the model: layers 6 (12)",
        "departs from the paper in pre-training: clip 0.5 (1)",
    ]


@pytest.mark.parametrize("preset", ["small", "mini", "tiny"])
def test_presets_depart_in_size_rate_warm_up_dropout_and_length(preset):
    found = {f"{d.stage}.{d.setting}" for d in departures(pretrained(PretrainSettings.PRESETS[preset]))}
    dropouts = {f"pretraining.{kind}_dropout" for kind in ("embedding", "attention", "residual")}
    rates = {"pretraining.learning_rate", "pretraining.warmup", "pretraining.length"}
    sizes = {"model.layers", "model.width", "model.initial_deviation"}
    assert found >= dropouts | rates | sizes | ({"model.context"} if preset != "small" else set())


@pytest.mark.parametrize("preset", ["small", "mini", "tiny"])
def test_narrower_presets_start_with_the_papers_deviation_times_the_root_of_the_width(preset):
    shape = ModelShape(**MODEL_PRESETS[preset])
    assert shape.initial_deviation * shape.width**0.5 == pytest.approx(0.02 * 768**0.5, rel=0.025)  # of two digits


def test_the_papers_lstm_departs_in_the_backbone_alone():
    values = run_values(ModelSettings(backbone="lstm"), History(), "paper")
    assert [(d.setting, d.value) for d in departures(values)] == [("backbone", "lstm")]


@pytest.mark.parametrize(("texts", "cutting", "departs"), [(1, "fill", True), (2, "beginning", False)])
def test_the_paper_says_nothing_of_how_three_fields_are_cut(texts, cutting, departs):
    task = TaskSchema(kind="choice", text=("document", "question")[:texts], choices=("answers",), cutting=cutting)
    values = run_values(ModelSettings(), History(finetuning=Finetuning(task=task)), "paper")
    assert ("cutting" in [departure.setting for departure in departures(values)]) == departs


def test_models_of_earlier_versions_had_the_released_ways():
    """Their settings lack the options that came later."""
    tree = to_json(PretrainSettings(corpus="c", out="o"))
    del tree["optimizer"]["adam"], tree["model"]["embedding_dropout_on"]
    values = values_of(ModelSettings(), tree)
    assert values["pretraining.adam"] == "released"
    assert departures(values) == []


@pytest.fixture(scope="module")
def run(language_model, labelled, tmp_path_factory):
    """A run of multiple choice with every option of the points changed, and what it logged at its start."""
    out = tmp_path_factory.mktemp("recipe") / "run"
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("foretext")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    points = PointSettings(
        last_batch="spread", embedding_dropout_on="input", softmax_rows="no_positions", answer_losses="right",
        head_reads="mean", shared_prefixes="always", special_tokens_from=". a .",
    )  # fmt: skip
    finetune(
        FinetuneSettings(
            model=str(language_model),
            out=out,
            labelled=LabelledDataSettings(data=labelled / "choice.jsonl", kind="choice"),
            batch=10,
            points=points,
            loop=LoopSettings(device="cpu", precision="fp32"),
        )
    )
    logger.removeHandler(handler)
    logger.setLevel(level)
    return out, said


def test_a_run_says_its_departures_when_it_starts(run):
    _, said = run
    line = next(text for text in said if text.startswith("departs from the paper in fine-tuning"))
    assert "batch 10 (32), last batch spread (drop)" in line
    assert "answer losses right (all), head reads mean (extract)" in line
    assert "shared prefixes always (exact)" in line
    assert "special tokens from . a . (nothing)" in line
    assert any("in the model: " in text and "layers 1 (12)" in text for text in said)
    assert any("in pre-training: " in text and "learning rate 0.01 (0.00025)" in text for text in said)


def test_a_runs_report_and_model_keep_its_departures(run):
    out, _ = run
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Departures from the paper" in page
    assert "<td>head reads</td>" in page
    kept = load_model(out).history.finetuning.departures
    assert Departure("12", "Task head", "finetuning", "head_reads", "mean", "extract") in kept
    assert {departure.stage for departure in kept} == {"model", "pretraining", "finetuning"}


@pytest.mark.parametrize(
    ("text", "message"), [(". a", "should name three pieces"), (". aardvarks .", "'aardvarks' is not one piece")]
)
def test_special_tokens_start_from_three_pieces_or_are_refused(language_model, labelled, tmp_path, text, message):
    settings = FinetuneSettings(
        model=str(language_model),
        out=tmp_path / "run",
        labelled=LabelledDataSettings(data=labelled / "choice.jsonl", kind="choice"),
        points=PointSettings(special_tokens_from=text),
    )
    with pytest.raises(SettingsError, match=message):
        finetune(settings)
    assert not settings.out.exists()


def test_what_the_head_reads_is_remembered(run, labelled):
    out, _ = run
    assert load_model(out).gpt.head.settings.reads == "mean"
    assert evaluate(EvaluateSettings(model=str(out), data=labelled / "choice.jsonl")).evaluation.count == 48


def test_the_table_shows_each_point_with_the_values_of_a_run(run, capsys):
    out, _ = run
    assert main(["recipe", str(out)]) == 0
    text = capsys.readouterr().out
    assert "answer losses right (not all)" in text
    assert "settings depart from the paper" in text
    assert text.splitlines()[-2:] == ["pre-training was sound to its end", "fine-tuning was sound to its end"]
    assert main(["recipe", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["points"][9]["settings"] == {"finetuning.answer_losses": "right"}
    assert found["departures"] == [asdict(departure) for departure in load_model(out).history.finetuning.departures]


@pytest.mark.parametrize(
    ("precision", "last"), [("fp32", "no setting departs from the paper"), ("bf16", "2 settings depart from the paper")]
)
def test_without_a_run_the_table_shows_the_defaults_in_the_precision_of_this_machine(monkeypatch, precision, last):
    monkeypatch.setattr("foretext.recipes.recipe.find_precision", lambda name, device: {"auto": precision}[name])
    shown = recipe(RecipeSettings())
    assert shown.lines()[-1] == last
    departed = {"Arithmetic": ["pretraining", "finetuning"]} if precision == "bf16" else {}
    assert {name: [d.stage for d in shown.departures if d.name == name] for name in departed} == departed
    assert len(shown.departures) == sum(map(len, departed.values()))
    assert len([line for line in shown.lines()[:-1] if line[:1].isdigit()]) == len(POINTS)
    assert max(map(len, shown.lines())) <= 120


def test_of_a_stage_without_a_record_it_is_not_said_that_nothing_departs(language_model, tmp_path):
    assert recipe(RecipeSettings(run=str(language_model))).lines()[-2].endswith("no record of fine-tuning")
    saved = load_model(language_model)
    save_model(tmp_path / "imported", replace(saved, history=History(imported=Imported(format="hf"))))
    line = recipe(RecipeSettings(run=str(tmp_path / "imported"))).lines()[-1]
    assert line.endswith("from the paper; there is no record of pre-training or fine-tuning")


def test_a_model_that_is_not_there_is_refused(capsys):
    assert main(["recipe", "no-such-run"]) == 2
    assert "no-such-run" in capsys.readouterr().err
