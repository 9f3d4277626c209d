"""What fine-tunings cost here: updates that are left, and the time of each, measured over a few of them."""

from __future__ import annotations

import hashlib
import json
import math
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch

from foretext.files import load_json, write_json
from foretext.progress import clock
from foretext.recipes.finetune import finetuning_run
from foretext.recipes.run import speed_of
from foretext.recipes.studies.runner import quiet
from foretext.recipes.studies.trials import WantedTrial, deciding
from foretext.recipes.studies.zero_shot import WantedScores
from foretext.tasks.batching import updates_per_epoch
from foretext.tasks.encode import encode
from foretext.tasks.labelled import LabelledData, drawn

FORMAT = 1  # of the measurements; another number makes old ones unread
SAMPLE_BATCHES = 8  # batches of training examples to measure on
SAMPLE_VALID = 64  # examples to measure validation on
SECONDS_PER_MINUTE = 60


@dataclass(frozen=True)
class Job:
    """One fine-tuning under several seeds, and the table or figure that it is for."""

    target: str
    what: str
    trials: Sequence[WantedTrial]


@dataclass(frozen=True)
class Speeds:
    """Seconds, as measured: an update, the answer to an example, reading an example, making the model."""

    update: float
    answer: float
    reading: float
    model: float


@dataclass(frozen=True)
class Cost:
    """What a job has done and has left; of scores without training there are no updates."""

    target: str
    what: str
    train: int  # examples of a run
    scored: int
    runs: int
    done: int
    updates: int  # left
    each: float | None  # seconds of an update; None where there is none, or none is left
    seconds: float  # left

    def cells(self) -> list[str]:
        """Its row."""
        each = "" if self.each is None else f"{self.each:.3g}"
        counts = [f"{count:,}" if count else "" for count in (self.train, self.scored)]
        left = [f"{self.updates:,}" if self.updates else "", each, clock(self.seconds)]
        return [self.target, self.what, *counts, f"{self.runs}", f"{self.done}", *left]


class Costs:
    """Works out what jobs cost; a trial that several of them need is counted for the first."""

    def __init__(self, measurements: Path) -> None:
        self.measurements = measurements  # the folder that they are kept in
        self.seen: set[str] = set()

    def of(self, job: Job) -> Cost:
        """What is left of a job; its speed is measured if it is not known and there is something left."""
        first = job.trials[0]
        mine = [one for one in job.trials if one.fingerprint not in self.seen]
        self.seen.update(one.fingerprint for one in mine)
        left = [one for one in mine if one.kept() is None]
        speeds = self._speeds(job) if left else None
        lengths = [Length.of(one) for one in left]
        return Cost(
            job.target,
            job.what,
            train=len(first.data.train),
            scored=sum(map(len, first.tests.values())),
            runs=len(mine),
            done=len(mine) - len(left),
            updates=sum(length.left for length in lengths),
            each=speeds.update if speeds else None,
            seconds=sum(length.seconds(speeds) for length in lengths) if speeds else 0.0,
        )

    def _speeds(self, job: Job) -> Speeds:
        """As kept, or measured now."""
        sample = Sample(job.trials[0])
        record = self.measurements / f"{sample.fingerprint}.json"
        if record.exists():
            return Speeds(**load_json(record))
        speeds = sample.measured()
        write_json(record, asdict(speeds))
        return speeds


@dataclass(frozen=True)
class Length:
    """How long one trial is."""

    left: int  # updates
    answers: int  # to examples, in validation and in the end
    examples: int  # to be turned into ids
    minutes: float  # planned for, in place of updates; else 0

    @classmethod
    def of(cls, trial: WantedTrial) -> Length:
        """That of a trial that is not done, from its newest checkpoint on if it has one."""
        settings, loop = trial.settings, trial.settings.loop
        each = updates_per_epoch(len(trial.data.train), settings.batch, settings.points.last_batch)
        updates = max(1, round(settings.epochs * each), settings.least_updates)
        at = max(trial.run.checkpoints.updates(), default=0)
        left = max(0, updates - at)
        validations = math.ceil(left / (loop.validate_every or each)) + 1  # of the finished model once more
        tested = sum(map(len, trial.tests.values()))
        answers = validations * len(trial.data.valid) + tested
        return cls(left, answers, len(trial.data.train) + len(trial.data.valid) + tested, loop.minutes)

    def seconds(self, speeds: Speeds) -> float:
        """The time that it takes."""
        if self.minutes:
            return self.minutes * SECONDS_PER_MINUTE
        training = self.left * speeds.update + self.answers * speeds.answer
        return training + self.examples * speeds.reading + speeds.model


@dataclass(frozen=True)
class Sample:
    """A trial cut down to what its speed is measured on; the layers that it starts from make no difference."""

    trial: WantedTrial

    @cached_property
    def data(self) -> LabelledData:
        """A few batches of its examples."""
        data = self.trial.data
        train = drawn(data.train, SAMPLE_BATCHES * self.trial.settings.batch, 0)
        return LabelledData(data.schema, train, drawn(data.valid, SAMPLE_VALID, 0), allow_unknown=True)

    @property
    def fingerprint(self) -> str:
        """16 hex digits over all that the speed follows from, the machine among it."""
        settings = self.trial.settings
        content = {
            "format": FORMAT,
            "machine": machine(settings.loop.device),
            "model": self.trial.model.fingerprint,
            "data": self.data.fingerprint,
            "settings": {**deciding(settings), "transfer_layers": None},
            "loop": settings.loop.model_dump(mode="json", exclude={"minutes", "max_hours", "log_to"}),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def measured(self) -> Speeds:
        """Its speeds, measured now; nothing is written."""
        model, data = self.trial.model, self.data
        examples = [*data.train, *data.valid]
        began = time.monotonic()
        encode(examples, data.schema, model.tokenizer, model.gpt.settings.context)
        read = time.monotonic()
        with quiet(True):
            run = finetuning_run(model, data, self.trial.settings)
            made = time.monotonic()
            speed, _ = speed_of(run)
        reading = read - began
        return Speeds(
            update=speed.update,
            answer=speed.validation / len(data.valid),
            reading=reading / len(examples),
            model=max(0.0, made - read - reading),
        )


def of_scores(target: str, found: WantedScores) -> Cost:
    """The cost of scores without training."""
    left = found.scores - found.done
    seconds = left * found.answered * found.seconds
    return Cost(target, f"{found.task}, zero-shot", 0, found.scored, found.scores, found.done, 0, None, seconds)


def machine(device: str) -> str:
    """What the times are of."""
    if device != "cpu" and torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
