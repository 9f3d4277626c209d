"""How a model came to be, as `model.json` tells it under "history": imported, pre-trained, fine-tuned.

Records are written and read here and nowhere else. Whatever a record of an earlier version lacks is not known: it is
None, or a record of which nothing is known. What is not known is not written.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from foretext.tasks.schema import TaskSchema

IMPORT = "import"  # what model.json calls `History.imported`

Record = TypeVar("Record")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Departure:
    """One setting of a run that has not the paper's value."""

    point: str  # of the paper's recipe, by its number
    name: str  # of the point
    stage: str  # where the setting belongs: "model", "pretraining" or "finetuning"
    setting: str
    value: Any
    paper: Any
    recommended: bool | None = None  # whether it is as the model that the run started from recommends


@dataclass(frozen=True)
class EngineRecord:
    """What a run ran on."""

    device: str | None = None
    processor: str | None = None
    precision: str | None = None
    threads: int | None = None
    keeps_memory: bool | None = None
    processes: int | None = None
    torch: str | None = None


@dataclass(frozen=True)
class ChunkRecord:
    """How one file of the weights that OpenAI released was cut: so many values, behind this header."""

    values: int
    header: str


@dataclass(frozen=True)
class Imported:
    """Which layout a model was read from, and what had to be made up."""

    format: str | None = None
    source: str | None = None
    seed: int | None = None
    drawn: str | None = None  # the special tokens, in words
    chunks: tuple[ChunkRecord, ...] | None = None
    architecture: str | None = None  # the family of decoders, by its name in transformers
    license: str | None = None
    weights: str | None = None  # of which types they were


@dataclass(frozen=True)
class PretrainingResult:
    """What a pre-training came to; the losses are those of the weights that were kept, in nats a token."""

    parameters: int | None = None
    updates: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    valid_loss: float | None = None
    valid_perplexity: float | None = None
    kept_update: int | None = None  # after which the weights stood that the model has


@dataclass(frozen=True)
class FinetuningResult:
    """What a fine-tuning came to; `validation` is the evaluation of the weights that were kept, as JSON has it."""

    updates: int | None = None
    seconds: float | None = None
    learning_rate: float | None = None
    best_update: int | None = None
    validation: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class WentBack:
    """Once that a run was in trouble: when and why, and the update that it went on from."""

    update: int  # at which the alarm came
    to: int
    why: str


@dataclass(frozen=True)
class WatchRecord:
    """What the watch on a run saw and did; `sound` says whether all was within its band when the run ended."""

    mode: str | None = None
    sound: bool | None = None
    left_out: int | None = None  # updates of those that the weights follow from
    alarms: int | None = None
    went_back: tuple[WentBack, ...] | None = None
    stopped: str | None = None  # why, where the watch ended the run
    outside: int | None = None  # updates that lay as far outside the band as those left out, and were done

    def lines(self) -> list[str]:
        """What to tell a person: nothing where all was well."""
        said = []
        if self.left_out:
            said.append(f"updates left out, as they lay far outside the band: {self.left_out:,}")
        if self.outside:
            said.append(f"updates far outside the band that were done: {self.outside:,}")
        said += [f"at update {at.update:,}: {at.why}; went back to update {at.to:,}" for at in self.went_back or ()]
        if self.sound is False:
            said.append("the run is not sound: " + (self.stopped or "it was out of its band and was not mended"))
        return [f"watch: {line}" for line in said]


@dataclass(frozen=True)
class Start:
    """The model that a pre-training went on from: the fingerprint of its weights, and its own history."""

    model: str
    history: History


@dataclass(frozen=True)
class Pretraining:
    """A pre-training: what its weights follow from, where it ran, and what came of it."""

    command: str = "pretrain"
    settings: Mapping[str, Any] = field(default_factory=dict)
    corpus: str | None = None  # its fingerprint
    start: Start | None = None
    engine: EngineRecord = EngineRecord()
    result: PretrainingResult = PretrainingResult()
    departures: tuple[Departure, ...] | None = None
    watch: WatchRecord = WatchRecord()

    def identity(self) -> dict[str, Any]:
        """What makes the run this run, as `run.json` keeps it: all that its weights follow from."""
        started = {"start": self.start.model} if self.start else {}
        return {"command": self.command, "settings": self.settings, "corpus": self.corpus, **started}


