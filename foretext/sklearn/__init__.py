"""Estimators of scikit-learn on texts: a classifier, a regressor and a transformer, on top of the front door.

    from foretext.sklearn import ForetextClassifier

    classifier = ForetextClassifier("mini", epochs=10, batch=4).fit(texts, labels)

Pipelines, folds, searches and calibration take them as they take any other estimator. docs/sklearn.md is their page.
"""

from foretext.errors import Refused
from foretext.sklearn.classifier import ForetextClassifier
from foretext.sklearn.featurizer import ForetextFeaturizer
from foretext.sklearn.regressor import ForetextRegressor

__all__ = ["ForetextClassifier", "ForetextFeaturizer", "ForetextRegressor", "Refused"]
