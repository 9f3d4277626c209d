"""With scikit-learn's own tools: copies, pipelines, searches, folds, calibration, pickles, threads."""

from __future__ import annotations

import copy
import io
import os
import pickle
import pickletools
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from foretext.errors import ModelError
from foretext.sklearn import ForetextClassifier, ForetextFeaturizer, ForetextRegressor
from foretext.sklearn import estimator as module

from .conftest import NAMES, TEXTS

pandas = pytest.importorskip("pandas")


def lowered(texts):
    """Texts in lower case."""
    return [text.lower() for text in texts]


class TestCopies:
    def test_a_clone_has_the_parameters_and_none_of_the_fit(self, fitted):
        copied = clone(fitted)
        assert copied.get_params() == fitted.get_params()
        assert [name for name in vars(copied) if name.endswith("_")] == []
        assert [name for name in vars(clone(pickle.loads(pickle.dumps(fitted)))) if name.endswith("_")] == []

    def test_parameters_that_are_set_are_those_of_the_next_fit(self, quick):
        changed = ForetextClassifier(**quick).fit(TEXTS, NAMES).set_params(learning_rate=0.001).fit(TEXTS, NAMES)
        fresh = ForetextClassifier(**{**quick, "learning_rate": 0.001}).fit(TEXTS, NAMES)
        assert (changed.predict_proba(TEXTS) == fresh.predict_proba(TEXTS)).all()

    def test_the_same_fit_twice_gives_the_same_and_another_seed_something_else(self, quick):
        classifier = ForetextClassifier(**quick)
        first = classifier.fit(TEXTS, NAMES).predict_proba(TEXTS)
        assert (classifier.fit(TEXTS, NAMES).predict_proba(TEXTS) == first).all()
        assert (classifier.set_params(random_state=1).fit(TEXTS, NAMES).predict_proba(TEXTS) != first).any()

    def test_a_generator_draws_seeds(self, quick):
        def fit(random_state):
            return ForetextClassifier(**quick, random_state=random_state).fit(TEXTS, NAMES).predict_proba(TEXTS)

        same = [fit(np.random.RandomState(4)) for _ in range(2)]
        assert (same[0] == same[1]).all()
        np.random.seed(4)  # of None the seeds come from numpy's own generator
        assert (fit(None) == same[0]).all()
        assert (fit(None) != same[0]).any()

    def test_fit_changes_no_parameter_and_leaves_no_file(self, quick, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        classifier = ForetextClassifier(**quick, class_weight={"cat": 2.0}, settings={"read_twice": True})
        before = copy.deepcopy(classifier.get_params())
        pickle.loads(pickle.dumps(classifier.fit(TEXTS, NAMES)))
        assert classifier.get_params() == before
        assert list(tmp_path.iterdir()) == []


class TestTools:
    def test_a_pipeline_and_a_column_transformer_pass_texts_through(self, learns, tiny):
        pipeline = make_pipeline(FunctionTransformer(lowered), ForetextClassifier(**learns))
        assert pipeline.fit([text.upper() for text in TEXTS], NAMES).score(TEXTS, NAMES) == 1.0
        frame = pandas.DataFrame({"number": np.arange(12.0), "words": TEXTS})
        columns = ColumnTransformer(
            [
                ("words", ForetextFeaturizer(tiny, pool="mean", device="cpu"), "words"),
                ("frame", ForetextFeaturizer(tiny, pool="mean", device="cpu"), ["words"]),
                ("number", "passthrough", ["number"]),
            ]
        )
        assert columns.fit_transform(frame).shape == (12, 33)
        whole = Pipeline([("columns", columns), ("classifier", LogisticRegression(C=1e4, max_iter=1000))])
        assert whole.fit(frame, NAMES).score(frame, NAMES) == 1.0

    @pytest.mark.filterwarnings("error::sklearn.exceptions.FitFailedWarning")
    def test_a_grid_is_searched_by_two_processes_as_by_one(self, quick):
        grid = {"learning_rate": [0.001, 0.05], "epochs": [12]}
        scores = []
        for jobs in (1, 2):
            search = GridSearchCV(ForetextClassifier(**quick), grid, cv=2, n_jobs=jobs, scoring="neg_log_loss")
            search.fit(TEXTS, NAMES)
            scores.append(search.cv_results_["mean_test_score"])
        np.testing.assert_allclose(scores[0], scores[1], rtol=1e-5)
        assert search.best_params_["learning_rate"] == 0.05
        assert search.best_estimator_.predict(TEXTS).shape == (12,)

    def test_a_process_that_fits_beside_others_keeps_to_the_threads_that_its_pool_gives_it(self, quick):
        def fit(seed):
            ForetextClassifier(**quick, random_state=seed).fit(TEXTS, NAMES)
            return os.getpid(), torch.get_num_threads()

        with parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
            threads = dict(Parallel()(delayed(fit)(seed) for seed in range(2)))
        assert os.getpid() not in threads
        assert set(threads.values()) == {1}

    def test_folds_give_what_fitting_by_hand_gives(self, quick):
        quick = {**quick, "epochs": 12}
        numbers = [int(name == "cat") * 9 + 1 for name in NAMES]  # 1 and 10, which as texts stand the other way
        first, second = [place for place in range(12) if place % 12 < 6], [place for place in range(12) if place >= 6]
        folds = [(first, second), (second, first)]
        found = cross_val_predict(ForetextClassifier(**quick), TEXTS, numbers, cv=folds, method="predict_proba")
        by_hand = np.empty((12, 2))
        for train, test in folds:
            classifier = ForetextClassifier(**quick).fit([TEXTS[at] for at in train], [numbers[at] for at in train])
            by_hand[test] = classifier.predict_proba([TEXTS[at] for at in test])
        np.testing.assert_allclose(found, by_hand, rtol=1e-6)
        scores = cross_val_score(ForetextClassifier(**quick), TEXTS, numbers, cv=folds, scoring="roc_auc")
        positive = np.asarray(numbers) == 10
        worked_out = [
            np.mean(
                [
                    mine > other
                    for mine in by_hand[test, 1][positive[test]]
                    for other in by_hand[test, 1][~positive[test]]
                ]
            )
            for _, test in folds
        ]
        np.testing.assert_allclose(scores, worked_out)

    def test_it_is_calibrated_as_any_classifier_is(self, learns, fitted):
        calibrated = CalibratedClassifierCV(ForetextClassifier(**learns), cv=2, ensemble=False).fit(TEXTS, NAMES)
        assert calibrated.classes_.tolist() == fitted.classes_.tolist()
        np.testing.assert_allclose(calibrated.predict_proba(TEXTS).sum(axis=1), 1)


class TestPickles:
    def test_a_pickle_answers_the_same_in_another_process_when_the_model_is_gone(self, quick, tmp_path):
        folder = tmp_path / "model"
        shutil.copytree(quick["model"], folder)
        y = np.arange(12) % 3
        made = [
            ForetextClassifier(**{**quick, "model": str(folder)}).fit(TEXTS, NAMES),
            ForetextRegressor(**{**quick, "model": str(folder)}).fit(TEXTS, y),
            ForetextFeaturizer(str(folder), device="cpu").fit(TEXTS),
        ]
        asked = [made[0].predict_proba(TEXTS), made[1].predict(TEXTS), made[2].transform(TEXTS)]
        (tmp_path / "made.pickle").write_bytes(pickle.dumps((made, asked, TEXTS)))
        shutil.rmtree(folder)
        program = (
            "import pickle, sys\n"
            "made, asked, texts = pickle.load(open(sys.argv[1], 'rb'))\n"
            "found = [made[0].predict_proba(texts), made[1].predict(texts), made[2].transform(texts)]\n"
            "assert all((one == other).all() for one, other in zip(asked, found, strict=True))\n"
        )
        other = tmp_path / "elsewhere"
        other.mkdir()
        subprocess.run([sys.executable, "-c", program, str(tmp_path / "made.pickle")], cwd=other, check=True)

    def test_a_pickle_holds_bytes_of_safetensors_and_no_tensor(self, fitted):
        given = ForetextClassifier(model=fitted.model_)  # as a parameter too
        for estimator in (fitted, given):
            pickled = pickle.dumps(estimator)
            modules = {
                argument for _, argument, _ in pickletools.genops(io.BytesIO(pickled)) if isinstance(argument, str)
            }
            assert not any("torch" in name for name in modules if not name.startswith("{"))
            state = estimator.__getstate__()
            packed = state.get("model_", state["model"])
            assert set(packed.files) == {"model.json", "model.safetensors", "tokenizer.json"}
        again = pickle.loads(pickle.dumps(given))
        said = [[*answer.probabilities.values()] for answer in again.model.predict(TEXTS)]
        np.testing.assert_allclose(said, fitted.predict_proba(TEXTS), atol=1e-6)

    def test_a_damaged_pickle_is_refused(self, fitted):
        state = fitted.__getstate__()
        weights = bytearray(state["model_"].files["model.safetensors"])
        weights[-1] ^= 1
        state["model_"].files["model.safetensors"] = bytes(weights)
        with pytest.raises(ModelError, match="damaged"):
            ForetextClassifier().__setstate__(state)

    def test_a_model_fitted_on_a_device_that_is_not_here_answers_on_another(self, fitted, monkeypatch):
        far = copy.deepcopy(fitted).set_params(device="cuda")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(ValueError, match="device cuda was asked for"):
            far.predict(TEXTS)
        found = far.set_params(device="cpu").predict_proba(TEXTS)
        np.testing.assert_allclose(found, fitted.predict_proba(TEXTS), atol=1e-6)


class TestThreads:
    def test_threads_that_fit_at_once_get_what_each_would_alone(self, quick):
        quick = {**quick, "dropout": 0.3}  # drawn from torch's one generator

        def fit(seed):
            return ForetextClassifier(**quick, random_state=seed).fit(TEXTS, NAMES).predict_proba(TEXTS)

        alone = [fit(seed) for seed in (0, 1, 2)]
        with ThreadPoolExecutor(3) as pool:
            for one, other in zip(alone, pool.map(fit, (0, 1, 2)), strict=True):
                assert (one == other).all()
        assert not module._training.locked()

    def test_threads_that_ask_at_once_get_their_own_answers(self, learns, fitted):
        asked = copy.deepcopy(fitted)
        expected = fitted.predict_proba(TEXTS)
        start = threading.Barrier(8)

        def ask(number):
            start.wait()
            places = np.random.default_rng(number).permutation(12)
            return places, asked.predict_proba([TEXTS[place] for place in places])

        with ThreadPoolExecutor(8) as pool:
            for places, found in pool.map(ask, range(8)):
                np.testing.assert_allclose(found, expected[places], atol=1e-6)

    def test_processes_that_share_an_accelerator_are_warned(self, monkeypatch):
        monkeypatch.setattr(module, "find_device", lambda name: torch.device("cuda"))
        module._warn_of_crowd("auto")
        monkeypatch.setattr(module.multiprocessing, "current_process", lambda: type("", (), {"name": "LokyProcess-1"}))
        with pytest.warns(UserWarning, match="use n_jobs=1"):
            module._warn_of_crowd("auto")


def test_an_answer_follows_from_its_text_alone(fitted):
    several = ["a cat", "a", *TEXTS, " and ".join(TEXTS)[:200]]
    together = fitted.predict_proba(several)
    for place, text in enumerate(several):
        np.testing.assert_allclose(fitted.predict_proba([text])[0], together[place], atol=1e-6)
    np.testing.assert_allclose(fitted.predict_proba(several[::-1])[::-1], together, atol=1e-6)


def test_the_folder_of_a_fitted_one_is_a_model_for_the_command(fitted, tmp_path):
    folder: Path = fitted.model_.save(tmp_path / "model")
    import foretext

    answers = foretext.load(folder, device="cpu", precision="fp32").predict(TEXTS)
    assert [answer.label for answer in answers] == fitted.predict(TEXTS).tolist()
