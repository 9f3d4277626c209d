"""A classifier of texts: one class a row, the right one of several answers, or any number of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import numpy as np
from sklearn.base import ClassifierMixin

from foretext.errors import DataError, SettingsError
from foretext.serving.predictor import Prediction
from foretext.sklearn.estimator import Trained, label_column
from foretext.sklearn.inputs import Names, Read
from foretext.sklearn.refusals import refusals
from foretext.sklearn.targets import (
    Array,
    Labelled,
    as_answers,
    as_classes,
    as_sets,
    check_lengths,
    has_columns,
    weights_of,
)
from foretext.tasks.examples import Example
from foretext.tasks.kinds import TaskKind, find_kind
from foretext.tasks.labels.sets import SetLabels
from foretext.tasks.schema import TaskSchema

CLASSIFIES = ("classification", "entailment", "choice", "multi-label")  # the kinds that are for it


class ForetextClassifier(ClassifierMixin, Trained):
    """Fine-tunes a model on texts and classes: `ForetextClassifier("mini").fit(texts, y).predict(more)`.

    X is a list, an array or a Series of texts, or a table with columns of texts; rows meet y by their position. The
    parameters that `foretext finetune` has too mean what they mean there, and have its defaults, which are the paper's.

    Args:
        model: name or folder of a model, or one in memory, to start from.
        kind: classification, entailment (two texts, their order matters), choice, or multi-label. None: choice where
            `choices` are given, multi-label where y has several columns, else classification.
        columns: the columns of texts in X, by name or place, in the order in which they are read. None: all others.
        choices: choice: the column with a list of answers, or one for each answer; y counts them from 0.
        early_stopping: hold out `validation_fraction` of the rows and keep the weights of the best epoch; with
            `patience`, stop after so many epochs without a better one. Otherwise all rows are trained on and the last
            weights are kept.
        class_weight: "balanced", or as how many an example of each class counts.
        random_state: decides new weights, the order of rows and dropout; None draws another seed each time.
        verbose: show progress on stderr.
        settings: any other setting of `foretext finetune`, by its name.

    Attributes:
        classes_: the classes in the order of probabilities: `np.unique(y)`; the places of the answers, from 0; or the
            columns of an indicator matrix.
        model_: the fine-tuned `foretext.Model`, which `save` writes.
        n_features_in_: how many columns X had; `feature_names_in_` their names, if they had some.
    """

    def __init__(
        self,
        model: Any = "mini",
        *,
        kind: str | None = None,
        columns: Names = None,
        choices: Names = None,
        epochs: float = 3.0,
        batch: int = 32,
        learning_rate: float | None = None,
        warmup: float = 0.002,
        language_model_weight: float = 0.5,
        dropout: float | None = None,
        classifier_dropout: float = 0.1,
        transfer_layers: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        patience: int = 0,
        class_weight: Any = None,
        random_state: Any = 0,
        device: str = "auto",
        precision: str = "auto",
        verbose: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.kind = kind
        self.columns = columns
        self.choices = choices
        self.epochs = epochs
        self.batch = batch
        self.learning_rate = learning_rate
        self.warmup = warmup
        self.language_model_weight = language_model_weight
        self.dropout = dropout
        self.classifier_dropout = classifier_dropout
        self.transfer_layers = transfer_layers
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.class_weight = class_weight
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.verbose = verbose
        self.settings = settings

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """This estimator, fine-tuned from `model` on all rows, whatever it was fitted on before.

        `sample_weight` is as how many each row counts in training; rows of weight 0 are left out.

        Raises:
            Refused: rows or labels cannot be used, all bad rows being named, or a parameter is wrong.
            TypeError: X or y is a single text or a mapping.
        """
        with refusals():
            table, read = self._read(X)
            check_lengths(y, len(table.rows))
            kind, examples = self._kind(y), read.examples(table)
            labelled = _labelled(kind, y, examples)
            weights = weights_of(y, sample_weight, _known(self.class_weight, labelled), len(examples))
            schema = _schema(kind, read, labelled, y)
            model = self._train(schema, examples, labelled.labels, weights)
        self._fitted(read, model)
        self.classes_ = labelled.classes
        return self

    def predict(self, X: Any) -> Array:  # noqa: N803
        """The class of each row, in y's own type: the most probable one; for several labels 0 and 1, `(rows, labels)`.

        Raises:
            NotFittedError: `fit` comes first.
            Refused: a row cannot be used, or X has other columns than in `fit`.
        """
        with refusals():
            answers = self._answers(X)
            if SetLabels in self.model_.schema.task_kind.forms:
                said = [
                    [name in cast(Sequence[str], answer.label) for name in map(str, self.classes_)]
                    for answer in answers
                ]
                return np.asarray(said, dtype=np.int64)
            found: Array = self.classes_[self._probabilities(answers).argmax(axis=1)]
            return found

    def predict_proba(self, X: Any) -> Array:  # noqa: N803
        """The probability of each class of each row, `(rows, classes)` in the order of `classes_`.

        For several labels each column is a probability of its own; an answer that a row does not have has 0.

        Raises:
            NotFittedError: `fit` comes first.
            Refused: a row cannot be used, or X has other columns than in `fit`.
        """
        with refusals():
            return self._probabilities(self._answers(X))

    def _probabilities(self, answers: Sequence[Prediction]) -> Array:
        found = np.zeros((len(answers), len(self.classes_)))
        for number, (row, answer) in enumerate(zip(found, answers, strict=True), start=1):
            values = list((answer.probabilities or {}).values())
            if len(values) > len(row):
                raise DataError(f"X, row {number}: {len(values)} answers; in fit there were {len(row)} at most")
            row[: len(values)] = values
        return found

    def _kind(self, y: Any) -> TaskKind:
        shown = "choice" if self.choices is not None else "multi-label" if has_columns(y) else "classification"
        name = self.kind or shown
        if name not in CLASSIFIES:
            raise SettingsError(f"kind is {name!r}; a classifier is for {', '.join(CLASSIFIES)}")
        kind = find_kind(name)
        if self.choices is not None and not kind.has_answers:
            raise SettingsError(f"choices are for kind='choice'; kind is {name!r}")
        if kind.has_answers and self.choices is None:
            raise SettingsError(
                f"kind={name!r} needs choices: the column with a list of answers, or one for each answer"
            )
        return kind


def _labelled(kind: TaskKind, y: Any, examples: Sequence[Example]) -> Labelled:
    if kind.has_answers:
        return as_answers(y, examples)
    return as_sets(y) if SetLabels in kind.forms else as_classes(y)


def _schema(kind: TaskKind, read: Read, labelled: Labelled, y: Any) -> TaskSchema:
    """The task, whose classes stand in the order of `classes_`."""
    return TaskSchema(
        kind=kind.name,
        text=read.text,
        choices=read.choices,
        label=label_column(y, (*read.text, *read.choices)),
        classes=labelled.names,
        answer_labels="index0" if kind.has_answers else None,
    )


def _known(class_weight: Any, labelled: Labelled) -> Any:
    """`class_weight`, if the classes that it names are there.

    Raises:
        DataError: one is not.
    """
    classes = labelled.classes.tolist()
    unknown = [name for name in class_weight if name not in classes] if isinstance(class_weight, Mapping) else []
    if unknown:
        raise DataError(
            f"class_weight names {unknown[0]!r}, which is none of the classes {', '.join(map(repr, classes))}"
        )
    return class_weight
