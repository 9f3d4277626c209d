"""y as scikit-learn passes it around, to labels: one order of classes, that of `classes_`, down to the head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from foretext.errors import DataError
from foretext.tasks.examples import Example, Label
from foretext.tasks.files.problems import Problems

Array = npt.NDArray[Any]
BINARIZER = "an array of 0 and 1, rows x labels, as MultiLabelBinarizer().fit_transform(y) makes it"


@dataclass(frozen=True)
class Labelled:
    """The label of each row, the classes in y's own type, and their names in the same order."""

    labels: list[Label]
    classes: Array
    names: tuple[str, ...] = ()


def as_classes(y: Any) -> Labelled:
    """One class a row: `classes` is `np.unique(y)`.

    Raises:
        ValueError: the values are no classes, but numbers on a scale.
        DataError: a label is missing, labels are of several types, or all are the same.
    """
    values = _column(y)
    check_classification_targets(values)
    classes, places = np.unique(values, return_inverse=True)
    names = tuple(map(str, classes))
    if len(names) < 2:
        raise DataError(f"y has only one class, {names[0]!r}; a classifier needs two at least")
    return Labelled([names[place] for place in places], classes, names)


def as_answers(y: Any, examples: Sequence[Example]) -> Labelled:
    """The place of the right answer of each example, from 0: `classes` counts to the largest number of answers.

    Raises:
        DataError: a label is none of the places of its answers.
    """
    values, problems, labels = _column(y), Problems("y"), list[Label]()
    problems.unit = "row"
    for number, (value, example) in enumerate(zip(values.tolist(), examples, strict=True), start=1):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(example.choices):
            what = f"which of the {len(example.choices)} answers is right, counted from 0"
            problems.add(number, f"{value!r:.40} does not say {what}")
        else:
            labels.append(value)
    problems.check()
    return Labelled(labels, np.arange(max(len(example.choices) for example in examples)))


def as_sets(y: Any) -> Labelled:
    """Any number of labels a row, from an indicator matrix `(rows, labels)`; `classes` are its columns.

    Raises:
        DataError: it is none, or all its rows are the same.
    """
    columns = getattr(y, "columns", None)
    dense = y.toarray() if hasattr(y, "toarray") else y
    try:
        values = np.asarray(dense)
    except ValueError:  # lists of several lengths
        values = np.empty(0)
    if values.ndim != 2 or values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise DataError(f"several labels for each text are {BINARIZER}; this y is {_described(y)}")
    if (values == values[0]).all():
        raise DataError("every row of y has the same labels; there is nothing to learn")
    classes = np.arange(values.shape[1]) if columns is None else np.asarray(list(columns))
    names = tuple(map(str, classes))
    if len(set(names)) < len(names):
        raise DataError(f"two columns of y have one name: {', '.join(names)}")
    sets = [tuple(sorted(name for name, there in zip(names, row, strict=True) if there)) for row in values]
    return Labelled(list(sets), classes, names)


def has_columns(y: Any) -> bool:
    """Whether y has several values a row: a matrix, a table, or a list of lists."""
    shape: tuple[int, ...] = getattr(y, "shape", ())
    return (len(shape) == 2 and shape[1] > 1) or _of_lists(y)


def as_scores(y: Any) -> list[float]:
    """A finite number a row.

    Raises:
        DataError: one is none, or missing.
    """
    problems, scores = Problems("y"), list[float]()
    problems.unit = "row"
    for number, value in enumerate(_column(y).tolist(), start=1):
        is_number = isinstance(value, int | float) and np.isfinite(value)
        if is_number:
            scores.append(float(value))
        else:
            problems.add(number, f"{value!r:.40} is no finite number")
    problems.check()
    return scores


def weights_of(y: Any, sample_weight: Any, class_weight: Any, rows: int) -> list[float]:
    """As how many each row counts: its own weight times that of its class, 1 on average of those that count.

    Raises:
        DataError: there are not as many as rows, one is negative or no finite number, or all are 0.
    """
    weights = np.ones(rows) if sample_weight is None else np.asarray(sample_weight)
    if weights.ndim == 0:
        weights = np.full(rows, weights)
    if weights.shape != (rows,):
        raise DataError(f"sample_weight has shape {weights.shape}; X has {rows} rows")
    try:
        weights = weights.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError("sample_weight holds what is no number") from None
    if class_weight is not None:
        weights = weights * compute_sample_weight(class_weight, y)
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise DataError(f"sample_weight, row {bad[0] + 1}: {weights[bad[0]]} is no weight, which is 0 or more")
    counting = weights[weights > 0]
    if not len(counting):
        raise DataError("every weight is zero; there is nothing to learn from")
    if (counting == counting[0]).all():
        return [float(weight > 0) for weight in weights]
    return [float(weight) for weight in weights / counting.mean()]


def check_lengths(y: Any, rows: int) -> None:
    """Nothing, if y has as many rows as X.

    Raises:
        DataError: it has not.
        TypeError: it is nothing that has rows.
    """
    if y is None:
        raise DataError("requires y to be passed, but the target y is None")
    if isinstance(y, str | bytes | Mapping) or not any(hasattr(y, name) for name in ("__len__", "__array__", "shape")):
        raise TypeError(f"y is {_described(y)}; give a list, an array or a Series of labels, one for each row of X")
    shape: tuple[int, ...] = getattr(y, "shape", ())
    count = shape[0] if shape else len(y if hasattr(y, "__len__") else np.asarray(y))
    if count != rows:
        raise DataError(f"X has {rows} rows and y has {count}: inconsistent numbers of samples")


def _column(y: Any) -> Array:
    """y as an array `(rows,)` in its own type, by position; of the numbers in an array of objects their type.

    Raises:
        DataError: a value is missing, or values are of several types.
    """
    if _of_lists(y):
        raise DataError(f"a label of y is a list; for several labels a text give {BINARIZER}, and kind='multi-label'")
    if isinstance(y, list | tuple):  # before numpy gives them one type, in which a missing one is the text "nan"
        _check_values(y)
    values = np.asarray(column_or_1d(np.asarray(y), warn=True))
    if values.dtype.kind in "Of":
        _check_values(values.tolist())
    if values.dtype.kind == "O" and not any(isinstance(value, str) for value in values):
        return np.asarray(values.tolist())
    return values


def _check_values(values: Sequence[Any]) -> None:
    problems = Problems("y")
    problems.unit = "row"
    for number, value in enumerate(values, start=1):
        if _missing(value):
            problems.add(number, "the label is missing")
    problems.check()
    names = {str: "text", bool: "truth values", np.bool_: "truth values"}
    found = {next((name for kind, name in names.items() if isinstance(value, kind)), "numbers") for value in values}
    if len(found) > 1:
        raise DataError(f"the labels in y are of several types, {' and '.join(sorted(found))}; give them one type")


def _of_lists(y: Any) -> bool:
    return isinstance(y, list | tuple) and any(
        isinstance(value, list | tuple | set | frozenset | np.ndarray) for value in y
    )


def _missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def _described(y: Any) -> str:
    shape = getattr(y, "shape", None)
    return f"{type(y).__name__}" + (f" of shape {tuple(shape)}" if shape is not None else "")
