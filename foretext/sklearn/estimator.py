"""What the classifier and the regressor share: how they are trained, asked, copied and pickled."""

from __future__ import annotations

import multiprocessing
import threading
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from foretext.errors import SettingsError
from foretext.front.calls import finetune
from foretext.front.model import Model
from foretext.model.devices import find_device
from foretext.progress import quiet
from foretext.serving.predictor import Prediction
from foretext.sklearn.inputs import Names, Read, Table, table_of
from foretext.sklearn.packed import packed, unpacked
from foretext.tasks.examples import Example, Label
from foretext.tasks.labelled import LabelledData
from foretext.tasks.schema import TaskSchema
from foretext.tasks.splitting import stratified_split

# Parameters that are settings of `foretext finetune` by the same names.
SETTINGS = (
    *("epochs", "batch", "learning_rate", "warmup", "language_model_weight", "dropout", "classifier_dropout"),
    *("scores", "transfer_layers", "patience", "device", "precision"),
)
SETTLED = ("out", "resume", "extend", "seed", "keep")  # settings that the estimator decides
OF_SCHEMA = ("cutting", "read_twice", "metric")  # settings that are remembered with the task
MOST_SEEDS = 2**31 - 1

# One at a time: a run has all threads of torch for itself, and draws dropout from torch's one generator.
_training = threading.Lock()


class Estimator(BaseEstimator):
    """Holds a model as `model_` and knows which columns of X it reads, `columns_`; travels with both."""

    columns: Names
    device: str
    verbose: bool

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False  # of numbers, which is what scikit-learn's own checks would give
        return tags

    def __getstate__(self) -> dict[str, Any]:
        return packed(vars(self))

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(unpacked(state))

    def _progress(self) -> AbstractContextManager[None]:
        """Within it progress is shown if that is asked for."""
        return nullcontext() if self.verbose else quiet()

    def _read(self, data: Any) -> tuple[Table, Read]:
        """The rows of X in `fit`, and which columns of it are read."""
        table = table_of(data)
        return table, Read.of(table, self.columns, getattr(self, "choices", None))

    def _fitted(self, read: Read, model: Model) -> None:
        """Takes over what `fit` has made, all at once: a fit that fails leaves the one before."""
        self.columns_, self.model_, self.n_features_in_ = read, model, len(read.seen)
        if read.named:
            self.feature_names_in_ = np.asarray(read.seen, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _examples(self, data: Any) -> list[Example]:
        """The rows of X as the fitted model reads them."""
        check_is_fitted(self, "model_")
        return self.columns_.examples(table_of(data))

    def _asked(self) -> Model:
        """The fitted model, where and how the parameters say now: a pickle may be opened on another machine."""
        precision = getattr(self, "precision", "auto")
        if (self.model_.device, self.model_.precision) != (self.device, precision):
            self.model_ = Model(self.model_.saved, self.device, precision)
        return self.model_


class Trained(Estimator):
    """An estimator whose model `fit` fine-tunes; its parameters are those of its kind."""

    model: Any
    early_stopping: bool
    validation_fraction: float
    random_state: Any

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    @property
    def partial_fit(self) -> NoReturn:
        """Not there: the schedule of a run spans all its updates, so that it cannot be fed bit by bit.

        Raises:
            AttributeError: always; it says what to do instead.
        """
        name = type(self).__name__
        raise AttributeError(
            f"{name} has no partial_fit: fit trains anew on all rows; to go on from a fitted one, fit "
            f"{name}(model=fitted.model_)"
        )

    def _train(
        self, schema: TaskSchema, examples: Sequence[Example], labels: Sequence[Label], weights: Sequence[float]
    ) -> Model:
        """A model fine-tuned on the examples with these labels; those of weight 0 are left out."""
        rows = zip(examples, labels, weights, strict=True)
        train = [replace(example, label=label, weight=weight) for example, label, weight in rows if weight > 0]
        valid = list[Example]()
        params, seed = self.get_params(deep=False), _seed(self.random_state)
        settings = _others(params)
        remembered = {name: settings.pop(name) for name in OF_SCHEMA if name in settings}
        schema = TaskSchema(**{**schema.model_dump(), **remembered})
        if self.early_stopping:
            train, valid = stratified_split(train, schema.labels, share=self.validation_fraction, seed=seed)
        data = LabelledData(schema, train, valid, allow_unknown=bool(settings.pop("allow_unknown", False)))
        settings |= {name: params[name] for name in SETTINGS if params.get(name) is not None}
        _warn_of_crowd(self.device)
        with _training, self._progress():
            made = finetune(self.model, data, seed=seed, **settings)
        return Model(made.saved, self.device, params["precision"])

    def _answers(self, data: Any) -> list[Prediction]:
        """What the fitted model says of each row of X."""
        examples = self._examples(data)
        return self._asked().predictor.predict(examples)


def label_column(y: Any, text: Sequence[str]) -> str:
    """What the model calls the column of its label: as y is called, if it is, and no text is."""
    name = getattr(y, "name", None)
    return name if isinstance(name, str) and name and name not in text else "label"


def _seed(random_state: Any) -> int:
    """The seed itself; of a generator, or of numpy's own for None, the next number."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(MOST_SEEDS))


def _others(params: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are no parameters.

    Raises:
        SettingsError: one is a parameter, or settled by the estimator.
    """
    settings = dict(params["settings"] or {})
    for name in settings:
        if name in params:
            raise SettingsError(f"settings: {name} is a parameter of its own; give it as {name}=…")
        if name in SETTLED:
            raise SettingsError(f"settings: {name} is settled by the estimator; leave it out")
    return settings


def _warn_of_crowd(device: str) -> None:
    """Warns where several processes are about to train on one accelerator."""
    found = find_device(device).type
    if found != "cpu" and multiprocessing.current_process().name != "MainProcess":
        warnings.warn(
            f"processes of a pool share one {found} device, which may run out of memory: use n_jobs=1 or device='cpu'",
            UserWarning,
            stacklevel=3,
        )
