"""What pre-training is worth on published tasks: models with it, the first of them without, word counts beside.

    python benchmarks/pretraining_gain.py run --models mini small --out gain       every task, arm and seed
    python benchmarks/pretraining_gain.py run --models mini --out gain --arms scratch --tasks CoLA SST-2
    python benchmarks/pretraining_gain.py table --out gain                         the table, from what is there
    python benchmarks/pretraining_gain.py run --models mini --rows few --out few   few labels of each task
    python benchmarks/pretraining_gain.py run --models mini --rows 100 300 1000 3000 --tasks SST-2 --out curve
    python benchmarks/pretraining_gain.py curve --out curve --figure curve.png     scores against numbers of labels
    python benchmarks/pretraining_gain.py run --models smollm2 --arms smollm2 tfidf --rows 256 --tasks SST-2 \\
        --validate-every 100000 --out curve                                        an imported one: few checkpoints

Arms are the models by name, `scratch` (the first model's shape, of whose weights nothing is taken) and `tfidf`. They
are fine-tuned as their models recommend, unless a flag says otherwise; with `--recipe paper` as the paper does. Each
run leaves one JSON file in the folder and is not done again while it is there; one that was cut off goes on from its
checkpoint, so several processes may work on one folder. FORETEXT_DATA names the folder with `tasks/`. Scores are on the
official development sets, of TREC and others without one on the test set; nothing is chosen by them: the weights after
the last update are scored. Word counts see the same rows, those of each seed where rows are drawn.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.saved_model import SavedModel
from foretext.evaluation.baselines import tfidf_baseline
from foretext.evaluation.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, dots, panels, png
from foretext.evaluation.intervals import Estimate, over_seeds
from foretext.evaluation.scoring import score_examples
from foretext.files import atomic_file, write_json
from foretext.recipes.paper.scores import figures_of
from foretext.recipes.settings.finetune import FinetuneSettings, FinetuningSettings
from foretext.recipes.settings.study import StudySettings
from foretext.recipes.studies.data import labels_needed
from foretext.recipes.studies.runner import StudiedTask, quiet, read_studied_tasks, summary, wanted
from foretext.recipes.studies.trials import deciding
from foretext.tasks.labelled import limited
from foretext.text_table import text_table

SCRATCH, TFIDF = "scratch", "tfidf"
WITHOUT = {TFIDF: ("word counts (TF-IDF)", GREY), SCRATCH: ("from scratch", ORANGE)}  # as the figure has them
TASKS = ("SST-2", "CoLA", "SNLI", "QNLI", "RTE", "STS-B", "OpenBookQA", "TREC")
FEW = {"SST-2": 10_000, "CoLA": 4_000, "SNLI": 6_000, "STS-B": 2_500, "OpenBookQA": 600}  # else these:
FEW_OF_OTHERS = 2_500
OPTIONS = {  # settings that a flag may give
    **dict.fromkeys(("epochs", "learning_rate", "warmup", "language_model_weight", "layer_decay", "dropout"), float),
    **dict.fromkeys(("batch", "least_updates", "fresh_blocks", "validate_every"), int),
    "head_reads": str,
}
Found = Mapping[str, Any]  # what the file of a run holds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["run", "table", "curve"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--models", "--model", nargs="+", default=["mini"])
    parser.add_argument("--tasks", nargs="+", default=TASKS, help="published ones, or TOML files of labelled ones")
    parser.add_argument("--rows", nargs="+", default=["all"], help="all, few, or numbers of training rows")
    parser.add_argument("--arms", nargs="+", help="models, scratch and tfidf (default: all)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--score-rows", type=int, default=0, help="score on so many examples (default: 0, all)")
    parser.add_argument("--recipe", choices=["recommended", "paper"], default="recommended")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--figure", type=Path, help="draw the curve into this file, as PNG")
    for name, kind in OPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind)
    given = parser.parse_args()
    if given.action != "run":
        found = [json.loads(file.read_text()) for file in sorted(given.out.glob("*.json"))]
        print("\n".join(table(found) if given.action == "table" else curve(found)))
        if given.figure:
            with atomic_file(given.figure) as file:
                file.write(png(drawn(found)))
        return
    tasks = read_studied_tasks(settings_of(given, given.models[0]))
    for seed in given.seeds:
        for task in tasks:
            for rows in given.rows:
                for arm in given.arms or (*given.models, SCRATCH, TFIDF):
                    run(given, task, arm, rows, seed)


def settings_of(given: argparse.Namespace, model: str) -> StudySettings:
    """The study whose trials are the runs with `model`: as it recommends but for what a flag says."""
    flags = {name: getattr(given, name) for name in OPTIONS if getattr(given, name) is not None}
    chosen = {"model": model, "out": given.out, "recipe": given.recipe, "keep": "last", "device": given.device, **flags}
    how = FinetuneSettings.named(chosen)
    finetuning = FinetuningSettings(**{name: getattr(how, name) for name in FinetuningSettings.model_fields})
    return StudySettings(
        model=model, tasks=tuple(given.tasks), out=given.out, score_rows=given.score_rows, finetuning=finetuning
    )


def run(given: argparse.Namespace, task: StudiedTask, arm: str, rows: str, seed: int) -> None:
    """One score, kept in a file of its own."""
    every = len(task.data.train)
    count = (
        {"all": 0, "few": min(FEW.get(task.name, FEW_OF_OTHERS), every)}.get(rows)
        if rows in ("all", "few")
        else int(rows)
    )
    apart = f"-{rows}" if rows.isdigit() else ""
    file = given.out / f"{Path(task.name).stem}-{Path(arm).name}{apart}-{seed}.json"
    all_rows = not count or count >= every
    if file.exists() or (arm == TFIDF and seed != given.seeds[0] and all_rows):
        return
    found = tfidf(task, count, seed) if arm == TFIDF else finetuned(given, task, arm, count, seed)
    about = {"task": task.name, "arm": Path(arm).name, "seed": seed, "rows": every if all_rows else count}
    write_json(file, {**about, "scored_on": task.scored_on, **found})
    print(file.name, found["metric"], round(100 * found["score"], 1), flush=True)


def finetuned(given: argparse.Namespace, task: StudiedTask, arm: str, rows: int, seed: int) -> dict[str, Any]:
    """What a model comes to, or the first of them from scratch."""
    name = given.models[0] if arm == SCRATCH else arm
    transfer = {"transfer_layers": -1, "fresh_blocks": 0} if arm == SCRATCH else {}
    trial = wanted(settings_of(given, name), loaded(name), task, seed, rows=rows, **transfer)
    with quiet(True):
        done = trial.result()
    scores, estimate = done.sets["scored"], summary(task, [done])
    return {
        "metric": scores.main,
        "score": done.score,
        "low": estimate.low,
        "high": estimate.high,
        "chance": scores.chance[scores.main],
        "model": name,
        "updates": done.updates,
        "seconds": done.seconds,
        "settings": deciding(trial.settings),
    }


@cache
def loaded(name: str) -> SavedModel:
    return load_named(name)


def tfidf(task: StudiedTask, rows: int, seed: int) -> dict[str, Any]:
    """What logistic regression on word counts comes to, with its interval over the examples that are scored."""
    data = limited(task.data, rows, seed)
    evaluation = score_examples(data.valid, tfidf_baseline(data.train, data.valid, data.schema), schema=data.schema)
    score = evaluation.score
    return {
        "metric": evaluation.main,
        "score": score.value,
        "low": score.low,
        "high": score.high,
        "chance": evaluation.chance[evaluation.main],
    }


def table(found: Sequence[Found]) -> list[str]:
    """The scores as a Markdown table: medians with ranges over seeds, of one seed its interval over the examples.

    Of word counts it is always the interval.
    """
    arms = arms_of(found)
    header = ["task", "metric", "rows", "chance", "TF-IDF", "from scratch", *arms, "the paper"]
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    for task in in_order(found, "task"):
        for rows in in_order([each for each in found if each["task"] == task], "rows"):
            here = [each for each in found if (each["task"], each["rows"]) == (task, rows)]
            scores = [spread([each for each in here if each["arm"] == arm]) for arm in (SCRATCH, *arms)]
            paper = next((f"{figure.paper}" for figure in figures_of(task)), "–")
            about = [task, here[0]["metric"], f"{rows:,}" if rows else "all", f"{100 * here[0]['chance']:.1f}"]
            lines.append(f"| {' | '.join([*about, word_counts(here), *scores, paper])} |")
    return lines


def curve(found: Sequence[Found]) -> list[str]:
    """Scores against numbers of labels, and how many labels without pre-training those with it are worth."""
    arms, lines = arms_of(found), []
    for task in in_order(found, "task"):
        here = [each for each in found if each["task"] == task]
        labels = sorted({each["rows"] for each in here})
        medians = {
            arm: {rows: statistics.median(points) for rows in labels if (points := of(here, arm, rows))}
            for arm in (TFIDF, SCRATCH, *arms)
        }
        cells = [
            [f"{rows:,}", *(f"{curve[rows]:.1f}" if rows in curve else "–" for curve in medians.values())]
            for rows in labels
        ]
        lines += ["", f"{task} ({here[0]['metric']})", *text_table(("labels", *medians), cells, left=())]
        for arm in arms:
            for other in (SCRATCH, TFIDF):
                lines += [f"{task}: {line}" for line in worth(arm, medians[arm], other, medians[other])]
    return lines[1:]


def drawn(found: Sequence[Found]) -> Figure:
    """Scores against numbers of labels, a panel a task, the dotted line chance; bars are those of `table`."""
    tasks, arms = in_order(found, "task"), arms_of(found)
    lines = {arm: (arm, colour) for arm, colour in zip(arms, (BLUE, GREEN, PURPLE), strict=False)} | WITHOUT
    with panels(len(tasks)) as (figure, axes):
        for place, task in zip(axes, tasks, strict=True):
            here = [each for each in found if each["task"] == task]
            for arm, (label, colour) in lines.items():
                if points := {each["rows"]: estimate(here, arm, each["rows"]) for each in here if each["arm"] == arm}:
                    labels = sorted(points)
                    dots(place, [points[k] for k in labels], labels, color=colour, label=label, linestyle="-")
            place.axhline(100 * here[0]["chance"], color=GREY, linewidth=1, linestyle=":")
            place.set(xscale="log", xlabel="labels", ylabel=f"{here[0]['metric']} x 100", title=task)
            place.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes[0].legend()
    return figure


def estimate(found: Sequence[Found], arm: str, rows: int) -> Estimate:
    """The median and range over seeds; of one seed its interval over the examples, where that was kept."""
    runs = [each for each in found if (each["arm"], each["rows"]) == (arm, rows)]
    if len(runs) > 1:
        return over_seeds([each["score"] for each in runs])
    (one,) = runs
    return Estimate(one["score"], one.get("low", one["score"]), one.get("high", one["score"]), 1)


def worth(arm: str, scores: Mapping[int, float], other: str, others: Mapping[int, float]) -> Iterable[str]:
    """For each number of labels of `arm`, how many `other` needs for the same score."""
    for labels, score in scores.items() if others else ():
        need = labels_needed(list(others), list(others.values()), score)
        least = min(others)
        how_many = (
            f"more than all {max(others):,}"
            if need is None
            else f"{least:,} or fewer"
            if need <= least
            else f"{round(need):,}"
        )
        yield f"{labels:,} labels with {arm} ({score:.1f}) are worth {how_many} with {other}"


def arms_of(found: Sequence[Found]) -> list[str]:
    """The pre-trained models, in the order of their sizes' names."""
    return [arm for arm in in_order(found, "arm") if arm not in (SCRATCH, TFIDF)]


