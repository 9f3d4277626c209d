"""`--recipe modern`: one word for a set of options of pre-training, each of which may be given otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import foretext
from foretext.cli import main
from foretext.errors import SettingsError
from foretext.model.settings import ModelSettings
from foretext.recipes.paper.departures import departures, run_values
from foretext.recipes.paper.points import POINTS
from foretext.recipes.settings.pretrain import RECIPES, PretrainSettings
from foretext.settings import leaf_values, leaves, resolve, to_toml

MINI = {"preset": PretrainSettings.PRESETS["mini"], "preset_name": "mini"}


def given(**flags: Any) -> PretrainSettings:
    return resolve(PretrainSettings, **MINI, flags={"corpus": "c", "out": "o", **flags}).value


def test_it_sets_its_options_behind_a_preset_and_before_what_is_given(tmp_path):
    has = leaf_values(given(recipe="modern"))
    assert {name: has[name] for name in RECIPES["modern"]} == RECIPES["modern"]
    assert has["width"] == 256  # the preset's
    file = tmp_path / "settings.toml"
    file.write_text("recipe = 'modern'\ncorpus = 'c'\nout = 'o'\n[model]\nactivation = 'gelu'\n")
    found = resolve(PretrainSettings, **MINI, toml=file, environment={"FORETEXT_NORM": "layer"}, flags={"fall": 0.5})
    value = found.value
    assert (value.model.activation, value.model.norm, value.fall, value.model.positions) == (
        *("gelu", "layer", 0.5, "rotary"),
    )
    assert found.sources["model.positions"] == "recipe modern"
    assert found.sources["model.width"] == "preset mini"


def test_python_and_the_command_line_take_it_alike(capsys):
    wanted = given(recipe="modern")
    assert PretrainSettings.preset("mini", corpus="c", out="o", recipe="modern") == wanted
    assert PretrainSettings.named({"corpus": "c", "out": "o", "recipe": "modern"}, preset="mini") == wanted
    assert main(["pretrain", "c", "--out", "o", "--preset", "mini", "--recipe", "modern", "--print-settings"]) == 0
    assert 'norm = "rms"  # recipe modern' in capsys.readouterr().out


def test_what_is_written_of_it_is_read_back_the_same(tmp_path):
    wanted, file = given(recipe="modern", fall=0.4), tmp_path / "settings.toml"
    file.write_text(to_toml(wanted))
    assert resolve(PretrainSettings, toml=file).value == wanted


def test_an_option_that_needs_another_goes_where_that_is_given_otherwise():
    assert given(recipe="modern", schedule="cosine").fall == 0.25
    assert given(recipe="modern", schedule="flat").fall == 0.3


def test_a_settings_value_made_by_hand_is_not_half_of_a_recipe():
    with pytest.raises(SettingsError, match="recipe modern stands for more settings than this call has: .* norm,"):
        PretrainSettings(corpus="c", out="o", recipe="modern")


def test_the_papers_recipe_and_none_are_the_same():
    assert given(recipe="paper") == given()
    assert RECIPES["paper"] == {}


def test_each_option_that_a_recipe_sets_is_a_point_of_the_papers_and_departs():
    named = {name.partition(".")[2] for point in POINTS for name in point.settings}
    assert RECIPES["modern"].keys() <= named & leaves(PretrainSettings).keys()
    defaults = {name: leaf.default for name, leaf in leaves(PretrainSettings).items()}
    assert [name for name, value in RECIPES["modern"].items() if value == defaults[name]] == []


def test_a_run_names_what_it_sets_and_is_the_run_of_the_options_given_one_by_one(language_model: Path, tmp_path):
    corpus, sizes = language_model.parent / "corpus", {"layers": 1, "width": 16, "heads": 2, "context": 16}
    how = {**sizes, "updates": 2, "warmup": 1, "batch": 2, "device": "cpu", "precision": "fp32"}
    by_word = foretext.pretrain(corpus, recipe="modern", **how).saved
    by_options = foretext.pretrain(corpus, **RECIPES["modern"], **how).saved
    assert by_word.history.pretraining.identity() == by_options.history.pretraining.identity()
    assert all(
        (one == other).all() for one, other in zip(by_word.gpt.parameters(), by_options.gpt.parameters(), strict=True)
    )
    assert {d.setting for d in by_word.history.pretraining.departures} >= RECIPES["modern"].keys()
    values = run_values(ModelSettings(**by_word.gpt.settings.model_dump()), by_word.history, "paper")
    assert {d.setting for d in departures(values)} >= RECIPES["modern"].keys()
