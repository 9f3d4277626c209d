"""What the parts of the method are worth: without pre-training, without the auxiliary loss, with an LSTM (Table 5)."""

from __future__ import annotations

from statistics import mean
from typing import Any

from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.saved_model import SavedModel
from foretext.errors import SettingsError
from foretext.evaluation.intervals import Difference, Statistic, paired_over_runs
from foretext.evaluation.statistics import statistic
from foretext.recipes.paper.scores import TABLE_5, TABLE_5_TASKS
from foretext.recipes.settings.study import StudyAblationsSettings
from foretext.recipes.studies.rows import with_interval
from foretext.recipes.studies.runner import (
    Studied,
    StudiedTask,
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
from foretext.tasks.metrics import METRICS

FULL, NO_PRETRAINING, NO_AUXILIARY, LSTM = "full", "no pre-training", "no auxiliary loss", "LSTM"
IN_TABLE_5 = {
    FULL: "Transformer with auxiliary loss",
    NO_PRETRAINING: "Transformer without pre-training",
    NO_AUXILIARY: "Transformer without auxiliary loss",
    LSTM: "LSTM with auxiliary loss",
}
CERTAIN = 0.05  # below this p a difference is called one

ABOUT = (
    "The full method against the same without pre-training, without the auxiliary language-model loss in fine-tuning, "
    "and with a pre-trained LSTM in the Transformer's place. In the paper's Table 5 the averages over GLUE are 74.7, "
    "59.9, 75.0 and 69.1."
)


def study_ablations(settings: StudyAblationsSettings) -> Studied:
    """Fine-tunes each variant on each task under each seed, tests the differences, writes the study to `settings.out`.

    Raises:
        SettingsError: there is no auxiliary loss to leave out, or no task is given.
        DataError: a task's files are missing or wrong.
    """
    compared = variants(settings)
    tasks = read_studied_tasks(settings)
    rows: list[dict[str, Any]] = []
    full: list[Trial] = []
    with running(settings, "ablations", len(tasks) * len(compared) * settings.seeds) as runner:
        for task in tasks:
            done = {name: runner.trials(used, task, **changes) for name, (used, changes) in compared.items()}
            rows += [_row(task, name, done[FULL], trials) for name, trials in done.items()]
            full += done[FULL]
    left_out = [] if settings.lstm else ["LSTM is left out: no model of one was given (--lstm)."]
    study = Study(
        name="ablations",
        title="Ablations",
        about=ABOUT,
        caption=f"{error_bars(settings.seeds)} The dotted line is chance. Differences are mean differences to the full "
        f"method on the same examples, with 95 % intervals. {_what_p_is(settings.seeds)}",
        rows=rows,
        shown=["task", "variant", "metric", "score", "difference", "p", "seeds", "chance", "paper"],
        findings=_findings(rows, list(compared)),
        warnings=[*left_out, *warnings(settings, tasks, rows)],
        settings=about(settings),
    )
    write_study(settings.out, study)
    return Studied(study, settings.out, departures_of(full))


def variants(settings: StudyAblationsSettings) -> dict[str, tuple[SavedModel, dict[str, Any]]]:
    """The models to compare by name, each with what changes in the settings of fine-tuning.

    Raises:
        SettingsError: there is no auxiliary loss to leave out.
    """
    if not settings.finetuning.language_model_weight:
        raise SettingsError(
            "--language-model-weight is 0, so there is no auxiliary loss to leave out; the paper has 0.5"
        )
    model = load_named(settings.model)
    found: dict[str, tuple[SavedModel, dict[str, Any]]] = {
        FULL: (model, {}),
        NO_PRETRAINING: (model, {"transfer_layers": -1}),
        NO_AUXILIARY: (model, {"language_model_weight": 0.0}),
    }
    if settings.lstm is not None:
        found[LSTM] = (load_named(settings.lstm), {})
    return found


def _what_p_is(seeds: int) -> str:
    about = "p is two-sided and not corrected for the number of comparisons"
    if seeds == 1:
        return f"{about}; of one run each it knows the luck of the examples alone, not that of a seed."
    return f"{about}, by a t test over {seeds} runs of each and the examples."


def _row(task: StudiedTask, variant: str, full: list[Trial], trials: list[Trial]) -> dict[str, Any]:
    row: dict[str, Any] = {"task": task.name, "variant": variant, **common(task, trials)}
    row["paper"] = _in_the_paper(task.name, variant)
    if variant == FULL:
        return {**row, "difference": None, "p": None}
    difference = _difference(task, full, trials)
    return {**row, **with_interval("difference", difference.estimate), "p": difference.p}


def _in_the_paper(task: str, variant: str) -> float | None:
    """What Table 5 has for this variant on this task, between 0 and 1; None for tasks that are not in it."""
    if task not in TABLE_5_TASKS:
        return None
    return TABLE_5[IN_TABLE_5[variant]][TABLE_5_TASKS.index(task)] / 100


def _difference(task: StudiedTask, full: list[Trial], trials: list[Trial]) -> Difference:
    """By how much the variant is ahead of the full method; below 0 where what it lacks helps."""
    first, second = ([_statistic(task, trial) for trial in some] for some in (full, trials))
    return paired_over_runs(first, second, len(task.data.valid))


def _statistic(task: StudiedTask, trial: Trial) -> Statistic:
    scores, labels = next(iter(trial.sets.values())), task.data.schema.labels
    truth = labels.numbers([example.label for example in task.data.valid if example.label is not None])
    return statistic(scores.main, truth, labels.numbers(scores.predictions), METRICS[scores.main])


def _findings(rows: list[dict[str, Any]], variants: list[str]) -> list[str]:
    found = []
    for variant in variants:
        here = [row for row in rows if row["variant"] == variant]
        line = f"{variant}: {100 * mean(row['score'] for row in here):.1f} on average over {len(here)} task(s)"
        if variant != FULL:
            clear = [row for row in here if row["p"] < CERTAIN]
            worse = sum(row["difference"] < 0 for row in clear)
            runs = here[0]["seeds"]
            line += f"; p < {CERTAIN} by {runs} run(s) of each: below full on {worse}, above it on {len(clear) - worse}"
        found.append(line + ".")
    return found
