"""Score against the number of layers transferred: what each pre-trained layer is worth (paper, Figure 2, left)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.saved_model import SavedModel
from foretext.errors import SettingsError
from foretext.recipes.settings.study import StudyLayersSettings
from foretext.recipes.studies.runner import (
    Studied,
    about,
    common,
    departures_of,
    error_bars,
    read_studied_tasks,
    running,
    warnings,
)
from foretext.recipes.studies.study import Study, write_study
from foretext.recipes.studies.trials import Trial

ABOUT = (
    "The lowest k layers of the pre-trained model and its embeddings are kept, the layers above them start afresh, and "
    "the whole is fine-tuned. In the paper every layer helps (RACE and MultiNLI, up to 9 points on the latter)."
)


def study_layers(settings: StudyLayersSettings) -> Studied:
    """Fine-tunes with each number of layers, task and seed, and writes the study to `settings.out`.

    Raises:
        SettingsError: the model does not have so many layers, or no task is given.
        DataError: a task's files are missing or wrong.
    """
    model = load_named(settings.model)
    counts = transferred(settings, model)
    tasks = read_studied_tasks(settings)
    rows: list[dict[str, Any]] = []
    most: list[Trial] = []
    with running(settings, "layers", len(tasks) * len(counts) * settings.seeds) as runner:
        for task in tasks:
            for layers, changes in counts.items():
                trials = runner.trials(model, task, **changes)
                rows.append({"task": task.name, "layers": layers, **common(task, trials)})
            most += trials
    study = Study(
        name="layers",
        title="Layers transferred",
        about=ABOUT,
        caption=f"{error_bars(settings.seeds)} The dotted line is chance.",
        rows=rows,
        shown=["task", "layers", "metric", "score", "chance"],
        findings=[_finding(task.name, [row for row in rows if row["task"] == task.name]) for task in tasks],
        warnings=warnings(settings, tasks, rows),
        settings=about(settings),
    )
    write_study(settings.out, study)
    return Studied(study, settings.out, departures_of(most))


def transferred(settings: StudyLayersSettings, model: SavedModel) -> dict[int, dict[str, Any]]:
    """The numbers of layers to transfer, in order, and what changes in the settings of fine-tuning for each.

    Raises:
        SettingsError: the model does not have so many.
    """
    depth = model.gpt.settings.layers
    counts = sorted(set(settings.layers)) if settings.layers else list(range(depth + 1))
    if counts[0] < -1 or counts[-1] > depth:
        raise SettingsError(f"{settings.model} has {depth} layers; give numbers from -1 to {depth}")
    counts = sorted({*counts, -1}) if settings.scratch else counts
    return {layers: {"transfer_layers": None if layers == depth else layers} for layers in counts}


def _finding(task: str, rows: list[dict[str, Any]]) -> str:
    first, last = rows[0], rows[-1]
    steps = [after["score"] - before["score"] for before, after in pairwise(rows)]
    return (
        f"{task}: from {first['layers']} to {last['layers']} layers {last['metric']} goes from "
        f"{100 * first['score']:.1f} to {100 * last['score']:.1f}; "
        f"{sum(step > 0 for step in steps)} of {len(steps)} steps are upward."
    )
