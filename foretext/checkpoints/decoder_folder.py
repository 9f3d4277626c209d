"""A decoder of our day in the folder of `transformers`: Llama and its like, GPT-2, GPT-NeoX (families.py has them all).

    config.json                    model_type says the family, the rest sizes and form
    model.safetensors              the weights; or several files and model.safetensors.index.json
    tokenizer.json                 the tokenizer, as the `tokenizers` library reads it
    README.md                      its header names the licence

No code of the model's is run, and no pickle is read. `transformers` is not needed for any of it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from foretext.checkpoints.families import CONFIG, FAMILIES, fitting, read_shape
from foretext.checkpoints.fields import Fields
from foretext.checkpoints.history import History, Imported
from foretext.checkpoints.model_card import model_card
from foretext.checkpoints.places import OF_FAMILY, Names, places
from foretext.checkpoints.planned import planned
from foretext.checkpoints.released_names import drawn_specials
from foretext.checkpoints.saved_model import SavedModel
from foretext.checkpoints.tensors import read_json, save_tensors
from foretext.checkpoints.weights_source import (
    SAFETENSORS,
    Safetensors,
    Source,
    check,
    draw_special_tokens,
    fill,
    named,
)
from foretext.errors import ModelError, SettingsError
from foretext.files import atomic_folder, write_json, write_text
from foretext.model.gpt import GPT
from foretext.model.settings import ModelSettings, said
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.tokenizer_json import read_tokenizer_json, to_tokenizer_json

FORMAT = "hf"
TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
LICENCE = re.compile(r"^license:\s*[\"']?([^\"'\n]+?)[\"']?\s*$", re.MULTILINE)


def model_type(folder: Path) -> Any:
    """What config.json in `folder` calls the kind of model.

    Raises:
        ModelError: there is no such file, or it is no JSON object.
    """
    return read_json(folder / CONFIG).get("model_type")


def read_decoder(folder: Path, *, seed: int = 0, name: str = "", context: int | None = None) -> SavedModel:
    """The language model in `folder`, whose special tokens are drawn from `seed`; `name` says where it comes from.

    `context` takes the place of the one in config.json.

    Raises:
        ModelError: a file is missing, damaged, or of a model that cannot be expressed here.
    """
    config = read_json(folder / CONFIG)
    family = config.get("model_type")
    if family not in FAMILIES:
        raise ModelError(
            f"{folder / CONFIG}: model_type is {family!r}; what can be read are openai-gpt, {', '.join(FAMILIES)}"
        )
    shape = read_shape(family, Fields(config, folder / CONFIG), context=context)
    tokenizer = read_tokenizer_json(folder, rows=shape["vocabulary"], source=f"from {name or folder.name}")
    source = Safetensors(folder)
    gpt = built(shape, OF_FAMILY[family], source, folder / CONFIG, seed=seed, context=context)
    types = sorted(source.types)
    record = Imported(
        format=FORMAT,
        source=name,
        seed=seed,
        drawn=drawn_specials(gpt.settings, seed),
        architecture=family,
        license=_license(folder / "README.md"),
        weights=types[0] if len(types) == 1 else None,
    )
    return SavedModel(gpt, tokenizer, history=History(imported=record), folder=folder)


def built(
    shape: dict[str, Any], names: Names, source: Source, file: Path, *, seed: int, context: int | None = None
) -> GPT:
    """A model of this shape, which `file` asks for, with the weights of `source` and special tokens from `seed`.

    Of learned positions those up to `context` are kept.

    Raises:
        ModelError: they do not fit each other, or a tensor is damaged.
    """
    try:
        settings = ModelSettings(**shape)
    except SettingsError as error:
        raise ModelError(f"{file}: {error}") from error
    found = named(source, names, tied=settings.output == "tied")
    plan = planned(settings, tensors=len(found), source=file)
    check(places(plan, names), found, source)
    gpt = plan.to_empty(device="cpu")
    fill(places(gpt, names), found, source)
    draw_special_tokens(gpt, seed)
    if context is not None and context < settings.context:
        gpt.settings = settings.model_copy(update={"context": context})
        gpt.embedding = torch.nn.Parameter(gpt.embedding.detach()[: gpt.settings.rows].clone())
    return gpt.eval()


def write_decoder(folder: Path, saved: SavedModel) -> None:
    """The language model of `saved` in a new folder that `transformers` loads, whole or not at all.

    Weights that were imported in halves and have not changed since are written in halves.

    Raises:
        ModelError: no family of decoders has all of the model's form, it reads both ways, or its tokenizer is of
            another kind.
        DiskFull: there is no space left.
    """
    settings, imported = saved.gpt.settings, saved.history.imported or Imported()
    if saved.gpt.attend == "both":
        raise ModelError("decoders of transformers are causal, and this model was fine-tuned with --attend both")
    family = fitting(settings, first=imported.architecture)
    if family is None:
        raise ModelError(
            f"none of {', '.join(FAMILIES)} has the form of this model ({said(settings.own_form) or 'the paper’s'}); "
            "it cannot be written for transformers"
        )
    tokenizer = to_tokenizer_json(saved.tokenizer)
    written = places(saved.gpt, OF_FAMILY[family])
    tensors = {name: place.taken().contiguous() for name, place in written.items()}
    halves = TYPES.get(imported.weights or "", torch.float32)
    if all(torch.equal(tensor.to(halves).float(), tensor.float()) for tensor in tensors.values()):
        tensors = {name: tensor.to(halves) for name, tensor in tensors.items()}
    config = {
        "architectures": [FAMILIES[family].architecture],
        "model_type": family,
        **FAMILIES[family].write(settings),
        **_ends(saved.tokenizer),
        "dtype": str(next(iter(tensors.values())).dtype).removeprefix("torch."),
    }
    with atomic_folder(folder) as made:
        write_json(made / CONFIG, config)
        save_tensors(made / SAFETENSORS, tensors, metadata={"format": "pt"})
        write_text(made / "tokenizer.json", tokenizer)
        write_json(made / "tokenizer_config.json", _tokenizer_config(settings, saved.tokenizer))
        write_text(made / "README.md", model_card(saved, name=folder.absolute().name, library="transformers"))


def is_gpt1(saved: SavedModel) -> bool:
    """Whether a model is written in the layouts of GPT-1, not in this one: it has the paper's form, or none."""
    return not saved.gpt.settings.own_form


def _ends(tokenizer: Tokenizer) -> dict[str, Any]:
    ends, begins = list(tokenizer.ends), list(tokenizer.begins)
    return {"eos_token_id": ends[0] if ends else None, "bos_token_id": begins[0] if begins else None}


def _tokenizer_config(settings: ModelSettings, tokenizer: Tokenizer) -> dict[str, Any]:
    ends = {"eos_token": tokenizer.vocabulary.pieces[tokenizer.ends[0]]} if tokenizer.ends else {}
    return {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": settings.context, **ends}


def _license(card: Path) -> str | None:
    """The licence that the header of a model's page names."""
    try:
        text = card.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    _, _, rest = text.partition("---\n")
    found = LICENCE.search(rest.partition("\n---")[0])
    return found[1] if found and text.startswith("---") else None
