"""Raw text becomes a language model: minimise L1 over random windows of a prepared corpus (paper, section 3.1)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from foretext.batch import Batch
from foretext.checkpoints.history import Pretraining, PretrainingResult, Start, WatchRecord
from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.run_folder import RunFolder
from foretext.checkpoints.saved_model import SavedModel
from foretext.corpus import Corpus, Windows, sequential_windows
from foretext.corpus.verification import PATIENCE, SOON, Verification
from foretext.errors import SettingsError
from foretext.evaluation.perplexity import perplexity
from foretext.evaluation.prompts import EncodedTask, encode_zero_shot, unread_of
from foretext.evaluation.zero_shot import score_zero_shot
from foretext.evaluation.zero_shot_tasks import ZeroShotSettings, find_zero_shot_tasks, probed
from foretext.group import current
from foretext.model.gpt import GPT
from foretext.model.settings import FORM, ModelSettings, ModelShape, said
from foretext.notebook import shows_itself
from foretext.recipes.run import Concluded, Run, carry_out
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.settings import was_given
from foretext.tokenizer import Tokenizer
from foretext.training.loop import BatchAt
from foretext.training.masking import Masking
from foretext.training.objectives import LanguageModelling
from foretext.training.plan import Plan
from foretext.training.schedules import Schedule, warmup_cosine, warmup_flat_fall
from foretext.training.sharing import restore_best
from foretext.training.state import State

# What weights must fit.
SHAPE = {"backbone", "context", "layers", "width", "heads", "feed_forward", "lstm_units", *FORM}
DROPOUTS = ("embedding_dropout", "attention_dropout", "residual_dropout")
UNSAID = (*FORM, "projections_start")  # in a run's record, where they have the paper's value
VALIDATIONS = 20  # in a run, unless --validate-every says otherwise

log = logging.getLogger(__name__)


@shows_itself
@dataclass(frozen=True, repr=False)
class Pretrained:
    """Where the model is and how well it predicts held-out text."""

    folder: Path
    parameters: int
    updates: int
    kept_update: int  # after which the weights stood that the model has
    tokens: int
    seconds: float
    valid_loss: float | None
    valid_perplexity: float | None
    watch: WatchRecord = field(default_factory=WatchRecord)

    def lines(self) -> list[str]:
        text = [
            f"{self.parameters:,} parameters, {self.updates:,} updates, {self.tokens:,} tokens, "
            f"{self.seconds / 60:.1f} minutes"
        ]
        if self.kept_update != self.updates:
            text.append(f"kept the weights after update {self.kept_update:,}, the best by validation loss")
        if self.valid_perplexity is not None:
            text.append(f"validation: {self.valid_loss:.4f} nats a token, perplexity {self.valid_perplexity:.2f}")
        return [*text, *self.watch.lines(), f"model saved in {self.folder}; its curves: {self.folder / 'report.html'}"]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "folder": str(self.folder)}

    def result(self) -> PretrainingResult:
        """The result as the history of the model keeps it."""
        values = {name: value for name, value in vars(self).items() if name not in ("folder", "watch")}
        return PretrainingResult(**values)


def pretrain(settings: PretrainSettings) -> Pretrained:
    """Trains a language model on a prepared corpus and saves it in `settings.out`.

    Raises:
        DataError: the corpus is missing or damaged, or too small for one window.
        SettingsError: settings contradict each other, the model to start from does not fit them, or `out` holds
            another run.
    """
    start = None if settings.start is None else load_named(settings.start)
    return pretrain_from(Corpus.open(settings.corpus), start, settings)


def pretrain_from(
    corpus: Corpus, start: SavedModel | None, settings: PretrainSettings, *, page: bool = True
) -> Pretrained:
    """The same from a corpus that is open, and from a model in memory where one is to go on.

    `page` is whether a page of the curves is drawn.
    """
    if settings.updates and settings.loop.minutes:
        raise SettingsError("--minutes takes the place of --updates: give one of them")
    tokenizer = Tokenizer.load(corpus.folder)
    corpus.check_tokenizer(tokenizer.fingerprint)
    corpus.say_unknown(allowed=settings.allow_unknown)
    verification = Verification(corpus, trust=current().launch.local_rank > 0)
    if start is not None:
        settings = _of_start(start, settings)
        _check_start(start, settings, corpus)
    train = corpus.split("train")
    plan = _plan(settings, train.token_count, tokenizer.extract)
    if plan.masking is not None:
        log.info("%d of %d windows of an update are read both ways%s", *_masked(settings, plan.masking))
    windows = Windows(
        train,
        context=settings.model.context,
        batch=settings.batch,
        seed=settings.seed,
        repeat_share=settings.repeat_share,
    )
    validates = corpus.split("valid").token_count > 1
    if not validates:
        _refuse_what_validation_decides(settings)
    probes = _probes(settings, tokenizer)
    model = GPT(ModelSettings(vocabulary=tokenizer.size, **settings.model.model_dump()), seed=settings.seed)
    if start is not None:
        model.load_state_dict(start.gpt.state_dict())
    if settings.verify:
        log.info("comparing %s with its hashes", corpus.folder)
    if settings.verify:
        _wait_to_the_end(verification)
    else:
        verification.wait(SOON)
    objective = LanguageModelling(model)
    run = Run(
        title="pre-training",
        settings=settings,
        record=_record(settings, corpus, start),
        recommended={} if start is None else start.recommended,
        objective=objective,
        plan=plan,
        batch_at=_in_order(windows, verification, 0),
        reordered=partial(_in_order, windows, verification),
        origins=windows.origins,
        of_length=partial(_of_length, settings, corpus, start, tokenizer.extract),
        validate=partial(_validate, model, corpus, probes, settings, verification) if validates else None,
        conclude=partial(_conclude, objective, settings, verification),
        tokenizer=tokenizer,
        page=page,
    )
    return carry_out(run)


def _refuse_what_validation_decides(settings: PretrainSettings) -> None:
    """Nothing, unless a setting would do nothing, since there is nothing to validate on.

    Raises:
        SettingsError: one would.
    """
    needing = {
        "--probe": settings.probe,
        "--keep best": settings.keep == "best",
        "--patience": settings.loop.patience,
    }
    for name, given in needing.items():
        if given:
            raise SettingsError(f"{name} needs validations, and this corpus has no validation set to read")


def _plan(settings: PretrainSettings, tokens: int, mask: int) -> Plan:
    """What to do with a corpus of so many tokens; `mask` is the id that stands for what is hidden.

    Raises:
        SettingsError: the warm-up does not fit, or it and the fall.
    """
    a_batch = settings.batch * settings.model.context
    updates = settings.updates or max(1, round(settings.epochs * tokens / a_batch))
    schedule = _schedule(settings, updates)
    schedule(0)  # refuses what does not fit, before anything is written
    return Plan.of(
        settings.optimizer,
        settings.loop,
        updates=updates,
        learning_rate=settings.learning_rate,
        schedule=schedule,
        seed=settings.seed,
        validate_every=settings.loop.validate_every or max(1, updates // VALIDATIONS),
        masking=_masking(settings, updates, mask) if settings.masked_share else None,
    )


def _masking(settings: PretrainSettings, updates: int, mask: int) -> Masking:
    """How the windows of a run of so many updates are masked.

    Raises:
        SettingsError: it ends before any is.
    """
    begins = round(settings.masked_from * updates)
    if begins >= updates:
        raise SettingsError(f"--masked-from {settings.masked_from:g} of {updates:,} updates leaves none; give it less")
    return Masking(
        windows=settings.masked_windows,
        batch=settings.batch,
        begins=begins,
        updates=updates,
        rate=settings.mask_rate,
        rate_end=settings.mask_rate if settings.mask_rate_end is None else settings.mask_rate_end,
        seed=settings.seed,
        mask=mask,
    )


def _masked(settings: PretrainSettings, masking: Masking) -> tuple[int, int, str]:
    """What the log says of it."""
    return masking.windows, settings.batch, f" from update {masking.begins + 1:,} on" if masking.begins else ""


def _schedule(settings: PretrainSettings, updates: int) -> Schedule:
    if settings.schedule == "flat":
        return partial(warmup_flat_fall, warmup=settings.warmup, fall=settings.fall, total=updates)
    return partial(warmup_cosine, warmup=settings.warmup, total=updates)


def _of_length(
    settings: PretrainSettings, corpus: Corpus, start: SavedModel | None, mask: int, updates: int
) -> tuple[Plan, Pretraining]:
    """Plan and record of the run if it has so many updates."""
    settings = settings.model_copy(update={"updates": updates})
    return _plan(settings, corpus.split("train").token_count, mask), _record(settings, corpus, start)


def _in_order(windows: Windows, verification: Verification, order: int) -> BatchAt:
    def batch(update: int, rank: int, world: int) -> Batch:
        verification.check()
        return windows.batch(update, rank=rank, world=world, order=order)

    return batch


def _validate(
    model: GPT,
    corpus: Corpus,
    probes: Mapping[str, EncodedTask],
    settings: PretrainSettings,
    verification: Verification,
) -> dict[str, float]:
    verification.wait(PATIENCE)  # a checkpoint comes next
    windows = sequential_windows(
        corpus.split("valid"), context=settings.model.context, limit=settings.validation_tokens
    )
    score = perplexity(model, windows, current())
    answered = {
        f"zero_shot_{name}": score_zero_shot(model, probe, resamples=0).score.value for name, probe in probes.items()
    }
    return {"loss": score.loss, "perplexity": score.perplexity, **answered}


def _probes(settings: PretrainSettings, tokenizer: Tokenizer) -> dict[str, EncodedTask]:
    """The tasks to probe with, read once."""
    rows = ZeroShotSettings(score_rows=settings.probe_rows, threshold_rows=settings.probe_rows or 2_000)
    tasks = find_zero_shot_tasks(probed(settings.probe), rows)
    for name, task in tasks.items():
        log.info("probing %s by %s on %s examples", name, task.heuristic, f"{len(task.examples):,}")
    encoded = {name: encode_zero_shot(task, tokenizer, settings.model.context) for name, task in tasks.items()}
    for name, one in encoded.items():
        unread_of(one, tokenizer).say(name, allowed=settings.allow_unknown)
    return encoded


def _of_start(start: SavedModel, settings: PretrainSettings) -> PretrainSettings:
    """The settings with the shape of the model to go on from, but for what was given, be it as it is by default.

    An imported model brings its dropout as well. What is taken is said.
    """
    has = start.gpt.settings.model_dump(include={*SHAPE, *(DROPOUTS if start.history.imported else ())})
    given = settings.model.model_dump()
    taken = {name: value for name, value in has.items() if not was_given(settings, name) and given[name] != value}
    if taken:
        log.info("as the model that is gone on from: %s", said(taken))
    return settings.model_copy(update={"model": ModelShape(**{**given, **taken})})


def _check_start(start: SavedModel, settings: PretrainSettings, corpus: Corpus) -> None:
    """Nothing, if the model to go on from has the vocabulary of the corpus and the shape of the settings.

    Raises:
        FingerprintMismatch, SettingsError: it does not.
    """
    corpus.check_tokenizer(start.tokenizer.fingerprint)
    name = settings.start or start.folder or "the model to start from"
    if start.gpt.head is not None:
        raise SettingsError(f"{name} is a model for a task; start from a language model")
    has, wanted = start.gpt.settings.model_dump(include=SHAPE), settings.model.model_dump(include=SHAPE)
    if start.gpt.settings.positions == "rotary" and has["context"] != wanted["context"]:
        log.info("context %s from now on, %s before", f"{wanted['context']:,}", f"{has['context']:,}")
        del has["context"]
    other = [f"{part} {has[part]}, not {wanted[part]}" for part in has if has[part] != wanted[part]]
    if other:
        raise SettingsError(f"{name} has {', '.join(other)}: give the --preset or the shape it was made with")


def _record(settings: PretrainSettings, corpus: Corpus, start: SavedModel | None) -> Pretraining:
    """Everything that the weights follow from."""
    left_out = {"out", "resume", "extend", "verify", "corpus", "start", "loop", "probe", "probe_rows"}
    left_out |= {"allow_unknown", "keep", "recipe"}  # of the recipe there is what it stands for
    # A run that was begun before there were other forms says nothing of the paper's, and can be resumed.
    usual = {name for name in UNSAID if getattr(settings.model, name) == ModelShape.model_fields[name].default}
    return Pretraining(
        settings=settings.model_dump(mode="json", exclude={**dict.fromkeys(left_out, True), "model": usual}),
        corpus=corpus.fingerprint,
        start=None if start is None else Start(start.fingerprint, start.history),
    )


def _wait_to_the_end(verification: Verification) -> None:
    """Waits until all of the corpus was read; of several processes all wait for the one that reads it.

    Raises:
        DataError: it is damaged.
    """
    if current().world == 1:
        verification.wait()
    while current().most([int(not verification.is_done)])[0]:
        verification.wait(PATIENCE)
    verification.check()


def _conclude(
    objective: LanguageModelling,
    settings: PretrainSettings,
    verification: Verification,
    folder: RunFolder,
    state: State,
) -> Concluded[Pretrained]:
    """The run with the weights that are kept, as their validation found it, once all of the corpus was seen sound."""
    _wait_to_the_end(verification)
    kept = state.update
    impatient = bool(settings.loop.patience) and state.validations_without_better >= settings.loop.patience
    wanted = settings.keep or ("best" if impatient else "last")
    if wanted == "best" and state.best_update not in (None, kept):
        kept = state.best_update
        restore_best(folder, kept, objective, current())
    lines = current().of_first(folder.metrics.lines)
    validated = [line for line in lines if "valid_loss" in line and line["update"] <= kept]
    scores: dict[str, Any] = validated[-1] if validated else {}
    done = Pretrained(
        folder=folder.path,
        parameters=objective.model.parameter_count(),
        updates=state.update,
        kept_update=kept,
        tokens=state.tokens,
        seconds=state.seconds,
        valid_loss=scores.get("valid_loss"),
        valid_perplexity=scores.get("valid_perplexity"),
        watch=state.watch.record(),
    )
    return Concluded(done)
