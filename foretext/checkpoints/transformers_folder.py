"""A model in the folder of Hugging Face's `transformers`, whose name for it is OpenAIGPT.

    config.json                            sizes; model_type "openai-gpt"
    model.safetensors or pytorch_model.bin the weights by their released names, perhaps with "transformer." before;
                                           or several files and an index of them
    vocab.json, merges.txt                 the vocabulary; or tokenizer.json, which holds both
    added_tokens.json                      what somebody added to it, such as the paper's special tokens
    tokenizer_config.json, README.md       written, not read

`transformers` is not needed for any of it.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foretext.checkpoints.added_tokens import AddedTokens
from foretext.checkpoints.history import History, Imported
from foretext.checkpoints.model_card import model_card
from foretext.checkpoints.planned import planned
from foretext.checkpoints.released_names import check_vocabulary, drawn_specials, released_views
from foretext.checkpoints.released_vocabulary import merges_text, pieces_text, read_port_vocabulary
from foretext.checkpoints.saved_model import SavedModel
from foretext.checkpoints.tensors import check_shapes, copy_into, read_json, save_tensors
from foretext.checkpoints.transformers_weights import SAFETENSORS, read_weights
from foretext.errors import ModelError, SettingsError
from foretext.files import atomic_folder, write_json, write_text
from foretext.model.gpt import GPT
from foretext.model.settings import NORM_EPSILON, ModelSettings

FORMAT = "hf"
MODEL_TYPE = "openai-gpt"
CONFIG = "config.json"
SIZES = {
    "vocabulary": "vocab_size",
    "context": "n_positions",
    "width": "n_embd",
    "layers": "n_layer",
    "heads": "n_head",
}
SHARES = {
    "embedding_dropout": "embd_pdrop",
    "attention_dropout": "attn_pdrop",
    "residual_dropout": "resid_pdrop",
    "initial_deviation": "initializer_range",
}
TANH_GELU = ("gelu", "gelu_new")  # either name means the tanh form in OpenAIGPT
BUFFERS = re.compile(r"h\.\d+\.attn\.bias|position_ids")  # the causal mask and 0, 1, 2 …: no weights
HEADS = re.compile(r"multiple_choice_head\..*|score\..*")
PRECISIONS = (torch.float32, torch.float16, torch.bfloat16)  # all exact in the fp32 we keep

log = logging.getLogger(__name__)


def read_transformers(folder: Path, *, seed: int = 0, name: str = "") -> SavedModel:
    """The language model in `folder`; `name` says where it comes from.

    Special tokens are those that were added under names of the paper's; what is not there is drawn from `seed`.

    Raises:
        ModelError: a file is missing, truncated or of another kind of model; a tensor is missing, not known, of
            another shape or holds NaN.
    """
    settings = _settings(folder / CONFIG)
    tokenizer, added = read_port_vocabulary(folder, f"from {name or folder.name}, in the format of transformers")
    check_vocabulary(settings, tokenizer, folder, beside=len(added.ids))
    settings = settings.model_copy(update={"vocabulary": tokenizer.size})
    file, loaded = read_weights(folder)
    tensors = _released(loaded, file)
    rows = _cut_off_added(tensors, settings.vocabulary, added, file)
    check_shapes(released_views(planned(settings, tensors=len(tensors), source=folder / CONFIG)), tensors, file)
    gpt = GPT(settings, seed=seed)
    copy_into(released_views(gpt), tensors, file)
    added.fill(gpt.embedding.detach()[settings.vocabulary : settings.first_position], rows, file)
    drawn = drawn_specials(settings, seed, there=added.specials())
    record = Imported(format=FORMAT, source=name, seed=seed, drawn=drawn)
    return SavedModel(gpt.eval(), tokenizer, history=History(imported=record), folder=folder)


def write_transformers(folder: Path, saved: SavedModel) -> None:
    """The language model of `saved` in a new folder that `transformers` loads, whole or not at all.

    Raises:
        ModelError: OpenAIGPT cannot express the model: its feed-forward layer or vocabulary are of another kind.
        DiskFull: there is no space left.
    """
    settings = saved.gpt.settings
    if settings.hidden != 4 * settings.width:
        raise ModelError(
            f"feed_forward is {settings.hidden}, but in OpenAIGPT it is always four times the width, "
            f"{4 * settings.width}; this model cannot be written so"
        )
    pieces, merges = pieces_text(saved.tokenizer), merges_text(saved.tokenizer)
    tensors = {f"transformer.{name}": view.float() for name, view in released_views(saved.gpt).items()}
    with atomic_folder(folder) as made:
        write_json(made / CONFIG, _config(settings))
        save_tensors(made / SAFETENSORS, tensors, metadata={"format": "pt"})
        write_text(made / "vocab.json", pieces)
        write_text(made / "merges.txt", merges)
        write_json(made / "tokenizer_config.json", _tokenizer_config(settings))
        write_text(made / "README.md", model_card(saved, name=folder.absolute().name, library="transformers"))


def _settings(path: Path) -> ModelSettings:
    """The sizes in config.json, refused where they describe another model than ours.

    Raises:
        ModelError: it is missing, or one of its values does not fit.
    """
    config = read_json(path)
    given = {"afn": TANH_GELU[0], "layer_norm_epsilon": NORM_EPSILON, **config}  # left out means the usual
    expected = {"model_type": (MODEL_TYPE,), "afn": TANH_GELU, "layer_norm_epsilon": (NORM_EPSILON,)}
    for key, values in expected.items():
        if given.get(key) not in values:
            raise ModelError(f"{path}: {key} is {given.get(key)!r}; it must be {' or '.join(map(repr, values))}")
    missing = [key for key in SIZES.values() if key not in config]
    if missing:
        raise ModelError(f"{path} lacks {', '.join(missing)}")
    sizes = {ours: config[theirs] for ours, theirs in SIZES.items()}
    shares = {ours: config[theirs] for ours, theirs in SHARES.items() if theirs in config}
    try:
        return ModelSettings(**sizes, **shares)
    except SettingsError as error:
        raise ModelError(f"{path}: {error}") from error


def _config(settings: ModelSettings) -> dict[str, Any]:
    values = settings.model_dump()
    return {
        "architectures": ["OpenAIGPTLMHeadModel"],
        "model_type": MODEL_TYPE,
        "afn": TANH_GELU[0],
        "layer_norm_epsilon": NORM_EPSILON,
        **{theirs: values[ours] for ours, theirs in {**SIZES, **SHARES}.items()},
        "dtype": "float32",
    }


def _tokenizer_config(settings: ModelSettings) -> dict[str, Any]:
    return {
        "tokenizer_class": "OpenAIGPTTokenizer",
        "model_max_length": settings.context,
        "unk_token": "<unk>",
    }


def _cut_off_added(tensors: dict[str, Tensor], pieces: int, added: AddedTokens, file: Path) -> Tensor:
    """Leaves in `tensors` the embeddings of the pieces; those of what was added, `(added, width)`.

    Raises:
        ModelError: there are more or fewer.
    """
    whole = tensors.get("tokens_embed.weight")
    if whole is None or not added.ids:
        return torch.empty(0)
    if len(whole) != pieces + len(added.ids):
        raise ModelError(
            f"{file}: there are {len(whole):,} token embeddings for {pieces:,} pieces and "
            f"{len(added.ids)} added tokens ({', '.join(added.ids)})"
        )
    tensors["tokens_embed.weight"] = whole[:pieces]
    return whole[pieces:]


def _released(tensors: dict[str, Tensor], file: Path) -> dict[str, Tensor]:
    """The tensors by their released names; the output layer, which must be the embedding, and other heads go.

    Raises:
        ModelError: there is an output layer of its own, or a precision that fp32 cannot hold.
    """
    named = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    kept = {name: tensor for name, tensor in named.items() if not BUFFERS.fullmatch(name)}
    output = kept.pop("lm_head.weight", None)
    if output is not None:
        kept.setdefault("tokens_embed.weight", output)  # one matrix, of which transformers 5 saves a single name
    if output is not None and not torch.equal(output, kept["tokens_embed.weight"]):
        raise ModelError(f"{file}: lm_head.weight is not tokens_embed.weight; here input and output are one matrix")
    heads = sorted(name for name in kept if HEADS.fullmatch(name))
    if heads:
        log.warning("left out, since a language model has no head: %s", ", ".join(heads))
    for name, tensor in kept.items():
        if tensor.dtype not in PRECISIONS:
            raise ModelError(f"{file}: {name} is {tensor.dtype}; float32, float16 and bfloat16 can be read")
    return {name: tensor for name, tensor in kept.items() if name not in heads}
