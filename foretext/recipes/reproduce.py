"""The paper's figure for a task beside ours: fine-tuned with its settings, under several seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from foretext.checkpoints.history import Departure
from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.saved_model import SavedModel
from foretext.errors import DataError, SettingsError
from foretext.files import write_json
from foretext.locks import held
from foretext.progress import progress
from foretext.recipes.paper.at_hand import Table1, table_1
from foretext.recipes.paper.costs import Job
from foretext.recipes.paper.departures import departure_lines
from foretext.recipes.paper.figure_1 import Figure1, figure_1
from foretext.recipes.paper.figure_2 import Figure2, figure_2
from foretext.recipes.paper.plan import Plan, plan
from foretext.recipes.paper.reproduction_data import ReproductionData, reproduction_data
from foretext.recipes.paper.reproduction_rows import HEADER, Row, figure_rows
from foretext.recipes.paper.scores import FIGURES, figures_of, glue_tasks
from foretext.recipes.paper.table_5 import Table5, table_5
from foretext.recipes.settings.finetune import FinetuningSettings
from foretext.recipes.settings.reproduce import ReproduceSettings
from foretext.recipes.studies.runner import departures_of
from foretext.recipes.studies.trials import Trial, WantedTrial, wanted_trial
from foretext.tasks.catalogue import find_task
from foretext.tasks.cutting import IN_WORDS
from foretext.tasks.overview import Cut
from foretext.text_table import text_table

GLUE = "GLUE"  # stands for all tasks that count in GLUE's average


@dataclass(frozen=True)
class Reproduced:
    """The rows, what departs from the paper in settings and in the data of a task, and what could not be done."""

    model: str
    seeds: int
    rows: list[Row]
    departures: list[Departure]
    data_departures: dict[str, list[str]]  # by task
    notes: list[str]
    missing: list[str]
    runs: dict[str, list[str]]  # by task: folders of the fine-tuned models, where they are kept
    file: Path

    def lines(self) -> list[str]:
        return [
            f"{self.model}, {self.seeds} seeds; scores x 100, ours as median and range over seeds",
            "",
            *text_table(HEADER, [row.cells() for row in self.rows], left=(0, 1, 2)),
            "",
            *departure_lines(self.departures),
            *[f"{name}: {line}" for name, lines in self.data_departures.items() for line in lines],
            *self.notes,
            *[f"not measured: {line}" for line in self.missing],
            *[f"runs of {name}: {', '.join(folders)}" for name, folders in self.runs.items()],
            f"results written to {self.file}",
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            **vars(self),
            "rows": [row.to_json() for row in self.rows],
            "departures": [asdict(departure) for departure in self.departures],
            "file": str(self.file),
        }


def reproduce(settings: ReproduceSettings) -> Reproduced | Table1 | Table5 | Figure1 | Figure2 | Plan:
    """The task, table or figure of the paper that is asked for, made again; in `settings.out` too.

    Raises:
        SettingsError: none of these is given, or several, or a setting that means nothing for it; or nobody said where
            the data are.
        DataError: of no task there is enough data; the message says which files are wanted, from where.
        UnknownName: there is no such task or model.
    """
    _check(settings)
    if settings.plan:
        return plan(settings, _jobs)
    if settings.figure is not None:
        return figure_1(settings) if settings.figure == 1 else figure_2(settings)
    if settings.table == 1:
        return table_1(settings)
    return table_5(settings) if settings.table == 5 else _scores(settings)


def _check(settings: ReproduceSettings) -> None:
    """Nothing where one thing is asked for and every setting means something for it.

    Raises:
        SettingsError: it is otherwise.
    """
    asked = sum(given is not None for given in (settings.task, settings.table, settings.figure))
    if asked > 1 or (not asked and not settings.plan):
        raise SettingsError(
            "give a task (`foretext reproduce RTE`), GLUE, a table (--table 1 to 5) or a figure (--figure 1 or 2), one "
            "of them"
        )
    if settings.plan and 1 in (settings.table, settings.figure):
        raise SettingsError("table 1 and figure 1 take no training, so there is nothing to plan; leave out --plan")
    of_a_study = settings.table == 5 or settings.figure == 2 or not asked
    if settings.lstm is not None and not of_a_study:
        raise SettingsError("--lstm is for --table 5 and --figure 2, where an LSTM is compared with")
    if of_a_study and (settings.transfer_layers is not None or settings.keep_runs):
        raise SettingsError(
            "--table 5 and --figure 2 choose the layers themselves and keep scores alone; leave out --transfer-layers "
            "and --keep-runs"
        )


def _scores(settings: ReproduceSettings) -> Reproduced:
    """Fine-tunes the tasks asked for and puts the results beside the paper's figures, in `settings.out`/NAME.json too.

    Raises:
        SettingsError: nobody said where the data are.
        DataError: of no task there is enough data; the message says which files are wanted, from where.
        UnknownName: there is no such task or model.
    """
    title, names = _asked_for(settings)
    prepared, missing = _prepare(names, settings)
    model = load_named(settings.model)
    trials: dict[str, list[Trial]] = {}
    with held(settings.out), progress(f"reproducing {title}", len(prepared) * settings.seeds, unit="runs") as bar:
        for name, at_hand in prepared.items():
            trials[name] = []
            for seed in range(settings.seeds):
                bar.advance(0, text=f"{name}, seed {seed}")
                trials[name].append(_wanted(model, at_hand, seed, settings).result(keep_run=settings.keep_runs))
                bar.advance(1)
    result = Reproduced(
        model=settings.model,
        seeds=settings.seeds,
        rows=figure_rows(names, prepared, trials, averages=title == GLUE, table=settings.table),
        departures=list(departures_of(chain.from_iterable(trials.values()))),
        data_departures={name: at_hand.departures for name, at_hand in prepared.items() if at_hand.departures},
        notes=[*_notes(settings, prepared), *_cuts(prepared, trials)],
        missing=[*missing, *(why for at_hand in prepared.values() for why in at_hand.absent.values())],
        runs={name: [run.folder for run in runs if run.folder] for name, runs in trials.items() if settings.keep_runs},
        file=settings.out / f"{title.lower().replace(' ', '-')}.json",
    )
    write_json(result.file, result.to_json())
    return result


def _asked_for(settings: ReproduceSettings) -> tuple[str, list[str]]:
    """What it is called, and the tasks."""
    if settings.table is not None:
        return f"table {settings.table}", list(dict.fromkeys(f.task for f in FIGURES if f.table == settings.table))
    if str(settings.task).upper() == GLUE:
        return GLUE, glue_tasks()
    name = find_task(str(settings.task)).name
    return name, [name]


def _parts(name: str) -> list[str]:
    """The parts of a task's test data that its figures speak of."""
    return list(dict.fromkeys(part for figure in figures_of(name) for part in figure.parts)) or [""]


