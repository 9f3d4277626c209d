"""What language models know of tasks without fine-tuning, over the updates of pre-training (paper, Figure 2, right)."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from scipy.stats import spearmanr

from foretext.checkpoints.find import find_model, split_name
from foretext.checkpoints.history import Pretraining
from foretext.checkpoints.model_at_update import load_checkpoint, load_named
from foretext.checkpoints.run_folder import RunFolder
from foretext.checkpoints.saved_model import SavedModel, describe, load_model
from foretext.errors import SettingsError
from foretext.evaluation.prompts import EncodedTask, ZeroShotTask, encode_zero_shot, unread_of
from foretext.evaluation.zero_shot import score_zero_shot
from foretext.evaluation.zero_shot_tasks import find_zero_shot_tasks, papers_tasks_at_hand
from foretext.files import write_json
from foretext.locks import held
from foretext.model.devices import find_device
from foretext.progress import progress
from foretext.recipes.paper.scores import FIGURES
from foretext.recipes.settings.study import StudyZeroShotSettings
from foretext.recipes.studies.rows import with_interval
from foretext.recipes.studies.runner import Studied
from foretext.recipes.studies.study import Study, write_study
from foretext.tasks.labelled import LabelledData
from foretext.tasks.sources import named_sources

FORMAT = 2  # of the scores that are kept; another number makes old ones unread

MEASURED = 64  # examples, to tell how long a score takes
BEST_ON_DPR = 0.764  # Peng et al. 2015; the paper gives none

ABOUT = (
    "The language model answers each task without any fine-tuning, by the heuristics of the paper's section 5, after "
    "more and more updates of pre-training. 0 is chance, 1 the best supervised model before the paper. In the paper "
    "all four rise steadily for the Transformer, and the LSTM varies more."
)


@dataclass(frozen=True)
class Stage:
    """A language model as it stood after some updates of its pre-training."""

    curve: str
    updates: int
    fingerprint: str  # of its weights
    load: Callable[[], SavedModel]


def study_zero_shot(settings: StudyZeroShotSettings) -> Studied:
    """Scores every stage of every model on every task and writes the study to `settings.out`.

    Raises:
        ModelError: a model is missing, damaged or unfinished.
        SettingsError: no task is given or no heuristic fits one.
        DataError: a task's files are missing or wrong.
    """
    best = {**best_supervised(), **_given_best(settings.best)}
    tasks, missing = _tasks(settings)
    stages, notes = _stages(settings.models)
    rows = []
    with held(settings.out), progress("zero-shot", len(stages) * len(tasks), unit="scores") as bar:
        for stage in stages:
            scorer = _Scorer(stage, settings)
            for name, task in tasks.items():
                bar.advance(0, text=f"{stage.curve} at {stage.updates:,}, {name}")
                rows.append(_row(stage, name, scorer.score(name, task), best.get(name)))
                bar.advance(1)
    notes += [f"{name} is left out: its files are not there." for name in missing]
    unknown = [name for name in tasks if name not in best]
    if unknown:
        notes.append(f"{', '.join(unknown)}: no best supervised score is known (--best NAME=SCORE), so not drawn.")
    notes += [_how(name, task) for name, task in tasks.items()]
    study = Study(
        name="zero-shot",
        title="Zero-shot behaviour",
        about=ABOUT,
        caption="With 95 % intervals over examples; relative is 0 for chance and 100 for the best supervised model.",
        rows=rows,
        shown=["task", "model", "updates", "metric", "score", "chance", "best", "relative"],
        findings=[line for name in tasks for line in _findings([row for row in rows if row["task"] == name])],
        warnings=notes,
        settings=settings.model_dump(mode="json", exclude={"out"}),
    )
    write_study(settings.out, study)
    return Studied(study, settings.out)


@dataclass(frozen=True)
class WantedScores:
    """The scores of one task, some of which may be kept already."""

    task: str
    scores: int  # one for each stage
    done: int
    scored: int  # examples
    answered: int  # examples of one score: those, and the ones by which a threshold is chosen
    seconds: float  # of an answer, as measured; 0 where nothing is left to do


def wanted_scores(settings: StudyZeroShotSettings) -> Iterator[WantedScores]:
    """What `study_zero_shot` has to do; how long it takes is measured on a few examples.

    Raises:
        ModelError: a model is missing, damaged or unfinished.
        SettingsError: no task is given or no heuristic fits one.
        DataError: a task's files are missing or wrong.
    """
    tasks, _ = _tasks(settings)
    stages, _ = _stages(settings.models)
    scorers = [_Scorer(stage, settings) for stage in stages]
    for name, task in tasks.items():
        left = [scorer for scorer in scorers if not scorer.record(task).exists()]
        seconds = scorers[0].seconds(name, task) if left else 0.0
        done = len(scorers) - len(left)
        yield WantedScores(name, len(scorers), done, len(task.examples), _answered(task), seconds)


def best_supervised() -> dict[str, float]:
    """The best score before the paper on each of its tasks, and on DPR, between 0 and 1."""
    return {**{figure.task: figure.best_before / 100 for figure in FIGURES}, "DPR": BEST_ON_DPR}


def relative(score: float, chance: float, best: float) -> float:
    """The score between chance (0) and the best supervised model (1)."""
    return (score - chance) / (best - chance)


def _tasks(settings: StudyZeroShotSettings) -> tuple[dict[str, ZeroShotTask], list[str]]:
    """The tasks by name, and the names of the paper's whose files are not there."""
    names, missing = list(settings.tasks), list[str]()
    own = settings.labelled.kind is not None or settings.labelled.task is not None
    if not names and not own:
        names, missing = papers_tasks_at_hand(settings.labelled.data)
    return find_zero_shot_tasks(named_sources(names, settings.labelled), settings.zero_shot), missing


