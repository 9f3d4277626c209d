"""A regressor of texts: a number a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin

from foretext.errors import SettingsError
from foretext.sklearn.estimator import Trained, label_column
from foretext.sklearn.inputs import Names
from foretext.sklearn.refusals import refusals
from foretext.sklearn.targets import Array, as_scores, check_lengths, weights_of
from foretext.tasks.labels.form import LabelOptions
from foretext.tasks.labels.scores import ScoreLabels
from foretext.tasks.schema import TaskSchema

SCORES = ("regression", "similarity")  # the kinds that are for it


class ForetextRegressor(RegressorMixin, Trained):
    """Fine-tunes a model on texts and numbers: `ForetextRegressor("mini").fit(texts, y).predict(more)`.

    X is a list, an array or a Series of texts, or a table with columns of texts; rows meet y by their position. The
    parameters that `foretext finetune` has too mean what they mean there, and have its defaults, which are the paper's.

    Args:
        model: name or folder of a model, or one in memory, to start from.
        kind: regression, or similarity: two texts in either order, read in both. None: regression.
        columns: the columns of texts in X, by name or place, in the order in which they are read. None: all.
        scores: grades, a soft choice among whole grades, or value, by least squares. None: grades for similarity, value
            for regression.
        early_stopping: hold out `validation_fraction` of the rows and keep the weights of the best epoch; with
            `patience`, stop after so many epochs without a better one. Otherwise all rows are trained on and the last
            weights are kept.
        random_state: decides new weights, the order of rows and dropout; None draws another seed each time.
        verbose: show progress on stderr.
        settings: any other setting of `foretext finetune`, by its name.

    Attributes:
        model_: the fine-tuned `foretext.Model`, which `save` writes.
        n_features_in_: how many columns X had; `feature_names_in_` their names, if they had some.
    """

    def __init__(
        self,
        model: Any = "mini",
        *,
        kind: str | None = None,
        columns: Names = None,
        epochs: float = 3.0,
        batch: int = 32,
        learning_rate: float | None = None,
        warmup: float = 0.002,
        language_model_weight: float = 0.5,
        dropout: float | None = None,
        classifier_dropout: float = 0.1,
        scores: str | None = None,
        transfer_layers: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 0,
        random_state: Any = 0,
        device: str = "auto",
        precision: str = "auto",
        verbose: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.kind = kind
        self.columns = columns
        self.epochs = epochs
        self.batch = batch
        self.learning_rate = learning_rate
        self.warmup = warmup
        self.language_model_weight = language_model_weight
        self.dropout = dropout
        self.classifier_dropout = classifier_dropout
        self.scores = scores
        self.transfer_layers = transfer_layers
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.verbose = verbose
        self.settings = settings

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """This estimator, fine-tuned from `model` on all rows, whatever it was fitted on before.

        `sample_weight` is as how many each row counts in training; rows of weight 0 are left out.

        Raises:
            Refused: rows or numbers cannot be used, all bad rows being named, or a parameter is wrong.
            TypeError: X or y is a single text or a mapping.
        """
        with refusals():
            table, read = self._read(X)
            check_lengths(y, len(table.rows))
            kind = self.kind or "regression"
            if kind not in SCORES:
                raise SettingsError(f"kind is {kind!r}; a regressor is for {', '.join(SCORES)}")
            examples, scores = read.examples(table), as_scores(y)
            weights = weights_of(y, sample_weight, None, len(examples))
            learned = ScoreLabels().learned(scores, LabelOptions(), "y")
            schema = TaskSchema(
                kind=kind,
                text=read.text,
                label=label_column(y, read.text),
                **learned.remembered(),
            )
            model = self._train(schema, examples, scores, weights)
        self._fitted(read, model)
        return self

    def predict(self, X: Any) -> Array:  # noqa: N803
        """The number of each row, `(rows,)`.

        Raises:
            NotFittedError: `fit` comes first.
            Refused: a row cannot be used, or X has other columns than in `fit`.
        """
        with refusals():
            return np.asarray([answer.label for answer in self._answers(X)], dtype=np.float64)
