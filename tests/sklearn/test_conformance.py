"""What scikit-learn asks of every estimator: by its own checks where they take texts, and by ours where they do not."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from foretext import FinetuneSettings
from foretext.recipes.settings.finetune import recommendable
from foretext.settings import leaves
from foretext.sklearn import ForetextClassifier, ForetextFeaturizer, ForetextRegressor
from foretext.sklearn.estimator import SETTINGS

from .conftest import TEXTS

ESTIMATORS = (ForetextClassifier, ForetextRegressor, ForetextFeaturizer)
ANSWERS = {
    "ForetextClassifier": ("predict", "predict_proba"),
    "ForetextRegressor": ("predict",),
    "ForetextFeaturizer": ("transform",),
}
# Checks of scikit-learn's that ask nothing about numbers in X.
WITHOUT_ROWS = (
    *(
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_estimator_tags_renamed",
        "check_get_params_invariance",
    ),
    *("check_no_attributes_set_in_init", "check_set_params"),
    *(
        "check_parameters_default_constructible",
        "check_valid_tag_types",
        "check_mixin_order",
        "check_estimators_unfitted",
    ),
)


def made(estimator, quick):
    """One with as many of the quick parameters as it has."""
    return estimator(**{name: value for name, value in quick.items() if name in estimator().get_params()})


@pytest.fixture(params=ESTIMATORS, ids=lambda estimator: estimator.__name__)
def fresh(request, quick):
    return made(request.param, quick)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_the_checks_of_scikit_learn_for_estimators_of_texts_pass(fresh):
    assert all(check["status"] == "passed" for check in check_estimator(fresh, on_skip=None))


@pytest.mark.parametrize("name", WITHOUT_ROWS)
def test_the_checks_that_need_no_rows_pass(fresh, name):
    import sklearn.utils.estimator_checks as checks

    getattr(checks, name)(type(fresh).__name__, fresh)


def test_a_fit_follows_from_its_rows_alone_and_asking_changes_nothing(fresh):
    y = [1, 2, 3] * 4
    first = fresh.fit(TEXTS, y)
    assert first is fresh
    methods = ANSWERS[type(fresh).__name__]
    answers = {method: getattr(fresh, method)(TEXTS) for method in methods}
    before = dict(vars(fresh))
    for method in methods:
        assert (getattr(fresh, method)(TEXTS) == answers[method]).all()
        assert (getattr(fresh, method)(np.array(TEXTS, dtype=object)) == answers[method]).all()
        turned = getattr(fresh, method)(TEXTS[::-1])[::-1]
        np.testing.assert_allclose(turned, answers[method], atol=1e-5)
    assert vars(fresh) == before
    fresh.fit(TEXTS, y)
    for method in methods:
        assert (getattr(fresh, method)(TEXTS) == answers[method]).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_parameters_that_are_settings_have_their_defaults_or_are_left_to_what_the_model_recommends(estimator):
    known, recommended = leaves(FinetuneSettings), recommendable()
    parameters = inspect.signature(estimator).parameters
    wanted = {name: None if name in recommended else known[name].default for name in SETTINGS if name in parameters}
    assert {name: parameters[name].default for name in wanted} == wanted


def test_every_setting_that_an_estimator_passes_on_is_a_parameter_of_one():
    parameters = {name for estimator in ESTIMATORS for name in inspect.signature(estimator).parameters}
    assert set(SETTINGS) <= parameters & leaves(FinetuneSettings).keys()