@dataclass(frozen=True)
class Finetuning:
    """A fine-tuning: what its weights follow from, where it ran, and what came of it."""

    command: str = "finetune"
    settings: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None  # fingerprint of the weights it started from
    data: str | None = None  # fingerprint of the examples
    task: TaskSchema | None = None
    published: str | None = None  # the name of the published task that the examples are; None for a person's own
    learning_rate: float | None = None  # the peak, where the settings leave it to the model's width
    intermediate: Finetuning | None = None  # that of the model it started from, on another task; None: there was none
    recommended: tuple[str, ...] | None = None  # the settings that are as the model it started from recommends
    engine: EngineRecord = EngineRecord()
    result: FinetuningResult = FinetuningResult()
    departures: tuple[Departure, ...] | None = None
    watch: WatchRecord = WatchRecord()

    def identity(self) -> dict[str, Any]:
        """What makes the run this run, as `run.json` keeps it: all that its weights follow from."""
        named = ("command", "settings", "model", "data", "task")
        return {name: _plain(getattr(self, name)) for name in named}

    def on(self) -> str:
        """What it was on: the kind of task, and the name of a published one."""
        kind = self.task.kind if self.task else "a task"
        return f"{kind} ({self.published})" if self.published else kind

    def intermediate_tasks(self) -> str:
        """The tasks that the model was fine-tuned on before, in that order: `entailment (SNLI)`; empty for none."""
        earlier = self.intermediate
        return ", then ".join(filter(None, (earlier.intermediate_tasks(), earlier.on()))) if earlier else ""


@dataclass(frozen=True)
class History:
    """What a model remembers of its making; of several runs of one kind, the last, which remembers those before."""

    imported: Imported | None = None
    pretraining: Pretraining | None = None
    finetuning: Finetuning | None = None

    @property
    def published(self) -> str | None:
        """The name of the published task that the model was fine-tuned on, if it was and that is known."""
        return self.finetuning.published if self.finetuning else None

    def after(self, run: Pretraining | Finetuning) -> History:
        """The history of what came out of `run`."""
        return replace(self, pretraining=run) if isinstance(run, Pretraining) else replace(self, finetuning=run)

    def to_json(self) -> dict[str, Any]:
        """The history as `model.json` has it."""
        values = to_json(self)
        return {IMPORT if name == "imported" else name: value for name, value in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> History:
        """The history that `model.json` tells, of this version or an earlier one.

        Raises:
            TypeError, ValueError, AttributeError: it is no history.
        """
        named = {"imported" if name == IMPORT else name: value for name, value in values.items()}
        return _read(cls, named, imported=_imported, pretraining=_pretraining, finetuning=_finetuning)


def to_json(record: Any) -> dict[str, Any]:
    """What is known of a record, by name."""
    values = {each.name: _plain(getattr(record, each.name)) for each in fields(record)}
    return {name: value for name, value in values.items() if value is not None and value != {}}


def _plain(value: Any) -> Any:
    if isinstance(value, History):
        return value.to_json()
    if hasattr(value, "to_dict"):  # a task's schema
        return value.to_dict()
    if is_dataclass(value):
        return to_json(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _read(cls: type[Record], values: Mapping[str, Any], **readers: Callable[[Any], Any]) -> Record:
    """The record of `cls` with these values, some of them made by `readers`; strange names are left out, and said."""
    known = [each.name for each in fields(cls)]  # type: ignore[arg-type]
    strange = sorted(values.keys() - set(known))
    if strange:
        log.info("left out of the model's history, since this version does not know them: %s", ", ".join(strange))
    given = {name: values[name] for name in known if values.get(name) is not None}
    return cls(**{name: readers[name](value) if name in readers else value for name, value in given.items()})


def _imported(values: Mapping[str, Any]) -> Imported:
    return _read(Imported, values, chunks=lambda chunks: tuple(_read(ChunkRecord, chunk) for chunk in chunks))


def _pretraining(values: Mapping[str, Any]) -> Pretraining:
    return _read(
        Pretraining,
        values,
        start=lambda start: _read(Start, start, history=History.from_json),
        engine=lambda engine: _read(EngineRecord, engine),
        result=lambda result: _read(PretrainingResult, result),
        departures=_departures,
        watch=_watch,
    )


def _finetuning(values: Mapping[str, Any]) -> Finetuning:
    from foretext.tasks.schema import TaskSchema  # it needs pydantic, which training does without

    return _read(
        Finetuning,
        values,
        task=TaskSchema.from_dict,
        intermediate=_finetuning,
        recommended=tuple,
        engine=lambda engine: _read(EngineRecord, engine),
        result=lambda result: _read(FinetuningResult, result),
        departures=_departures,
        watch=_watch,
    )


def at_update(history: History, update: int, watched: Mapping[str, Any]) -> History:
    """The history of a model whose last training stands at `update`; `watched` is a record of its watch, as JSON."""
    watch = _watch(watched)
    if history.finetuning is not None:
        result = FinetuningResult(updates=update)
        return replace(history, finetuning=replace(history.finetuning, result=result, watch=watch))
    if history.pretraining is not None:
        so_far = PretrainingResult(updates=update, kept_update=update)
        return replace(history, pretraining=replace(history.pretraining, result=so_far, watch=watch))
    return history


def _watch(values: Mapping[str, Any]) -> WatchRecord:
    return _read(WatchRecord, values, went_back=lambda times: tuple(_read(WentBack, time) for time in times))


def _departures(values: list[Mapping[str, Any]]) -> tuple[Departure, ...]:
    return tuple(_read(Departure, value) for value in values)
