"""Texts to vectors, for any estimator behind it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from foretext.errors import DataError
from foretext.front.model import Model, load_model
from foretext.serving.vectors import Pool
from foretext.sklearn.estimator import Estimator
from foretext.sklearn.inputs import Names, Read
from foretext.sklearn.refusals import refusals
from foretext.sklearn.targets import Array
from foretext.tasks.files.problems import counted
from foretext.tasks.schema import TaskSchema


class ForetextFeaturizer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """Turns each text into a vector of a model's states: `make_pipeline(ForetextFeaturizer("mini"), Ridge())`.

    X is a list, an array or a Series of texts, or a table with columns of texts: one for a language model, as many as
    in training for a fine-tuned one. Nothing is learned; `fit` loads the model.

    Args:
        model: name or folder of a model, or one in memory.
        pool: last, the state of the last token, which is the extract token in a fine-tuned model; or mean, the mean of
            all states.
        columns: the columns of texts in X, by name or place, in the order in which they are read. None: all others.
        choices: for a model of kind choice: the column with a list of answers, or one for each answer.
        verbose: show progress on stderr.

    Attributes:
        model_: the `foretext.Model`.
        n_features_in_: how many columns X had; `feature_names_in_` their names, if they had some.
    """

    def __init__(
        self,
        model: Any = "mini",
        *,
        pool: Pool = "last",
        columns: Names = None,
        choices: Names = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        self.model = model
        self.pool = pool
        self.columns = columns
        self.choices = choices
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """This transformer with its model; y is not looked at.

        Raises:
            Refused: there is no such model, or a row cannot be used: all bad rows are named.
            TypeError: X is a single text or a mapping.
        """
        with refusals():
            table, read = self._read(X)
            saved = load_model(self.model)
            _check_columns(read, saved.task)
            read.examples(table)  # refuses what is no text now
        self._fitted(read, Model(replace(saved, folder=None), self.device))
        self._n_features_out = saved.gpt.settings.width
        return self

    def transform(self, X: Any) -> Array:  # noqa: N803
        """A vector for each row, float32 `(rows, width)`.

        Raises:
            NotFittedError: `fit` comes first.
            Refused: a row cannot be used, X has other columns than in `fit`, or a text for a language model is empty.
        """
        with refusals(), self._progress():
            examples = self._examples(X)
            return np.asarray(self._asked().embed(examples, pool=self.pool, allow_unknown=True))


def _check_columns(read: Read, task: TaskSchema | None) -> None:
    """Nothing, if the model reads as many texts, and answers where it chooses among some.

    Raises:
        DataError: it does not.
    """
    texts = 1 if task is None else len(task.text)
    if len(read.text) != texts:
        what = "a language model" if task is None else "this model"
        raise DataError(f"{what} reads {counted(texts, 'text')} a row; columns of texts here: {', '.join(read.text)}")
    if bool(read.choices) != bool(task and task.choices):
        raise DataError("choices are for models of kind choice, which need them")