def _given_best(best: Sequence[str]) -> dict[str, float]:
    given = {}
    for item in best:
        name, _, score = item.rpartition("=")
        try:
            given[name] = float(score)
        except ValueError:
            given[name] = 0.0
        if not name or not 0 < given[name] <= 1:
            raise SettingsError(f"--best {item!r} is not NAME=SCORE with a score above 0 and at most 1, as CoLA=0.35")
    return given


def _stages(models: Sequence[str]) -> tuple[list[Stage], list[str]]:
    """Every stage of every model, oldest first, and what to know of them."""
    stages, notes, alone = list[Stage](), list[str](), 0
    for name in models:
        curve = Path(name).resolve().name if Path(name).is_dir() else name
        if any(stage.curve == curve for stage in stages):
            raise SettingsError(f"two models are called {curve}; give their folders different names")
        own = [_stage_named(name, curve)] if split_name(name)[1] else list(_stages_of(find_model(name), curve))
        if len(own) == 1:
            alone += 1
            known = own[0].updates
            if not known:
                notes.append(
                    f"{curve} does not say how many updates it had; it stands at {alone}, its place in the order."
                )
            own = [Stage("models", known or alone, own[0].fingerprint, own[0].load)]
        stages += own
    if alone == len(models) == 1:
        notes.append(
            "One model at one update makes no curve: pre-train with --keep-checkpoints 100, or give several models."
        )
    return stages, notes


def _stage_named(name: str, curve: str) -> Stage:
    """The one checkpoint that `RUN@update` names."""
    saved = load_named(name)
    pretraining = saved.history.pretraining or Pretraining()
    return Stage(curve, pretraining.result.updates or 0, saved.fingerprint, partial(load_named, name))


def _stages_of(folder: Path, curve: str) -> Iterator[Stage]:
    """The checkpoints of a finished run, oldest first, then what it ended with."""
    about = describe(folder)
    pretraining = about.history.pretraining or Pretraining()
    updates = pretraining.result.updates or 0
    for checkpoint in reversed(list(RunFolder(folder).checkpoints.complete())):
        if checkpoint.update < updates and not about.head:
            weights = checkpoint.state["sha256"]["model"]
            yield Stage(curve, checkpoint.update, weights, partial(load_checkpoint, folder, checkpoint))
    yield Stage(curve, updates, about.weights_sha256, lambda: load_model(folder))


