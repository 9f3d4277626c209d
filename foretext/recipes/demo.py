"""The whole road on made-up stories: what pre-training is worth, in one table and one page, in a few minutes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from foretext.checkpoints.run_folder import RunFolder
from foretext.evaluation.baselines import tfidf_baseline
from foretext.evaluation.comparison import HEADER, TaskRow, comparison_lines
from foretext.evaluation.figures import loss_curves, scratch_against_pretrained
from foretext.evaluation.report import Report, write_report
from foretext.evaluation.scoring import score_examples
from foretext.evaluation.showing import sample, shown
from foretext.files import write_json
from foretext.leftovers import remove_leftovers
from foretext.processes import Workers, cores, pool
from foretext.progress import Progress, progress
from foretext.recipes.finetune import finetune
from foretext.recipes.learn_tokenizer import learn_tokenizer
from foretext.recipes.prepare import prepare
from foretext.recipes.pretrain import Pretrained, pretrain
from foretext.recipes.settings.demo import DemoSettings
from foretext.recipes.settings.finetune import LANGUAGE_MODEL_WEIGHT, FinetuneSettings
from foretext.recipes.settings.learn_tokenizer import LearnTokenizerSettings
from foretext.recipes.settings.prepare import PrepareSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.recipes.settings.storyworld import StoryworldSettings
from foretext.recipes.storyworld import storyworld
from foretext.serving.predictor import Predictor
from foretext.storyworld.tasks import TASKS, StoryTask
from foretext.tasks.examples import Example
from foretext.tasks.labelled import LabelledDataSettings
from foretext.tasks.predictions import Predictions
from foretext.tasks.reading import read_examples, read_labelled
from foretext.tasks.schema import TaskSchema
from foretext.training.settings import LoopSettings, PointSettings

ARMS = {"scratch": -1, "pretrained": None}  # layers to transfer
PROCESSES = 4  # most models that are fine-tuned at once, each on one core: so small a model gains little by a second
PRETRAINING_RATE, PRETRAINING_BETA2 = 3e-3, 0.98  # with the preset's 2e-3 and the paper's 0.999 it takes a fifth longer
LOADED_BEFORE = ("lightning_fabric", "foretext.evaluation.figures", "foretext.serving.predictor")  # what takes seconds
VALIDATIONS = 8  # in pre-training, each with a checkpoint: every one takes a third of a second
FINETUNING_BATCH = 8  # a quarter of the paper's: with a few hundred labels, updates are scarce
FINETUNING_RATE = 1e-3  # the rule for narrow models, 2.25e-3 here, loses what a model this small has learned
FINETUNING_WARMUP = 0.1  # the paper's 0.2 % of 224 updates is none, and full steps at once undo what was learned
FINETUNING_DROPOUT = 0.0  # as in pre-training; with 0.1 comparisons are lost that the model had learned
FINETUNING_LANGUAGE_MODEL_WEIGHT = {"alike": 0.0}  # else the paper's; with it this task gains on some seeds alone
SPECIAL_TOKENS_FROM = ". - ."  # a story ends, something is said about it, and what is said ends

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Demonstrated:
    """The table, and where the page is."""

    folder: Path
    rows: Sequence[TaskRow]
    seconds: float

    def lines(self) -> list[str]:
        run = self.folder / "runs" / "ending-pretrained"
        return [
            *comparison_lines(self.rows),
            "",
            f"{self.seconds / 60:.1f} minutes; report: {self.folder / 'report.html'}",
            "",
            "Try next:",
            f'  foretext generate {self.folder / "model"} "Tom lost"',
            f"  foretext evaluate {run} {self.folder / 'data/tasks/ending/test.csv'}",
            f"  foretext predict {run} {self.folder / 'data/tasks/ending/test.csv'} --out answers.csv",
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": [row.to_json() for row in self.rows],
            "seconds": self.seconds,
            "report": str(self.folder / "report.html"),
        }


@dataclass(frozen=True)
class _Run:
    """A fine-tuned model, and what was said while it was made."""

    folder: Path
    said: tuple[str, ...]


@dataclass(frozen=True)
class _Compared:
    """One task, with and without pre-training, and what the pre-trained model said."""

    row: TaskRow
    schema: TaskSchema
    examples: Sequence[Example]
    predictions: Predictions


def demo(settings: DemoSettings) -> Demonstrated:
    """Writes stories and tasks as plain files, then reads them as any user's run does.

    Leaves `report.html` and `results.json` in `settings.out`, beside all that was made on the way.

    Raises:
        SettingsError: `out` holds something else, or a demonstration with other settings.
        InUse: a demonstration is being made there.
    """
    started = time.perf_counter()
    identity = {"command": "demo", "settings": settings.model_dump(mode="json", exclude={"out", "device"})}
    with RunFolder.hold(settings.out, identity, resume=RunFolder(settings.out).is_begun):
        remove_leftovers(settings.out, ("data", "results.json"))
        pretrained, compared = _made(settings)
        rows = [item.row for item in compared]
        seconds = time.perf_counter() - started
        write_json(settings.out / "results.json", [row.to_json() for row in rows])
        write_report(settings.out / "report.html", _report(settings, pretrained, compared))
    return Demonstrated(settings.out, rows, seconds)


def _made(settings: DemoSettings) -> tuple[Pretrained, list[_Compared]]:
    """The pre-trained model, and each task with and without it."""
    with progress("demo", 2 + len(TASKS) * len(ARMS), unit="steps") as bar, _processes() as workers:
        data = _write_data(settings)
        bar.advance(1, text="pre-training")
        pretrained = _pretrain(settings, data)
        bar.advance(1, text="fine-tuning")
        runs = {
            f"{task.name}-{arm}": workers.submit(_finetune, settings, task, data, arm)
            for task in TASKS.values()
            for arm in ARMS
        }
        return pretrained, [_compare(settings, task, data, runs, bar) for task in TASKS.values()]


def _write_data(settings: DemoSettings) -> Path:
    data = settings.out / "data"
    if data.exists():  # it appears whole or not at all
        return data
    storyworld(
        StoryworldSettings(
            stories=settings.stories, out=data, seed=settings.seed, train=settings.train, test=settings.test
        )
    )
    return data


def _pretrain(settings: DemoSettings, data: Path) -> Pretrained:
    stories, tokenizer, corpus = data / "corpus", settings.out / "tokenizer", settings.out / "corpus"
    if not (tokenizer / "tokenizer.json").exists():
        learn_tokenizer(LearnTokenizerSettings(inputs=(str(stories),), size=settings.vocabulary, out=tokenizer))
    prepare(PrepareSettings(inputs=(str(stories),), out=corpus, tokenizer=tokenizer))
    return pretrain(
        PretrainSettings.preset(
            "tiny",
            corpus=corpus,
            out=settings.out / "model",
            updates=settings.updates,
            warmup=min(100, settings.updates // 4),
            validate_every=max(1, settings.updates // VALIDATIONS),
            batch=settings.batch,
            learning_rate=PRETRAINING_RATE,
            beta2=PRETRAINING_BETA2,
            seed=settings.seed,
            device=settings.device,
            resume=RunFolder(settings.out / "model").is_begun,
        )
    )


@contextmanager
def _processes() -> Iterator[Workers]:
    """Processes that fine-tune; they load what they need while this one, on one core at first, writes stories."""
    count = min(cores(), PROCESSES)
    with pool(count, verb="demo", start=_ready) as workers:
        for _ in range(count):
            workers.submit(_nothing)  # each makes a process start
        yield workers


def _ready() -> None:
    torch.set_num_threads(1)
    for name in LOADED_BEFORE:
        import_module(name)


def _nothing() -> None:
    """For a process that is there already."""


def _finetune(settings: DemoSettings, task: StoryTask, data: Path, arm: str) -> _Run:
    """Fine-tunes in a process of its own, without bars; what it would have said comes back with it."""
    os.environ["FORETEXT_PROGRESS"] = "off"
    out = settings.out / "runs" / f"{task.name}-{arm}"
    with _said() as lines:
        finetune(
            FinetuneSettings(
                model=str(settings.out / "model"),
                out=out,
                labelled=LabelledDataSettings(data=task.file(data, "train"), kind=task.kind, cutting="fill"),
                transfer_layers=ARMS[arm],
                epochs=settings.epochs,
                batch=FINETUNING_BATCH,
                learning_rate=FINETUNING_RATE,
                warmup=FINETUNING_WARMUP,
                keep="last",  # 51 validation examples choose badly
                dropout=FINETUNING_DROPOUT,
                language_model_weight=FINETUNING_LANGUAGE_MODEL_WEIGHT.get(task.name, LANGUAGE_MODEL_WEIGHT),
                points=PointSettings(special_tokens_from=SPECIAL_TOKENS_FROM),
                seed=settings.seed,
                resume=RunFolder(out).is_begun,
                loop=LoopSettings(device=settings.device, validate_every=settings.epochs * settings.train),  # once
            )
        )
    return _Run(out, tuple(lines))


@contextmanager
def _said() -> Iterator[list[str]]:
    """The lines that are logged in the block."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    logger, handler = logging.getLogger("foretext"), Lines()
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)


