"""A model on disk: `model.safetensors`, `model.json` (sizes, head, task, checksums) and `tokenizer.json`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from foretext import __version__
from foretext.checkpoints.headers import read_header, refuse_no_weights
from foretext.checkpoints.history import History
from foretext.checkpoints.own_files import refuse_foreign_files
from foretext.checkpoints.planned import planned
from foretext.checkpoints.tensors import check_shapes, fill, load_tensors, read_json, save_tensors
from foretext.errors import FingerprintMismatch, ModelError, SettingsError
from foretext.files import atomic_folder, disk_errors, make_folder, write_json
from foretext.model.gpt import GPT
from foretext.model.settings import HeadSettings, ModelSettings
from foretext.paths import path_at_home
from foretext.tasks.schema import TaskSchema
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.storage import FORMAT as TOKENIZER_FORMAT

FORMAT = 1
FILES = ("model.json", "model.safetensors", "tokenizer.json")
FORMATS = {"model.json": FORMAT, "tokenizer.json": TOKENIZER_FORMAT}  # by what files of ours are known


@dataclass(frozen=True)
class SavedModel:
    """A model in memory with everything needed to use it on text."""

    gpt: GPT
    tokenizer: Tokenizer
    task: TaskSchema | None = None
    history: History = field(default_factory=History)
    folder: Path | None = None
    fingerprint: str = ""  # SHA-256 of the weights file it was loaded from
    recommended: Mapping[str, Any] = field(default_factory=dict)  # settings that fine-tune it well, by flat names


def save_model(folder: str | Path, saved: SavedModel, *, dtype: torch.dtype = torch.float32) -> None:
    """Writes `saved` into `folder`, beside what else is there; each file is replaced whole, `model.json` last.

    Raises:
        SettingsError: a file of another program would be replaced.
        DiskFull: there is no space left.
    """
    folder = make_folder(path_at_home(folder))
    refuse_foreign_files(folder, FORMATS, "model.safetensors")
    with atomic_folder(folder / ".model") as made:
        weights = {name: value.to(dtype) for name, value in saved.gpt.named_parameters()}
        checksum = save_tensors(made / "model.safetensors", weights)
        write_description(made, saved, checksum)
    # The old description goes first and the new one comes last: a folder cut off in between is refused, not mixed.
    with disk_errors(folder):
        (folder / "model.json").unlink(missing_ok=True)
        for name in reversed(FILES):
            (folder / ".model" / name).replace(folder / name)
        shutil.rmtree(folder / ".model")


def write_description(folder: Path, saved: SavedModel, weights_sha256: str = "") -> None:
    """Writes all of `saved` but its weights into `folder`: of a run it is known before these are."""
    saved.tokenizer.save(folder)
    head = saved.gpt.head
    description = {
        "format": FORMAT,
        "foretext": __version__,
        "model": saved.gpt.settings.model_dump(),
        "head": head.settings.model_dump() if head else None,
        "task": saved.task.to_dict() if saved.task else None,
        "tokenizer_fingerprint": saved.tokenizer.fingerprint,
        "weights_sha256": weights_sha256,
        "history": saved.history.to_json(),
        **({"recommended": dict(saved.recommended)} if saved.recommended else {}),
    }
    write_json(folder / "model.json", description)


def load_model(folder: str | Path) -> SavedModel:
    """The model in `folder`, weights in fp32, in evaluation mode.

    Raises:
        ModelError: there is no model in `folder`, or a file of it is missing, truncated or altered.
        FingerprintMismatch: the tokenizer is not the one that the model was trained with.
    """
    folder = path_at_home(folder)
    about = describe(folder)
    tokenizer = Tokenizer.load(folder)
    if tokenizer.fingerprint != about.tokenizer_fingerprint:
        raise FingerprintMismatch(
            f"{folder}: the model was trained with tokenizer {about.tokenizer_fingerprint[:12]}, "
            f"but tokenizer.json is {tokenizer.fingerprint[:12]}; put the original file back"
        )
    file = folder / "model.safetensors"
    _check_weights(about, folder, file)
    weights = load_tensors(file, checksum=about.weights_sha256)
    gpt = GPT(about.model, about.head, seed=None)  # filled below
    fill(gpt, weights, file)
    return SavedModel(
        gpt=gpt.eval(),
        tokenizer=tokenizer,
        task=about.task,
        history=about.history,
        folder=folder,
        fingerprint=about.weights_sha256,
        recommended=about.recommended,
    )


def _check_weights(about: Description, folder: Path, file: Path) -> None:
    """Nothing if the weights in `file` are those of the model that `about` describes, which takes no memory to see.

    Raises:
        ModelError: the file is missing or damaged, or a tensor in it has another name, type or shape.
    """
    held = read_header(file)
    refuse_no_weights(file, held)
    model = planned(about.model, about.head, tensors=len(held), source=folder / "model.json")
    check_shapes(dict(model.named_parameters()), held, file)


@dataclass(frozen=True)
class Description:
    """What `model.json` says of a model."""

    model: ModelSettings
    head: HeadSettings | None
    task: TaskSchema | None
    tokenizer_fingerprint: str
    weights_sha256: str
    history: History
    recommended: Mapping[str, Any] = field(default_factory=dict)


def describe(folder: Path) -> Description:
    """What `model.json` in `folder` says, without loading weights.

    Raises:
        ModelError: there is no model in `folder`, or its description is not one of ours.
    """
    if not folder.is_dir():
        raise ModelError(f"there is no folder {folder}")
    if not (folder / "model.json").exists():
        unfinished = (folder / "checkpoints").is_dir()
        unfinished_advice = f"its run has not finished; go on with --resume, or name a checkpoint of it: {folder}@last"
        advice = unfinished_advice if unfinished else "a model folder holds model.json"
        raise ModelError(f"there is no model in {folder}: {advice}")
    description = read_json(folder / "model.json")
    if description.get("format") != FORMAT:
        raise ModelError(f"{folder / 'model.json'}: format {description.get('format')!r} is not {FORMAT}")
    missing = {"model", "head", "task", "tokenizer_fingerprint", "weights_sha256", "history"} - description.keys()
    if missing:
        raise ModelError(f"{folder / 'model.json'} lacks {', '.join(sorted(missing))}")
    try:
        return _description(description)
    except (ValidationError, SettingsError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder / 'model.json'} describes no model of ours: {error}") from error


def _description(values: Mapping[str, Any]) -> Description:
    head, task = values["head"], values["task"]
    return Description(
        model=ModelSettings(**values["model"]),
        head=HeadSettings(**head) if head else None,
        task=TaskSchema.from_dict(task) if task else None,
        tokenizer_fingerprint=values["tokenizer_fingerprint"],
        weights_sha256=values["weights_sha256"],
        history=History.from_json(values["history"]),
        recommended=_plain_values(values.get("recommended", {})),
    )


def _plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The table of recommended settings, whose values are texts, numbers or truth values.

    Raises:
        TypeError, ValueError: it is something else.
    """
    found = dict(values)
    if not all(isinstance(value, str | int | float) for value in found.values()):
        raise TypeError(f"recommended is {found}; its values should be texts, numbers or truth values")
    return found
