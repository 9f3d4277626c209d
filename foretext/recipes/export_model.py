"""A language model in the layout of OpenAI's release, or of Hugging Face's transformers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.checkpoints.decoder_folder import is_gpt1, write_decoder
from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.openai_release import write_openai_release
from foretext.checkpoints.released_names import left_out
from foretext.checkpoints.transformers_folder import write_transformers
from foretext.files import refuse_used_folder
from foretext.recipes.settings.export_model import ExportModelSettings


@dataclass(frozen=True)
class Exported:
    """What was written, and what of the model had no place there."""

    folder: Path
    files: tuple[str, ...]
    left_out: tuple[str, ...]
    note: str

    def lines(self) -> list[str]:
        return [
            f"{', '.join(self.files)} written to {self.folder}",
            f"left out, having no place there: {', '.join(self.left_out)}",
            *([self.note] if self.note else []),
        ]

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "folder": str(self.folder)}


OF_GPT1 = {
    "openai": "",
    "hf": "transformers cuts text by other rules than the ones of training: some texts get other ids (see README.md)",
}


def export_model(settings: ExportModelSettings) -> Exported:
    """Writes the language model of `settings.model` to `settings.folder`, whole or not at all.

    Raises:
        UnknownName: there is no such model.
        ModelError: the model is damaged, or the layout cannot express it.
        SettingsError: the folder is in use.
    """
    refuse_used_folder(settings.folder)
    saved = load_named(settings.model)
    if settings.format == "openai":
        write_openai_release(settings.folder, saved)
    elif is_gpt1(saved):
        write_transformers(settings.folder, saved)
    else:
        write_decoder(settings.folder, saved)
    files = tuple(sorted(path.name for path in settings.folder.iterdir()))
    note = OF_GPT1[settings.format] if is_gpt1(saved) else ""
    return Exported(settings.folder, files, tuple(left_out(saved)), note)
