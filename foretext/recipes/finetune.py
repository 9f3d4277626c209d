"""A language model and labelled examples become a model for a task: minimise L3 (paper, section 3.2)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from foretext.checkpoints.history import Finetuning, FinetuningResult, WatchRecord, to_json
from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.run_folder import RunFolder
from foretext.checkpoints.saved_model import SavedModel
from foretext.checkup.labelled import doubts
from foretext.errors import SettingsError
from foretext.evaluation.scoring import Evaluation, score_examples
from foretext.group import current
from foretext.model.gpt import GPT, transfer
from foretext.model.settings import HeadSettings
from foretext.notebook import shows_itself
from foretext.progress import progress
from foretext.recipes.run import Concluded, Run, carry_out
from foretext.recipes.settings.finetune import PAPER_DROPOUT, PAPER_LEARNING_RATE, PAPER_WIDTH, FinetuneSettings
from foretext.serving.predictor import outputs
from foretext.settings import leaf_values
from foretext.tasks.batching import EpochBatches
from foretext.tasks.cutting import IN_WORDS
from foretext.tasks.encode import encode
from foretext.tasks.examples import Encoded
from foretext.tasks.labelled import LabelledData, read_labelled_data
from foretext.tasks.metrics import why_targets_cannot_tell
from foretext.tasks.overview import Cut, Overview, overview
from foretext.tasks.schema import TaskSchema
from foretext.tasks.unread import Unread
from foretext.training.objectives import FineTuning
from foretext.training.plan import Plan
from foretext.training.schedules import warmup_linear
from foretext.training.sharing import restore_best
from foretext.training.state import State

# What the weights do not follow from, or what stands elsewhere in the record.
NOT_IN_RECORD = {"out", "resume", "extend", "loop", "model", "labelled", "recipe"}
VALIDATIONS = 20  # where --least-updates makes more epochs of few examples, unless --validate-every says otherwise
# Updates between two checkpoints of a run without validations: at this distance they cost about 1 % of its time
# (benchmarks/checkpoints.py), while an epoch of few examples is shorter than the writing of a checkpoint.
CHECKPOINTS_APART = 100

log = logging.getLogger(__name__)


@shows_itself
@dataclass(frozen=True, repr=False)
class Finetuned:
    """Where the model is and how well it does on the validation examples; None where there are none."""

    folder: Path
    updates: int
    seconds: float
    learning_rate: float
    best_update: int
    evaluation: Evaluation | None
    training_cut: Cut  # what of the training examples did not fit the context
    watch: WatchRecord = field(default_factory=WatchRecord)

    def lines(self) -> list[str]:
        return [
            f"{self.updates:,} updates in {self.seconds / 60:.1f} minutes, peak learning rate "
            f"{self.learning_rate:.3g}; kept the weights after update {self.best_update:,}",
            *(["validation:", *self.evaluation.lines()] if self.evaluation else []),
            *self.watch.lines(),
            f"model saved in {self.folder}; its curves: {self.folder / 'report.html'}",
        ]

    def to_json(self) -> dict[str, Any]:
        shallow = {
            name: value for name, value in vars(self).items() if name not in ("evaluation", "training_cut", "watch")
        }
        made = {
            "validation": self._validation(),
            "training_cut": to_json(self.training_cut),
            "watch": to_json(self.watch),
        }
        return {**shallow, "folder": str(self.folder), **made}

    def result(self) -> FinetuningResult:
        """The result as the history of the model keeps it."""
        return FinetuningResult(
            updates=self.updates,
            seconds=self.seconds,
            learning_rate=self.learning_rate,
            best_update=self.best_update,
            validation=self._validation(),
        )

    def _validation(self) -> dict[str, Any]:
        return self.evaluation.to_json() if self.evaluation else {}


def finetune(settings: FinetuneSettings) -> Finetuned:
    """Fine-tunes a model on labelled examples and saves it in `settings.out`.

    Raises:
        UnknownName: there is no such model or column.
        DataError: the examples cannot be used; all bad rows are named before anything trains.
        SettingsError: settings contradict each other, or `out` holds another run.
    """
    source = load_named(settings.model)
    return finetune_from(source, read_labelled_data(settings.labelled, seed=settings.seed), settings)


def finetune_from(
    source: SavedModel, data: LabelledData, settings: FinetuneSettings, *, page: bool = True
) -> Finetuned:
    """The same from a model and examples that are in memory already.

    Without validation examples the weights after the last update are kept, and nothing is scored. `page` is whether a
    page of the curves is drawn.
    """
    return carry_out(finetuning_run(source, data, settings, page=page))


def finetuning_run(
    source: SavedModel, data: LabelledData, settings: FinetuneSettings, *, page: bool = True
) -> Run[Finetuned]:
    """The run that fine-tunes, of which nothing is done yet."""
    settings = in_full(_suited(settings, source, data.schema), source)
    train, valid = _encode(source, data)
    _say_unknown(source, data, train, valid)
    seen = overview(data.schema.labels, data.train, train, data.valid, valid)
    for line in (*seen.lines(), *_how_cut(seen, data.schema), *doubts(data), *data.schema.notes()):
        log.info("%s", line)
    batches = EpochBatches(train, batch=settings.batch, seed=settings.seed, last_batch=settings.points.last_batch)
    model = _build(source, data, settings)
    longest = max(len(ids) for example in (*train, *valid) for ids in example.sequences)
    decides = _deciding_metric(data)
    plan = _plan(settings, model, batches.updates_per_epoch, longest, validates=bool(decides))
    log.info(
        "%s updates of %d examples, peak learning rate %.3g",
        f"{plan.updates:,}",
        batches.examples_per_update,
        plan.learning_rate,
    )
    objective = FineTuning(model, plan)
    return Run(
        title="fine-tuning",
        settings=settings,
        record=_record(settings, source, data, plan),
        history=source.history,
        recommended=source.recommended,
        objective=objective,
        plan=plan,
        batch_at=batches.at,
        of_length=partial(_of_length, settings, source, data, model, batches.updates_per_epoch, longest, bool(decides)),
        reordered=lambda order: partial(batches.at, order=order),
        origins=lambda update, order: [
            data.train[index].where or f"example {index + 1:,}" for index in batches.indices(update, order)
        ],
        validate=partial(_validate, model, data, valid, decides) if decides else None,
        conclude=partial(
            _conclude,
            objective,
            data=data,
            valid=valid,
            training_cut=Cut.of(train),
            keep=settings.keep,
            learning_rate=plan.learning_rate,
        ),
        tokenizer=source.tokenizer,
        page=page,
    )


def _suited(settings: FinetuneSettings, source: SavedModel, schema: TaskSchema) -> FinetuneSettings:
    """The settings without what the model recommends for other kinds of task alone."""
    reads = settings.points.head_reads
    if schema.task_kind.reads is None or reads not in _as_recommended(settings, source, "head_reads").values():
        return settings
    return settings.model_copy(update={"points": settings.points.model_copy(update={"head_reads": "extract"})})


def _as_recommended(settings: FinetuneSettings, source: SavedModel, *names: str) -> dict[str, Any]:
    """The settings among those of these names, or all, that are as the model recommends."""
    if settings.recipe != "recommended":
        return {}
    has = leaf_values(settings)
    asked = names or tuple(source.recommended)
    return {name: has[name] for name in asked if name in has and has[name] == source.recommended.get(name)}


def in_full(settings: FinetuneSettings, source: SavedModel) -> FinetuneSettings:
    """The settings with the dropout that they leave to the model that is fine-tuned."""
    if settings.dropout is not None:
        return settings
    shape = source.gpt.settings
    had_none = not (shape.embedding_dropout or shape.attention_dropout or shape.residual_dropout)
    usual = 0.0 if source.history.imported and had_none else PAPER_DROPOUT
    return settings.model_copy(update={"dropout": usual})


def _how_cut(seen: Overview, schema: TaskSchema) -> list[str]:
    """By which rule examples were cut, where some were."""
    cut = seen.train.cut_rows or (seen.valid and seen.valid.cut_rows)
    return [f"what is too long is cut so: {IN_WORDS[schema.cutting]} (--cutting {schema.cutting})"] if cut else []


def _plan(settings: FinetuneSettings, model: GPT, updates_per_epoch: int, longest: int, *, validates: bool) -> Plan:
    """What to do with `model`; a learning rate that was not set follows from its width.

    `longest` is how many tokens the longest sequence of the data has, `validates` whether there are examples to
    choose weights by.
    """
    by_epochs = max(1, round(settings.epochs * updates_per_epoch))
    updates = max(by_epochs, settings.least_updates)
    # An epoch of few examples is over in no time, so that of many epochs not each is validated.
    apart = updates_per_epoch if updates == by_epochs else max(updates_per_epoch, updates // VALIDATIONS)
    apart = apart if validates else max(apart, CHECKPOINTS_APART)
    may_share = settings.points.shared_prefixes == "always" or not settings.dropout
    return Plan.of(
        settings.optimizer,
        settings.loop,
        settings.points,
        updates=updates,
        learning_rate=settings.learning_rate or default_learning_rate(model.settings.width),
        schedule=partial(warmup_linear, warmup=settings.warmup, total=updates),
        seed=settings.seed,
        share_prefixes=model.share_prefixes if may_share else "no",
        validate_every=settings.loop.validate_every or apart,
        metric="score",
        higher_is_better=True,
        layer_decay=settings.layer_decay,
        language_model_weight=settings.language_model_weight,
        softmax_rows=_softmax_rows(settings, model, longest),
    )


def _softmax_rows(settings: FinetuneSettings, model: GPT, longest: int) -> int:
    """How many rows the softmax of L1 runs over; rotary positions have none, nor have any in an output's own matrix.

    Source: recipe points 9 and 13; the released code has no more positions than the longest example has tokens.
    """
    positions = {"longest": longest, "all": model.settings.context, "no_positions": 0}
    return min(model.settings.output_rows, model.settings.first_position + positions[settings.points.softmax_rows])


def _deciding_metric(data: LabelledData) -> str | None:
    """The metric that chooses weights: the first by which the validation examples can tell models apart, if any.

    What that means where it is not the first of all is said.
    """
    if not data.valid:
        return None
    truth = data.schema.labels.numbers([example.label for example in data.valid if example.label is not None])
    names = data.schema.metrics()
    why = {name: why_targets_cannot_tell(name, truth) for name in names}
    found = next((name for name in names if not why[name]), None)
    if found != names[0]:
        what = f"{found} chooses the weights" if found else "the weights after the last update are kept"
        log.warning("on these validation examples %s tells nothing (%s): %s", names[0], why[names[0]], what)
    return found


def _validate(model: GPT, data: LabelledData, valid: Sequence[Encoded], decides: str) -> dict[str, float]:
    return {"score": _evaluate(model, data, valid, resamples=1)[0].metrics[decides].value}


def _of_length(
    settings: FinetuneSettings,
    source: SavedModel,
    data: LabelledData,
    model: GPT,
    updates_per_epoch: int,
    longest: int,
    validates: bool,
    updates: int,
) -> tuple[Plan, Finetuning]:
    """Plan and record of the run if it has so many updates."""
    settings = settings.model_copy(update={"epochs": updates / updates_per_epoch, "least_updates": 0})
    plan = _plan(settings, model, updates_per_epoch, longest, validates=validates)
    return plan, _record(settings, source, data, plan)


def _conclude(
    objective: FineTuning,
    folder: RunFolder,
    state: State,
    *,
    data: LabelledData,
    valid: Sequence[Encoded],
    training_cut: Cut,
    keep: Literal["best", "last"],
    learning_rate: float,
) -> Concluded[Finetuned]:
    """The run with the weights that are kept, which are evaluated, and the task with what validation teaches."""
    kept = state.update
    if keep == "best" and state.best_update is not None:
        kept = state.best_update
        restore_best(folder, kept, objective, current())
    evaluation, schema = _evaluate(objective.model, data, valid) if valid else (None, data.schema)
    if schema != data.schema:
        taught = ", ".join(name for name, value in schema if value != getattr(data.schema, name))
        log.info("%s chosen on the validation examples, so that their score is optimistic; score on others", taught)
    watch = state.watch.record()
    done = Finetuned(folder.path, state.update, state.seconds, learning_rate, kept, evaluation, training_cut, watch)
    return Concluded(done, schema)


def default_learning_rate(width: int) -> float:
    """The paper's peak rate at the paper's width, and more for narrower models: 6.25e-5 · (768 / width)²."""
    return PAPER_LEARNING_RATE * (PAPER_WIDTH / width) ** 2


def _encode(source: SavedModel, data: LabelledData) -> tuple[list[Encoded], list[Encoded]]:
    context = source.gpt.settings.context
    with progress("reading", len(data.train) + len(data.valid), unit="examples") as bar:
        train = encode(data.train, data.schema, source.tokenizer, context, bar=bar)
        valid = encode(data.valid, data.schema, source.tokenizer, context, bar=bar)
    return train, valid


def _say_unknown(source: SavedModel, data: LabelledData, train: Sequence[Encoded], valid: Sequence[Encoded]) -> None:
    """Warns of tokens that the model has no piece for; cuts are in the overview.

    Raises:
        DataError: more than half of them are such, and the data do not allow it.
    """
    for what, examples, encoded in (("training", data.train, train), ("validation", data.valid, valid)):
        unread = Unread(source.tokenizer, data.schema)
        unread.add(examples, encoded)
        unread.unknown.say(what, allowed=data.allow_unknown)


def _build(source: SavedModel, data: LabelledData, settings: FinetuneSettings) -> GPT:
    """The source's model with a new head, new special tokens, and as many of its layers as asked for."""
    dropouts = dict.fromkeys(("embedding_dropout", "attention_dropout", "residual_dropout"), settings.dropout)
    on = {"embedding_dropout_on": settings.points.embedding_dropout_on}
    shape = source.gpt.settings.model_copy(update={**dropouts, **on})
    model = GPT(shape, head_settings(data, settings), seed=settings.seed)
    pieces = _special_tokens_from(source, settings.points.special_tokens_from)
    transfer(source.gpt, model, _transferred(source.gpt, settings), special_tokens_from=pieces)
    if model.output_matrix is not None and not settings.language_model_weight:
        model.output_matrix.requires_grad_(False)  # nothing reads it, and its moments would take memory
    return model