def _compare(
    settings: DemoSettings, task: StoryTask, data: Path, runs: Mapping[str, Future[_Run]], bar: Progress
) -> _Compared:
    """A task scored on its test file: word counts, the model from scratch, the pre-trained model."""
    train = read_examples(task.file(data, "train"), kind=task.kind)
    test = read_labelled(task.file(data, "test"), train.schema)
    predictions = {"tfidf": tfidf_baseline(train.examples, test.examples, train.schema)}
    for arm in ARMS:
        run = runs[f"{task.name}-{arm}"].result()
        for line in run.said:
            log.info(line)
        predictions[arm] = Predictor.load(run.folder, device=settings.device, precision="fp32").answer_all(
            test.examples
        )
        bar.advance(1, text=run.folder.name)
    scored = {name: score_examples(test.examples, said, schema=train.schema) for name, said in predictions.items()}
    main = scored["pretrained"].main
    chance, scores = scored["pretrained"].chance[main], {name: found.score for name, found in scored.items()}
    row = TaskRow(task.name, task.kind, main, chance, **scores)
    return _Compared(row, train.schema, test.examples, predictions["pretrained"])


def _report(settings: DemoSettings, pretrained: Pretrained, compared: Sequence[_Compared]) -> Report:
    """The page: the table, the plot, the curve of pre-training, ten examples of each task."""
    rows = [item.row for item in compared]
    report = Report("What pre-training is worth", "A tiny decoder on made-up stories; scores are times 100")
    scores = report.section("Scores")
    scores.table(HEADER, [row.cells() for row in rows], caption="On test examples, with 95 % intervals.")
    scores.figure(
        scratch_against_pretrained(rows),
        "The same model on the same labels: word counts, from scratch, and after reading the stories.",
        "Scores of each task for word counts, from scratch and pre-trained; the table above has the numbers.",
    )
    lines = RunFolder(pretrained.folder).metrics.lines()
    curves = {
        "training": [(line["update"], line["loss"]) for line in lines if "loss" in line],
        "held-out stories": [(line["update"], line["valid_loss"]) for line in lines if "valid_loss" in line],
    }
    series = {name: ([x for x, _ in points], [y for _, y in points]) for name, points in curves.items()}
    report.section("Pre-training").paragraph(". ".join(pretrained.lines()[:-1]) + ".").figure(
        loss_curves(series), "Loss while the model reads the stories.", "Two falling curves of loss over updates."
    )
    for item in compared:
        places = sample(len(item.examples))
        examples = shown(item.examples, item.predictions, places, labels=item.schema.labels, names=item.schema.text)
        report.section(f"Ten examples of {item.row.task}").examples(examples)
    report.section("How this was made").values("Settings", settings.model_dump(mode="json"))
    return report
