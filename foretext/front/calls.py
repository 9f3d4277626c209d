"""The calls: model first, then data, settings by the names of the flags. The recipes do the work.

Each also takes the settings value of its recipe alone, and then gives what the recipe gives.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import Any, TypeVar, overload

from foretext.checkup.finding import Checked
from foretext.corpus import Corpus
from foretext.errors import SettingsError
from foretext.front.model import Model, ModelLike, load_model
from foretext.paths import at_home
from foretext.recipes import check as checking
from foretext.recipes import embed as embedding
from foretext.recipes import evaluate as evaluating
from foretext.recipes import finetune as finetuning
from foretext.recipes import generate as generating
from foretext.recipes import perplexity as measuring
from foretext.recipes import predict as predicting
from foretext.recipes import prepare as preparing
from foretext.recipes import pretrain as pretraining
from foretext.recipes.settings.check import CheckSettings
from foretext.recipes.settings.embed import EmbedSettings
from foretext.recipes.settings.evaluate import EvaluateSettings
from foretext.recipes.settings.finetune import FinetuneSettings, recommended
from foretext.recipes.settings.generate import GenerateSettings
from foretext.recipes.settings.perplexity import PerplexitySettings
from foretext.recipes.settings.predict import PredictSettings
from foretext.recipes.settings.prepare import PrepareSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.settings import Settings
from foretext.tasks.files.tables import is_path
from foretext.tasks.labelled import LabelledData, LabelledDataSettings, read_labelled_data
from foretext.tokenizer import Tokenizer

IN_MEMORY = "in memory"  # what the settings call a model or a tokenizer that has no folder

S = TypeVar("S", bound=Settings)


@overload
def prepare(inputs: PrepareSettings) -> Corpus: ...
@overload
def prepare(
    inputs: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    tokenizer: Tokenizer | ModelLike,
    **settings: Any,
) -> Corpus: ...
def prepare(inputs: Any, out: str | Path | None = None, *, tokenizer: Any = None, **settings: Any) -> Corpus:
    """A corpus of token ids in the folder `out`, from files and folders: `prepare("books/", "corpus", tokenizer=…)`.

    `tokenizer` is one, or a model whose it is, or the folder or name of either.

    Raises:
        DataError: an input is missing or wrong, or has no text, or `out` holds something else.
        UnknownName: there is no such setting or model.
        SettingsError: the executor is Slurm, whose jobs make the corpus later: that is for the command.
    """
    if isinstance(inputs, PrepareSettings):
        return _prepared(_alone(inputs, out, tokenizer, *settings))
    inputs = inputs if is_path(inputs) else tuple(inputs)
    given = {"inputs": inputs, **_unless_none(out=out), **settings}
    if tokenizer is None or is_path(tokenizer):
        return _prepared(PrepareSettings.named({**given, **_unless_none(tokenizer=tokenizer)}))
    held = tokenizer if isinstance(tokenizer, Tokenizer) else load_model(tokenizer).tokenizer
    return _prepared(PrepareSettings.named({**given, "tokenizer": IN_MEMORY}), held)


def _prepared(settings: PrepareSettings, held: Tokenizer | None = None) -> Corpus:
    if settings.executor == "slurm":
        raise SettingsError("executor 'slurm' makes the corpus later; use the command `foretext prepare`")
    found = preparing.prepare(settings) if held is None else preparing.prepare_with(held, settings)
    assert isinstance(found, Corpus)
    return found


@overload
def pretrain(corpus: PretrainSettings) -> pretraining.Pretrained: ...
@overload
def pretrain(
    corpus: Corpus | str | Path,
    *,
    preset: str | None = None,
    start: ModelLike | None = None,
    out: str | Path | None = None,
    **settings: Any,
) -> Model: ...
def pretrain(
    corpus: Any,
    *,
    preset: str | None = None,
    start: ModelLike | None = None,
    out: str | Path | None = None,
    **settings: Any,
) -> Any:
    """A language model trained on a prepared corpus: `pretrain(corpus, preset="mini", updates=500, out="my-model")`.

    `start` is a model to go on from. Without `out` the model is in memory alone. Without `preset` it is the paper's.

    Raises:
        DataError: the corpus is missing or damaged, or too small for one window.
        SettingsError: settings contradict each other, or `out` holds another run.
        UnknownName: there is no such setting, preset or model.
    """
    if isinstance(corpus, PretrainSettings):
        return pretraining.pretrain(_alone(corpus, preset, start, out, *settings))
    source = None if start is None else load_model(start)
    opened = corpus if isinstance(corpus, Corpus) else Corpus.open(corpus)
    named = {} if source is None else {"start": _name(start)}
    with _run_folder(out, settings) as folder:
        given = {"corpus": str(opened.folder), "out": folder, **named, **settings}
        found = PretrainSettings.named(given, preset=preset)
        pretraining.pretrain_from(opened, source, found, page=out is not None)
        return _made(folder, found.loop.device, keeps=out is not None)


@overload
def finetune(model: FinetuneSettings) -> finetuning.Finetuned: ...
@overload
def finetune(
    model: ModelLike,
    data: Any = None,
    *,
    valid: Any = None,
    validation: Any = None,
    out: str | Path | None = None,
    **settings: Any,
) -> Model: ...
def finetune(
    model: Any,
    data: Any = None,
    *,
    valid: Any = None,
    validation: Any = None,
    out: str | Path | None = None,
    **settings: Any,
) -> Any:
    """A model fine-tuned on labelled examples: `finetune("mini", "tickets.csv", label="team", epochs=2)`.

    `data` is a file, a table of pandas, polars or pyarrow, a dataset of Hugging Face, or a list of mappings, of tuples
    (text, label), or of `Example`. `valid`, or `validation`, is examples to validate on, in any of these forms, or as a
    number the share of `data` to hold out. Kind and columns that are not named are guessed, and logged. `LabelledData`
    is trained and validated on as it is. Without `out` the model is in memory alone.

    Raises:
        DataError: the examples cannot be used; all bad rows are named before anything trains.
        SettingsError: settings contradict each other, or `out` holds another run.
        UnknownName: there is no such setting, column or model.
    """
    if isinstance(model, FinetuneSettings):
        return finetuning.finetune(_alone(model, data, valid, validation, out, *settings))
    source = load_model(model)
    if isinstance(validation, int | float):
        settings["validation"] = validation
    elif validation is not None:
        valid = validation
    examples = _unless_none(data=data, valid=valid)
    files = {name: value for name, value in examples.items() if is_path(value)}
    in_memory = {name: value for name, value in examples.items() if name not in files}
    with _run_folder(out, settings) as folder:
        given = {"model": _name(model), "out": folder, **files, **settings}
        found = FinetuneSettings.named(given, implied=partial(recommended, source.recommended, given["model"]))
        labelled = _as_it_is(found, **in_memory) or read_labelled_data(found.labelled, seed=found.seed, **in_memory)
        finetuning.finetune_from(source, labelled, found, page=out is not None)
        return _made(folder, found.loop.device, keeps=out is not None)


def _as_it_is(settings: FinetuneSettings, *, data: Any = None, valid: Any = None) -> LabelledData | None:
    """`data` where it has been read already.

    Raises:
        SettingsError: something says how to read it, or what to validate on.
    """
    if not isinstance(data, LabelledData):
        return None
    if valid is not None or settings.labelled != LabelledDataSettings():
        raise SettingsError("LabelledData is read already and says what to validate on; give nothing else of the data")
    return data


def check(data: Any = None, *, valid: Any = None, test: Any = None, **settings: Any) -> Checked:
    """What is wrong with labelled examples or raw text, and what may be: `check("tickets.csv", label="team")`.

    `data`, `valid` and `test` are files (of `data` several too), tables or lists, as `finetune` takes them; raw text is
    files and folders, as `prepare` takes them. Nothing is written but the page `report=…`.

    Raises:
        DataError: a file is missing or empty, or is no text.
        SettingsError: it is not said, and cannot be seen, what to look at.
        UnknownName: there is no such setting, column or model.
    """
    if isinstance(data, CheckSettings):
        return checking.check(_alone(data, valid, test, *settings))
    several = isinstance(data, list | tuple) and bool(data) and all(map(is_path, data))
    inputs = () if data is None else tuple(data) if several else (data,)
    files = {"inputs": tuple(map(str, inputs))} if all(map(is_path, inputs)) else {}
    named = {name: one for name, one in _unless_none(valid=valid, test=test).items() if is_path(one)}
    found = CheckSettings.named({**files, **named, **settings})
    given = found.inputs if files else inputs
    others = {"valid": found.labelled.valid or valid, "test": found.test or test}
    return checking.check_data(given, found, **others)


def evaluate(model: EvaluateSettings | ModelLike, data: Any = None, **settings: Any) -> evaluating.Evaluated:
    """The scores of a fine-tuned model on labelled examples, a file, a table or a list; see `Model.evaluate`."""
    if isinstance(model, EvaluateSettings):
        return evaluating.evaluate(_alone(model, data, *settings))
    return _held(model).evaluate(data, **settings)


def predict(model: PredictSettings | ModelLike, data: Any = None, **settings: Any) -> Any:
    """A `Prediction` for each example, a table with answers (`as_frame=True`) or a file of them (`out=…`).

    See `Model.predict`.
    """
    if isinstance(model, PredictSettings):
        return predicting.predict(_alone(model, data, *settings))
    return _held(model).predict(data, **settings)


def embed(model: EmbedSettings | ModelLike, data: Any = None, **settings: Any) -> Any:
    """A vector for each text, float32 `(rows, width)`, or a file of them (`out=…`); see `Model.embed`."""
    if isinstance(model, EmbedSettings):
        return embedding.embed(_alone(model, data, *settings))
    return _held(model).embed(_needed(data, "texts"), **settings)


def generate(model: GenerateSettings | ModelLike, prompt: str | None = None, **settings: Any) -> generating.Generated:
    """Text that goes on from the prompt: `generate("mini", "The old man", tokens=40)`."""
    if isinstance(model, GenerateSettings):
        return generating.generate(_alone(model, prompt, *settings))
    return _held(model).generate(_needed(prompt, "a prompt"), **settings)


def perplexity(
    model: PerplexitySettings | ModelLike, inputs: str | Path | Sequence[str | Path] | None = None, **settings: Any
) -> measuring.Measured:
    """How well a model predicts the text of files or folders: `perplexity("mini", "novel.txt")`."""
    if isinstance(model, PerplexitySettings):
        return measuring.perplexity(_alone(model, inputs, *settings))
    return _held(model).perplexity(_needed(inputs, "files or folders"), **settings)


def _held(model: Any) -> Model:
    return model if isinstance(model, Model) else Model(load_model(model))


def _name(model: Any) -> str:
    """What settings call a model."""
    if is_path(model):
        return str(model)
    return str(load_model(model).folder or IN_MEMORY)


def _alone(settings: S, *others: Any) -> S:
    """The settings value, if nothing is given beside it.

    Raises:
        SettingsError: something is, which would not be looked at.
    """
    if any(other is not None for other in others):
        raise SettingsError(f"{type(settings).__name__} says all that is to be done; give nothing else beside it")
    return settings


def _needed(value: Any, what: str) -> Any:
    if value is None:
        raise SettingsError(f"give {what} behind the model")
    return value


def _unless_none(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


@contextmanager
def _run_folder(out: str | PurePath | None, settings: dict[str, Any]) -> Iterator[Path]:
    """The folder of a run, without `out` one that is gone afterwards.

    Raises:
        SettingsError: a run is to go on that nobody kept.
    """
    if out is not None:
        yield Path(at_home(str(out)))
        return
    if settings.get("resume") or settings.get("extend"):
        raise SettingsError("resume goes on with the run in a folder; say which with out")
    with tempfile.TemporaryDirectory(prefix="foretext-") as place:
        yield Path(place) / "run"


def _made(folder: Path, device: str, *, keeps: bool) -> Model:
    """The model that a run left in its folder."""
    saved = load_model(folder)
    return Model(saved if keeps else replace(saved, folder=None), device)