def in_order(found: Sequence[Found], name: str) -> list[Any]:
    """The values of a field: tasks as in `TASKS`, others sorted."""
    values = {each[name] for each in found}
    return sorted(values, key=lambda value: (TASKS.index(value) if value in TASKS else len(TASKS), value))


def of(found: Sequence[Found], arm: str, rows: int | None = None) -> list[float]:
    """The scores of an arm, times 100."""
    return [100 * each["score"] for each in found if each["arm"] == arm and rows in (None, each["rows"])]


def word_counts(found: Sequence[Found]) -> str:
    """The median of word counts, with the interval of that run where it was kept."""
    runs = sorted((each for each in found if each["arm"] == TFIDF), key=lambda each: each["score"])
    if not runs:
        return "–"
    return with_interval(runs[(len(runs) - 1) // 2])


def spread(runs: Sequence[Found]) -> str:
    """The median with the range over several seeds; of one seed its score with the interval over the examples."""
    if len(runs) < 2:
        return with_interval(runs[0]) if runs else "–"
    scores = [100 * each["score"] for each in runs]
    return f"{statistics.median(scores):.1f} ({min(scores):.1f}–{max(scores):.1f})"


def with_interval(one: Found) -> str:
    """The score of a run, with its interval over the examples where that was kept."""
    if "low" not in one:
        return f"{100 * one['score']:.1f}"
    return str(Estimate(one["score"], one["low"], one["high"], 0))


if __name__ == "__main__":
    main()
