"""A model in a layout of other programs: OpenAI's release, Hugging Face's transformers, or ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretext.checkpoints.decoder_folder import is_gpt1, write_decoder
from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.openai_release import write_openai_release
from foretext.checkpoints.released_names import left_out
from foretext.checkpoints.saved_model import SavedModel
from foretext.checkpoints.transformers_folder import write_transformers
from foretext.errors import SettingsError
from foretext.files import refuse_used_folder
from foretext.recipes.settings.export_model import ExportModelSettings
from foretext.tasks.reading import read_labelled

if TYPE_CHECKING:
    from foretext.portable.agreement import Agreement

NEEDED = ("onnx", "onnxruntime")  # the extra `onnx`


@dataclass(frozen=True)
class Exported:
    """What was written, and what of the model had no place there; with ONNX, how its answers agree with the model's."""

    folder: Path
    files: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    note: str = ""
    precision: str = "fp32"
    agreement: Agreement | None = None

    def lines(self) -> list[str]:
        return [
            f"{', '.join(self.files)} written to {self.folder}",
            *([f"left out, having no place there: {', '.join(self.left_out)}"] if self.left_out else []),
            *(self.agreement.lines(self.precision) if self.agreement else []),
            *([self.note] if self.note else []),
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            **vars(self),
            "folder": str(self.folder),
            "agreement": self.agreement.to_json() if self.agreement else None,
        }


OF_GPT1 = {
    "openai": "",
    "hf": "transformers cuts text by other rules than the ones of training: some texts get other ids (see README.md)",
}
NOT_MEASURED = "what int8 changes on texts of yours is not known: --check LABELLED measures it"


def export_model(settings: ExportModelSettings) -> Exported:
    """Writes the model of `settings.model` to `settings.out`, whole or not at all.

    Raises:
        UnknownName: there is no such model.
        ModelError: the model is damaged, the layout cannot express it, or with ONNX it answers otherwise there.
        SettingsError: the folder is in use, the extra `onnx` is not installed, or a setting is for ONNX alone.
        DataError: the examples to check it on cannot be used.
    """
    refuse_used_folder(settings.out)
    if settings.format == "onnx":
        return _export_onnx(settings)
    if settings.precision != "fp32" or settings.check is not None:
        raise SettingsError("--precision and --check are for onnx alone; leave them out")
    saved = load_named(settings.model)
    if settings.format == "openai":
        write_openai_release(settings.out, saved)
    elif is_gpt1(saved):
        write_transformers(settings.out, saved)
    else:
        write_decoder(settings.out, saved)
    note = OF_GPT1[settings.format] if is_gpt1(saved) else ""
    return Exported(settings.out, _files(settings.out), tuple(left_out(saved)), note)


def _export_onnx(settings: ExportModelSettings) -> Exported:
    """The same for ONNX; the folder is kept only if it answers as the model does."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise SettingsError(f"an export to ONNX needs {', '.join(missing)}: pip install 'foretext[onnx]'")
    from foretext.portable.agreement import agreement
    from foretext.portable.folder import write_portable

    saved = load_named(settings.model)
    found: list[Agreement] = []
    examples = _examples(saved, settings)
    source = settings.check.name if settings.check else ""

    def check(folder: Path) -> None:
        found.append(agreement(folder, saved, examples, source))
        found[0].demand(settings.precision)

    write_portable(settings.out, saved, settings.precision, check)
    note = NOT_MEASURED if settings.precision == "int8" and not examples else ""
    return Exported(settings.out, _files(settings.out), (), note, settings.precision, found[0])


def _examples(saved: SavedModel, settings: ExportModelSettings) -> list[Any]:
    """The labelled examples to check it on; none where none are given.

    Raises:
        SettingsError: a language model has no labels to check.
    """
    if settings.check is None:
        return []
    if saved.task is None:
        raise SettingsError("--check is for fine-tuned models; this language model is checked on made-up texts")
    return list(read_labelled(settings.check, saved.task).examples)


def _files(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in folder.iterdir()))