def _transferred(source: GPT, settings: FinetuneSettings) -> int | None:
    """How many blocks of the model stay, as `transfer` takes them: None for all, -1 for nothing at all.

    Raises:
        SettingsError: more are to start anew than there are.
    """
    blocks = len(source.blocks)
    if settings.fresh_blocks > blocks:
        raise SettingsError(f"--fresh-blocks {settings.fresh_blocks}: this model has {blocks} blocks")
    return blocks - settings.fresh_blocks if settings.fresh_blocks else settings.transfer_layers


def _special_tokens_from(source: SavedModel, text: str) -> list[int]:
    """The ids of the three pieces that `text` names, none where it names nothing.

    Raises:
        SettingsError: it does not name three, or a word of it is no piece of the vocabulary.
    """
    words = text.split()
    pieces = [source.tokenizer.encode(word) for word in words]
    broken = next((word for word, ids in zip(words, pieces, strict=True) if len(ids) != 1), None)
    if broken is not None:
        raise SettingsError(f"special_tokens_from: {broken!r} is not one piece of the model's vocabulary")
    if len(words) not in (0, 3):
        raise SettingsError(f"special_tokens_from: {text!r} should name three pieces, for start, delimiter and extract")
    return [piece for (piece,) in pieces]


def head_settings(data: LabelledData, settings: FinetuneSettings) -> HeadSettings:
    """The head that fits the task's labels.

    Raises:
        SettingsError: what it is to read was set, and the kind of task leaves no choice.
    """
    schema = data.schema
    if schema.task_kind.reads and settings.points.head_reads != "extract":
        raise SettingsError(f"{schema.kind} reads the state of each token; head_reads is for other kinds of task")
    labels = [example.label for example in data.train if example.label is not None]
    output = schema.labels.output(labels, settings.scores or schema.task_kind.scale)
    return HeadSettings(
        combine=schema.task_kind.combine,
        reads=schema.task_kind.reads or settings.points.head_reads,
        dropout=settings.classifier_dropout,
        attend=settings.points.attend,
        **output._asdict(),
    )


def _evaluate(
    model: GPT, data: LabelledData, valid: Sequence[Encoded], **options: int
) -> tuple[Evaluation, TaskSchema]:
    """How good the answers for validation are, and the schema with what they teach of how to answer."""
    found = outputs(model, valid, group=current())
    truth = [example.label for example in data.valid if example.label is not None]
    schema = data.schema.learned(data.schema.labels.fitted(found, truth))
    predictions = schema.labels.predictions(found, valid)
    return score_examples(data.valid, predictions, schema=schema, **options), schema


def _record(settings: FinetuneSettings, source: SavedModel, data: LabelledData, plan: Plan) -> Finetuning:
    """Everything that the weights follow from."""
    return Finetuning(
        settings=settings.model_dump(mode="json", exclude=NOT_IN_RECORD),
        model=source.fingerprint,
        data=data.fingerprint,
        task=data.schema,
        published=data.published,
        learning_rate=plan.learning_rate,
        recommended=tuple(_as_recommended(settings, source)) or None,
        intermediate=source.history.finetuning if source.gpt.head and settings.transfer_layers != -1 else None,
    )
