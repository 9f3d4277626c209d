"""What a reproduction has done, has to do and would take here: known before it is begun, or while it is stopped.

A reproduction is made of trials and scores that are kept in OUT, so what is left is what is not there. Measurements are
kept too, in OUT/plan, so that a plan that was stopped goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from foretext.checkpoints.model_at_update import load_named
from foretext.errors import DataError
from foretext.files import write_json
from foretext.locks import held
from foretext.progress import clock
from foretext.recipes.paper.costs import Cost, Costs, Job, machine, of_scores
from foretext.recipes.paper.figure_2 import halves_wanted
from foretext.recipes.paper.table_5 import ablations_wanted
from foretext.recipes.settings.reproduce import ReproduceSettings
from foretext.recipes.settings.study import StudyAblationsSettings, StudyLayersSettings
from foretext.recipes.studies.ablations import variants
from foretext.recipes.studies.layers import transferred
from foretext.recipes.studies.runner import read_studied_tasks, wanted
from foretext.recipes.studies.zero_shot import wanted_scores
from foretext.text_table import text_table

HEADER = ("for", "what", "train on", "score", "runs", "done", "updates left", "seconds each", "time left")
WHOLE = ({"table": 2}, {"table": 3}, {"table": 4}, {"table": 5}, {"figure": 2})  # all that takes training

JobsOf = Callable[[ReproduceSettings], tuple[Iterator[Job], list[str]]]  # of tasks; and what is not at hand


@dataclass(frozen=True)
class Plan:
    """All jobs, and what is not at hand."""

    model: str
    machine: str
    costs: list[Cost]
    missing: list[str]
    out: Path
    file: Path

    @property
    def seconds(self) -> float:
        """The time that is left."""
        return sum(cost.seconds for cost in self.costs)

    def lines(self) -> list[str]:
        runs, done = sum(cost.runs for cost in self.costs), sum(cost.done for cost in self.costs)
        return [
            f"{self.model} on {self.machine}",
            "",
            *text_table(HEADER, [cost.cells() for cost in self.costs], left=(0, 1)),
            "",
            f"{done:,} of {runs:,} runs are done; the others take about {clock(self.seconds)} here, by the speed of a "
            "few updates. Checkpoints are not counted, and other programs slow it",
            *[f"missing: {line}" for line in self.missing],
            f"what is done is kept in {self.out}: the same command without --plan goes on from there",
            f"the plan written to {self.file}",
        ]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "seconds": self.seconds, "out": str(self.out), "file": str(self.file)}


def plan(settings: ReproduceSettings, jobs_of_tasks: JobsOf) -> Plan:
    """What is left of what is asked for, and what it would take; in `settings.out`/plan.json too.

    Raises:
        SettingsError: nobody said where the data are.
        DataError: nothing of it is at hand.
        InUse: the reproduction is at work in the folder, so that nothing can be measured beside it.
    """
    asked = (settings.task, settings.table, settings.figure) != (None, None, None)
    costs, missing, counted = list[Cost](), list[str](), Costs(settings.out / "plan")
    with held(settings.out):
        for changes in [{}] if asked else WHOLE:
            try:
                found, lacking = _costs(settings.model_copy(update=changes), counted, jobs_of_tasks)
            except DataError as error:
                found, lacking = [], str(error).split("\n")
            costs += found
            missing += lacking
    missing = list(dict.fromkeys(missing))
    if not costs:
        raise DataError("\n".join(missing))
    here = machine(settings.finetuning.loop.device)
    result = Plan(settings.model, here, costs, missing, settings.out, settings.out / "plan.json")
    write_json(result.file, result.to_json())
    return result


def _costs(settings: ReproduceSettings, counted: Costs, jobs_of_tasks: JobsOf) -> tuple[list[Cost], list[str]]:
    """The costs of one table, figure or task, and what is not at hand."""
    if settings.table == 5:
        ablations, missing = ablations_wanted(settings)
        return [counted.of(job) for job in _of_ablations("table 5", ablations)], missing
    if settings.figure == 2:
        halves = halves_wanted(settings)
        left = [counted.of(job) for job in _of_layers("figure 2", halves.left)] if halves.left else []
        right = [of_scores("figure 2", one) for one in wanted_scores(halves.right)] if halves.right else []
        return left + right, halves.missing
    jobs, missing = jobs_of_tasks(settings)
    return [counted.of(job) for job in jobs], missing


def _of_layers(target: str, settings: StudyLayersSettings) -> Iterator[Job]:
    """The jobs of the study of layers."""
    model = load_named(settings.model)
    for task in read_studied_tasks(settings):
        for layers, changes in transferred(settings, model).items():
            trials = [wanted(settings, model, task, seed, **changes) for seed in range(settings.seeds)]
            yield Job(target, f"{task.name}, {layers} layers", trials)


def _of_ablations(target: str, settings: StudyAblationsSettings) -> Iterator[Job]:
    """The jobs of the study of ablations."""
    compared = variants(settings)
    for task in read_studied_tasks(settings):
        for name, (model, changes) in compared.items():
            trials = [wanted(settings, model, task, seed, **changes) for seed in range(settings.seeds)]
            yield Job(target, f"{task.name}, {name}", trials)
