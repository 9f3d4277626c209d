"""Score against the number of labelled examples, pre-trained and from scratch: what pre-training is worth in labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from foretext.checkpoints.model_at_update import load_named
from foretext.errors import SettingsError
from foretext.recipes.settings.study import StudyDataSettings
from foretext.recipes.studies.runner import (
    Studied,
    StudiedTask,
    about,
    common,
    error_bars,
    read_studied_tasks,
    running,
    warnings,
)
from foretext.recipes.studies.study import Study, write_study

STARTS = {"pre-trained": None, "from scratch": -1}  # layers to transfer

ABOUT = (
    "The same model is fine-tuned on more and more labelled examples, once from its pre-trained weights and once from "
    "scratch. How many labels from scratch reach the score that pre-training reaches with fewer is read off the curve, "
    "between its points along the logarithm of the labels."
)


def study_data(settings: StudyDataSettings) -> Studied:
    """Fine-tunes with each number of labels, with and without pre-training, and writes the study to `settings.out`.

    Raises:
        SettingsError: there are fewer examples than asked for, or no task is given.
        DataError: a task's files are missing or wrong.
    """
    model = load_named(settings.model)
    tasks = read_studied_tasks(settings)
    sizes = {task.name: _sizes(settings, task) for task in tasks}
    rows: list[dict[str, Any]] = []
    count = sum(map(len, sizes.values())) * len(STARTS) * settings.seeds
    with running(settings, "labels", count) as runner:
        for task in tasks:
            for labels in sizes[task.name]:
                for start, layers in STARTS.items():
                    changes = {"transfer_layers": layers, **_length(settings, labels)}
                    trials = runner.trials(model, task, rows=labels, **changes)
                    rows.append({"task": task.name, "start": start, "labels": labels, **common(task, trials)})
    study = Study(
        name="data",
        title="Labelled examples",
        about=ABOUT,
        caption=f"{error_bars(settings.seeds)} The dotted line is chance.",
        rows=rows,
        shown=["task", "labels", "start", "metric", "score", "chance"],
        findings=[line for task in tasks for line in _findings(task.name, rows)],
        warnings=warnings(settings, tasks, rows),
        settings=about(settings),
    )
    write_study(settings.out, study)
    return Studied(study, settings.out)


def log_spaced(fewest: int, most: int, points: int) -> list[int]:
    """`points` whole numbers from `fewest` to `most`, each about the same factor above the one before."""
    return sorted({round(float(value)) for value in np.geomspace(min(fewest, most), most, points)})


def labels_needed(labels: list[int], scores: list[float], target: float) -> float | None:
    """How many labels reach the score `target` on the curve through (labels, scores), between points along log labels.

    The curve is the best score so far, since more labels can be thrown away; None if it stays below the target.
    At or below its first point the answer is that point's number of labels: fewer were not tried.
    """
    best = np.maximum.accumulate(scores)
    if best[-1] < target:
        return None
    above = int(np.argmax(best >= target))
    if above == 0:
        return float(labels[0])
    share = (target - best[above - 1]) / (best[above] - best[above - 1])
    low, high = np.log(labels[above - 1]), np.log(labels[above])
    return float(np.exp(low + share * (high - low)))


def _sizes(settings: StudyDataSettings, task: StudiedTask) -> list[int]:
    most = min(task.train_rows or len(task.data.train), len(task.data.train))
    sizes = sorted(set(settings.sizes)) or log_spaced(settings.fewest, most, settings.points)
    if sizes[-1] > len(task.data.train):
        raise SettingsError(f"{task.name} has {len(task.data.train):,} training examples, not {sizes[-1]:,}")
    return sizes


def _length(settings: StudyDataSettings, labels: int) -> dict[str, float]:
    """The length of training: the same passes over all, or the same updates."""
    if not settings.updates:
        return {}
    updates_per_epoch = labels // min(settings.finetuning.batch, labels)
    return {"epochs": settings.updates / updates_per_epoch}


def _findings(task: str, rows: list[dict[str, Any]]) -> list[str]:
    """A sentence for each point of the pre-trained curve: how many labels from scratch it stands for."""
    here = {start: [row for row in rows if (row["task"], row["start"]) == (task, start)] for start in STARTS}
    scratch = here["from scratch"]
    labels, scores = [row["labels"] for row in scratch], [row["score"] for row in scratch]
    return [f"{task}: {_worth(row, labels, scores)}." for row in here["pre-trained"]]


def _worth(row: dict[str, Any], labels: list[int], scores: list[float]) -> str:
    have, score = row["labels"], row["score"]
    reached = f"pre-trained with {have:,} labels reaches {100 * score:.1f}"
    if score <= row["chance"]:
        return f"{reached}, no more than chance"
    need = labels_needed(labels, scores, score)
    if need is None:
        return f"{reached}, more than from scratch with all {labels[-1]:,}"
    if need <= labels[0]:
        return f"{reached}, as does from scratch with the fewest labels tried, {labels[0]:,}"
    lead = f"pre-training is worth {need - have:,.0f} labels ({need / have:.1f} times as many)"
    return f"{reached}, from scratch it takes {need:,.0f}: {lead if need > have else 'pre-training is worth none here'}"