def _prepare(names: Sequence[str], settings: ReproduceSettings) -> tuple[dict[str, ReproductionData], list[str]]:
    """The tasks whose data are at hand, and for each of the others what is missing."""
    prepared, missing = {}, []
    for name in names:
        task = find_task(name)
        try:
            prepared[name] = reproduction_data(
                task,
                data=settings.data,
                train_rows=settings.train_rows,
                score_rows=settings.score_rows,
                cutting=settings.cutting,
                parts=_parts(name),
            )
        except DataError as error:
            missing.append(str(error))
    if not prepared:
        raise DataError("\n".join(missing))
    return prepared, missing


def _wanted(model: SavedModel, at_hand: ReproductionData, seed: int, settings: ReproduceSettings) -> WantedTrial:
    how = {name: getattr(settings.finetuning, name) for name in FinetuningSettings.model_fields}
    return wanted_trial(
        model,
        at_hand.data,
        seed=seed,
        folder=settings.out / "trials",
        tests=at_hand.tests,
        transfer_layers=settings.transfer_layers,
        **how,
    )


def _jobs(settings: ReproduceSettings) -> tuple[Iterator[Job], list[str]]:
    """The fine-tunings of the tasks asked for, and what is not at hand."""
    title, names = _asked_for(settings)
    prepared, missing = _prepare(names, settings)
    for name, at_hand in prepared.items():
        missing += [*at_hand.absent.values(), *(f"{name}: {line}" for line in at_hand.departures)]
    model = load_named(settings.model)
    seeds = range(settings.seeds)
    jobs = (
        Job(title, name, [_wanted(model, at_hand, seed, settings) for seed in seeds])
        for name, at_hand in prepared.items()
    )
    return jobs, missing


def _notes(settings: ReproduceSettings, prepared: Mapping[str, ReproductionData]) -> list[str]:
    """What to know of the scores besides what departs from the paper."""
    chosen = [name for name, at_hand in prepared.items() if at_hand.scored_on != "test"]
    if settings.finetuning.keep == "last" or not chosen:
        return []
    return [f"{', '.join(chosen)}: what is scored also chose the epoch, so the scores are a little high (--keep last)"]


def _cuts(prepared: Mapping[str, ReproductionData], trials: Mapping[str, Sequence[Trial]]) -> list[str]:
    """What of each task did not fit the context, where something did not; it is the same under every seed."""
    lines = []
    for name, runs in trials.items():
        rule = prepared[name].data.schema.cutting
        cuts = {"scored": Cut.total(scores.cut for scores in runs[0].sets.values()), "training": runs[0].training_cut}
        said = [f"{cut} of the {what} examples" for what, cut in cuts.items() if cut is not None and cut.rows]
        if said:
            lines.append(f"{name}: cut to fit the context were {', '.join(said)}; {IN_WORDS[rule]} (--cutting {rule})")
    return lines
