"""A language model in another layout becomes a model folder: OpenAI's release, Hugging Face's transformers, GGUF."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.checkpoints.decoder_folder import model_type, read_decoder
from foretext.checkpoints.gguf_file import read_gguf
from foretext.checkpoints.hub import fetch_transformers
from foretext.checkpoints.openai_release import read_openai_release
from foretext.checkpoints.saved_model import SavedModel, save_model
from foretext.checkpoints.transformers_folder import MODEL_TYPE, read_transformers
from foretext.errors import SettingsError
from foretext.files import atomic_folder, refuse_used_folder
from foretext.model.settings import said
from foretext.paths import path_at_home
from foretext.recipes.settings.import_model import ImportModelSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Imported:
    """What was read, and where what it takes besides came from."""

    folder: Path
    layers: int
    width: int
    heads: int
    context: int
    vocabulary: int
    parameters: int
    drawn: str  # where its special tokens come from: drawn by the seed, or read from the source
    form: str = ""  # what of it is not the paper's, in words
    license: str | None = None

    def lines(self) -> list[str]:
        return [
            f"{self.layers} layers x {self.width}, {self.heads} heads, context {self.context}, vocabulary "
            f"{self.vocabulary:,}: {self.parameters:,} parameters",
            *([f"not the paper's: {self.form}"] if self.form else []),
            *([f"licence: {self.license}"] if self.license else []),
            self.drawn,
            f"model saved in {self.folder}",
        ]

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "folder": str(self.folder)}


def import_model(settings: ImportModelSettings) -> Imported:
    """Reads a model in another layout and saves it in `settings.out`, whole or not at all.

    Raises:
        ModelError: a file or tensor is missing, truncated, renamed, of another shape, or holds NaN.
        SettingsError: `out` is in use, or `heads` does not fit.
        Unreachable: the model is on the Hub, and that cannot be reached.
    """
    refuse_used_folder(settings.out)
    saved = _read(settings)
    with atomic_folder(settings.out) as made:
        save_model(made, saved)
    shape, imported = saved.gpt.settings, saved.history.imported
    assert imported is not None, "what is imported has a record of it"
    return Imported(
        folder=settings.out,
        layers=shape.layers,
        width=shape.width,
        heads=shape.heads,
        context=shape.context,
        vocabulary=shape.vocabulary,
        parameters=saved.gpt.parameter_count(),
        drawn=imported.drawn or "",
        form=said(shape.own_form),
        license=imported.license,
    )


def _read(settings: ImportModelSettings) -> SavedModel:
    path = path_at_home(settings.source)
    if settings.format == "openai":
        _refuse_context(settings)
        return read_openai_release(path, heads=settings.heads, seed=settings.seed)
    if settings.heads is not None:
        raise SettingsError("--heads is for openai alone; in hf the file config.json says it, in gguf the file itself")
    if settings.format == "gguf":
        return read_gguf(path, seed=settings.seed, context=settings.context)
    if not path.is_dir():
        log.info("there is no folder %s: looking for it on the Hugging Face Hub", path)
        path = fetch_transformers(settings.source)
    if model_type(path) == MODEL_TYPE:
        _refuse_context(settings)
        return read_transformers(path, seed=settings.seed, name=settings.source)
    return read_decoder(path, seed=settings.seed, name=settings.source, context=settings.context)


def _refuse_context(settings: ImportModelSettings) -> None:
    if settings.context is not None:
        raise SettingsError("--context is for decoders of other families; a GPT-1 has the positions that it has")
