"""A plan holds what a person set, but for what the run decides."""

from __future__ import annotations

from dataclasses import fields

import pytest

from foretext.training.plan import Plan
from foretext.training.settings import LoopSettings, OptimizerSettings, PointSettings

DECIDED = {"updates": 3, "learning_rate": 0.1, "schedule": lambda update: 1.0, "seed": 0, "validate_every": 7}
OF_THE_ENGINE = {"device", "precision", "devices", "strategy", "max_restarts", "wait_seconds"}
OF_THE_TRACKERS = {"log_to"}
OF_THE_LENGTH = {"minutes"}  # which becomes a number of updates
OF_DATA_AND_MODEL = {"last_batch", "embedding_dropout_on", "head_reads", "special_tokens_from", "shared_prefixes"}


def test_a_plan_has_what_was_set_and_what_was_decided():
    plan = Plan.of(
        OptimizerSettings(clip=0.5), LoopSettings(patience=2), PointSettings(answer_losses="right"), **DECIDED
    )
    assert (plan.clip, plan.patience, plan.answer_losses) == (0.5, 2, "right")
    assert (plan.updates, plan.validate_every) == (3, 7)


def test_what_is_decided_goes_before_what_is_set():
    assert LoopSettings().validate_every == 0  # which leaves it to the run
    assert Plan.of(OptimizerSettings(), LoopSettings(), **DECIDED).validate_every == 7


def test_no_setting_of_training_is_left_out_of_the_plan():
    names = {each.name for each in fields(Plan)}
    assert set(OptimizerSettings.model_fields) <= names
    assert set(LoopSettings.model_fields) - names == OF_THE_ENGINE | OF_THE_TRACKERS | OF_THE_LENGTH
    assert set(PointSettings.model_fields) - names == OF_DATA_AND_MODEL


def test_a_plan_that_lacks_a_value_or_has_one_too_many_is_refused():
    with pytest.raises(TypeError, match="updates"):
        Plan.of(OptimizerSettings(), LoopSettings())
    with pytest.raises(TypeError, match="patients"):
        Plan.of(OptimizerSettings(), LoopSettings(), **DECIDED, patients=2)
