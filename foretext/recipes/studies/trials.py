"""One fine-tuning under one seed, scored: what reproductions and studies are made of.

    data = read_labelled_data(LabelledDataSettings(task="RTE"), seed=0)
    for seed in range(5):
        done = trial(model, data, seed=seed, folder=Path("trials"), epochs=3.0)
        print(done.score)

A trial leaves FOLDER/FINGERPRINT.json, where the fingerprint stands for everything the result follows from: settings,
seed, model, data. It is not done again while that file is there, and goes on from its newest checkpoint when it was
cut off, so whatever is made of trials can be stopped and started.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from foretext.checkpoints.history import Departure, Finetuning
from foretext.checkpoints.run_folder import RunFolder
from foretext.checkpoints.saved_model import SavedModel, describe
from foretext.errors import ForetextError, ModelError
from foretext.evaluation.scoring import score_examples
from foretext.files import write_json
from foretext.recipes.finetune import finetune_from, in_full
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.serving.predictor import Predictor
from foretext.settings import Settings, leaves
from foretext.tasks.encode import encode
from foretext.tasks.examples import Example, Label, from_json
from foretext.tasks.labelled import LabelledData
from foretext.tasks.overview import Cut

FORMAT = 1  # of the file a trial leaves; another number makes old files unread
NOT_IN_FINGERPRINT = {  # where and how fast, not what
    *("model", "out", "labelled", "resume", "extend", "seed", "recipe"),
    *("device", "micro_batch", "recompute", "compile", "log_every", "log_to", "checkpoint_every", "keep_checkpoints"),
    "max_hours",
    "watch",  # a sound run is the same with it
}
# In the fingerprint where they are not the default alone: there were trials before there were these.
UNSAID = {"minutes", "least_updates", "fresh_blocks", "layer_decay"}


@dataclass(frozen=True)
class Scores:
    """What one set of examples says of a trained model: its metrics, the main one first, and each prediction."""

    count: int
    metrics: dict[str, float]
    chance: dict[str, float]
    predictions: list[Label]  # in the order of the examples
    cut: Cut | None = None  # what of them did not fit the context; None in records of before it was counted

    @property
    def main(self) -> str:
        """The name of the metric that decides."""
        return next(iter(self.metrics))


@dataclass(frozen=True)
class Trial:
    """The outcome of one fine-tuning; `sets` has the scores of each set of examples by its name."""

    fingerprint: str
    seed: int
    settings: dict[str, Any]  # every setting of fine-tuning that decides the weights
    updates: int
    kept_update: int  # after which update the weights were kept
    seconds: float
    sets: dict[str, Scores]
    departures: tuple[Departure, ...]  # from the paper
    folder: str | None = None  # the finished run, where it was asked for
    training_cut: Cut | None = None  # what of the training examples did not fit the context; None as in `Scores`

    @property
    def score(self) -> float:
        """The main metric on the first set."""
        scores = next(iter(self.sets.values()))
        return scores.metrics[scores.main]


def trial(
    model: SavedModel,
    data: LabelledData,
    *,
    seed: int,
    folder: Path,
    tests: Mapping[str, Sequence[Example]] | None = None,
    keep_run: bool = False,
    **settings: Any,
) -> Trial:
    """The result of fine-tuning `model` on `data.train`, from `folder` if it was got before.

    `settings` are `FinetuneSettings` by name (`epochs`, `transfer_layers`, …); what is not given is the paper's.
    `data.valid` chooses the epoch that is kept; `tests` are scored by the kept model. Without `tests` the validation
    examples are scored, as the set "valid". `keep_run` leaves the run in FOLDER/FINGERPRINT, a model to predict with.

    Raises:
        ModelError: the model has no fingerprint, since it was never on disk.
        SettingsError: a setting is unknown or out of range.
        ForetextError: training failed.
    """
    return wanted_trial(model, data, seed=seed, folder=folder, tests=tests, **settings).result(keep_run=keep_run)


def wanted_trial(
    model: SavedModel,
    data: LabelledData,
    *,
    seed: int,
    folder: Path,
    tests: Mapping[str, Sequence[Example]] | None = None,
    **settings: Any,
) -> WantedTrial:
    """The trial that `trial` would do.

    Raises:
        SettingsError: a setting is unknown or out of range.
    """
    wanted = FinetuneSettings(model=str(model.folder), out=folder, seed=seed, recipe="paper", **settings)
    return WantedTrial(model, data, tests or {"valid": data.valid}, in_full(wanted, model))


@dataclass(frozen=True)
class WantedTrial:
    """A trial to be done, or done already; `settings.out` is the folder of all of them."""

    model: SavedModel
    data: LabelledData
    tests: Mapping[str, Sequence[Example]]
    settings: FinetuneSettings

    @cached_property
    def fingerprint(self) -> str:
        """What stands for all that its result follows from."""
        return fingerprint(self.model, self.data, self.settings, self.tests)

    @property
    def run(self) -> RunFolder:
        """Where it trains."""
        return RunFolder(self.settings.out / self.fingerprint)

    @property
    def record(self) -> Path:
        """The file that its result is kept in."""
        return self.settings.out / f"{self.fingerprint}.json"

    def kept(self, *, keep_run: bool = False) -> Trial | None:
        """Its result, where it was got before, and with `keep_run` its model too."""
        done = read_trial(self.record)
        return done if done is None or not keep_run or (self.run.path / "model.json").exists() else None

    def result(self, *, keep_run: bool = False) -> Trial:
        """Its result, got now if it is not kept."""
        done = self.kept(keep_run=keep_run)
        if done is not None:
            return done
        run = self.run.path
        begun = {"out": run, "resume": self.run.is_begun}
        finetuned = finetune_from(self.model, self.data, self.settings.model_copy(update=begun))
        done = Trial(
            fingerprint=self.fingerprint,
            seed=self.settings.seed,
            settings=deciding(self.settings),
            updates=finetuned.updates,
            kept_update=finetuned.best_update,
            seconds=finetuned.seconds,
            sets=_scored(run, self.tests, self.settings.loop.device),
            departures=(describe(run).history.finetuning or Finetuning()).departures or (),
            folder=str(run) if keep_run else None,
            training_cut=finetuned.training_cut,
        )
        write_json(self.record, {"format": FORMAT, **asdict(done)})
        if keep_run:
            shutil.rmtree(run / "checkpoints", ignore_errors=True)
        else:
            shutil.rmtree(run)
        return done


def fingerprint(
    model: SavedModel,
    data: LabelledData,
    settings: FinetuneSettings,
    tests: Mapping[str, Sequence[Example]],
) -> str:
    """16 hex digits over all that the result of a trial follows from."""
    if not model.fingerprint:
        raise ModelError("a trial needs a model that was saved: results are kept under the fingerprint of its weights")
    digest = hashlib.sha256()
    content = {
        "format": FORMAT,
        "seed": settings.seed,
        "settings": deciding(settings),
        "model": [model.fingerprint, model.tokenizer.fingerprint],
        "data": data.fingerprint,
        "task": data.schema.to_dict(),
        **({"special_tokens": "learned"} if model.gpt.head else {}),
        "tests": {name: LabelledData(data.schema, (), examples).fingerprint for name, examples in tests.items()},
    }
    digest.update(json.dumps(content, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def read_trial(record: Path) -> Trial | None:
    """The trial that left this file; None if there is none, or one of another format.

    Raises:
        ForetextError: the file is damaged.
    """
    if not record.exists():
        return None
    try:
        values = json.loads(record.read_text(encoding="utf-8"))
        if values.pop("format") != FORMAT:
            return None
        sets = {
            name: Scores(
                **{
                    **scores,
                    "predictions": list(map(from_json, scores["predictions"])),
                    "cut": _cut(scores.get("cut")),
                }
            )
            for name, scores in values.pop("sets").items()
        }
        departures = tuple(Departure(**departure) for departure in values.pop("departures"))
        training_cut = _cut(values.pop("training_cut", None))
        return Trial(sets=sets, departures=departures, training_cut=training_cut, **values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ForetextError(f"{record} is no record of a trial ({error}); delete it and run again") from None


def _cut(values: Mapping[str, int] | None) -> Cut | None:
    return None if values is None else Cut(**values)


def deciding(settings: Settings) -> dict[str, Any]:
    """The settings of fine-tuning that decide the weights, flat: `{"epochs": 3.0, "beta1": 0.9, …}`."""
    tree = settings.model_dump(mode="json")
    found = {}
    for name, leaf in leaves(type(settings)).items():
        if name in NOT_IN_FINGERPRINT or leaf.path[0] in NOT_IN_FINGERPRINT:
            continue
        value: Any = tree
        for part in leaf.path:
            value = value[part]
        if name in UNSAID and value == leaf.default:
            continue
        found[name] = value
    return found


def _scored(run: Path, tests: Mapping[str, Sequence[Example]], device: str) -> dict[str, Scores]:
    predictor = Predictor.load(run, device=device, precision="fp32")
    sets = {}
    for name, examples in tests.items():
        encoded = encode(examples, predictor.schema, predictor.saved.tokenizer, predictor.gpt.settings.context)
        predictions = predictor.answer(encoded)
        evaluation = score_examples(examples, predictions, schema=predictor.schema, resamples=0)
        metrics = {metric: estimate.value for metric, estimate in evaluation.metrics.items()}
        labels = list(predictions.labels)
        sets[name] = Scores(len(examples), metrics, evaluation.chance, labels, Cut.of(encoded))
    return sets