class _Scorer:
    """Scores of one stage, kept in OUT/scores; its model is loaded when the first one is not there yet."""

    def __init__(self, stage: Stage, settings: StudyZeroShotSettings) -> None:
        self.stage, self.settings = stage, settings
        self.saved: SavedModel | None = None

    def score(self, name: str, task: ZeroShotTask) -> dict[str, Any]:
        """Metric, score with interval, chance, counts: the columns of a row."""
        record = self.record(task)
        if record.exists():
            return dict(json.loads(record.read_text(encoding="utf-8")))
        scores = self._computed(name, task)
        write_json(record, scores)
        return scores

    def record(self, task: ZeroShotTask) -> Path:
        """The file that the score of a task is kept in."""
        return self.settings.out / "scores" / f"{self._fingerprint(task)}.json"

    def seconds(self, name: str, task: ZeroShotTask) -> float:
        """How long an answer takes here, by a few of them."""
        few = replace(task, examples=task.examples[:MEASURED], training=task.training[:MEASURED])
        self.saved = self.saved or self.stage.load()
        began = time.monotonic()
        self._computed(name, few)
        return (time.monotonic() - began) / _answered(few)

    def _computed(self, name: str, task: ZeroShotTask) -> dict[str, Any]:
        saved = self.saved = self.saved or self.stage.load()
        gpt = saved.gpt.to(find_device(self.settings.device))
        encoded: EncodedTask = encode_zero_shot(task, saved.tokenizer, gpt.settings.context)
        allowed = self.settings.labelled.file.allow_unknown
        unread_of(encoded, saved.tokenizer).say(name, allowed=allowed)
        evaluation = score_zero_shot(gpt, encoded)
        return {
            "metric": evaluation.main,
            **with_interval("score", evaluation.score),
            "chance": evaluation.chance[evaluation.main],
            "count": evaluation.count,
            "cut": encoded.cut,
        }

    def _fingerprint(self, task: ZeroShotTask) -> str:
        """16 hex digits over all that a score follows from."""
        content = {
            "format": FORMAT,
            "weights": self.stage.fingerprint,
            "task": task.schema.to_dict(),
            "examples": LabelledData(task.schema, task.training, task.examples).fingerprint,
            "how": [task.heuristic, task.suffix, task.words],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _answered(task: ZeroShotTask) -> int:
    """How many examples are answered for one score."""
    return len(task.examples) + (len(task.training) if task.heuristic == "acceptability" else 0)


def _row(stage: Stage, name: str, scores: dict[str, Any], best: float | None) -> dict[str, Any]:
    row = {"task": name, "model": stage.curve, "updates": stage.updates, **scores, "best": best}
    for column in ("", "_low", "_high"):
        value = None if best is None else relative(scores[f"score{column}"], scores["chance"], best)
        row[f"relative{column}"] = value
    return row


def _how(name: str, task: ZeroShotTask) -> str:
    said = f"{name}: {task.heuristic} on {len(task.examples):,} examples"
    if task.heuristic != "acceptability":
        return f"{said}."
    if not task.training:
        return f"{said}, threshold at their median."
    return f"{said}, threshold chosen on {len(task.training):,} training examples."


def _findings(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """For each curve of a task where it starts, where it ends, and whether it rises."""
    for curve in dict.fromkeys(row["model"] for row in rows):
        here = sorted((row for row in rows if row["model"] == curve), key=lambda row: row["updates"])
        first, last = here[0], here[-1]
        line = f"{last['task']}, {curve}: {last['metric']} {100 * last['score']:.1f} after {last['updates']:,} updates"
        if len(here) > 1:
            line += f", {100 * first['score']:.1f} after {first['updates']:,}"
        line += f"; chance is {100 * last['chance']:.1f}"
        if last["relative"] is not None:
            line += f", {100 * last['relative']:.0f} % of the way from there to the best supervised model"
        if len(here) > 3:
            scores = [row["score"] for row in here]
            rho = float(spearmanr([row["updates"] for row in here], scores).statistic) if len(set(scores)) > 1 else 0.0
            line += f"; rank correlation of score and updates {rho:+.2f}"
        yield f"{line}."
