"""What the benchmarks of answering share: a classifier with random weights, the same in transformers, and sentences."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from foretext.checkpoints.decoder_folder import write_decoder
from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.released_names import released_views
from foretext.checkpoints.saved_model import SavedModel
from foretext.model.devices import find_precision
from foretext.model.gpt import GPT, transfer
from foretext.model.kernels.linear import int8_product
from foretext.model.settings import PRESETS, SPECIALS, HeadSettings, ModelSettings
from foretext.tasks.schema import TaskSchema
from foretext.tokenizer import Tokenizer

# What `--model` calls GPT-2's sizes and form with random weights, over SmolLM2's pieces.
GPT2_SHAPE = "gpt2-shape"
GPT2 = {"layers": 12, "width": 768, "heads": 12, "context": 1_024, "norm_at": "before"}


def precisions() -> list[str]:
    """In what this processor answers: fp32, and bf16 and int8 where it computes in them."""
    bf16 = find_precision("auto", torch.device("cpu")) == "bf16"
    return ["fp32", *["bf16"] * bf16, *["int8"] * (int8_product() is not None)]


def data_folder(*needed: str) -> Path:
    """The folder that FORETEXT_DATA names, with what these benchmarks need in it."""
    folder = Path(os.environ.get("FORETEXT_DATA", ""))
    for name in needed or ("tasks/SST-2/dev.tsv", "gpt1-bpe/vocab_40000.bpe"):
        if not (folder / name).is_file():
            sys.exit(f"FORETEXT_DATA must name a folder with {name} in it")
    return folder


def sentences(folder: Path, rows: int) -> list[str]:
    """The first `rows` sentences of SST-2's development set; 0 means all."""
    with (folder / "tasks/SST-2/dev.tsv").open(encoding="utf-8", newline="") as file:
        found = [row["sentence"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    return found[: rows or None]


def classifier(folder: Path, preset: str) -> SavedModel:
    """A model of two classes with the released vocabulary and random weights."""
    tokenizer = Tokenizer.openai(folder / "gpt1-bpe")
    shape = ModelSettings(vocabulary=tokenizer.size, **PRESETS[preset])
    return SavedModel(GPT(shape, HeadSettings(outputs=2)).eval(), tokenizer, task=two_classes())


def named_classifier(name: str) -> SavedModel:
    """An imported model, by its name or folder, with a new head of two classes; or one of GPT-2's shape."""
    source = load_named("smollm2" if name == GPT2_SHAPE else name)
    if name == GPT2_SHAPE:
        gpt = GPT(ModelSettings(vocabulary=source.tokenizer.size, **GPT2), HeadSettings(outputs=2))
    else:
        gpt = GPT(source.gpt.settings, HeadSettings(outputs=2))
        transfer(source.gpt, gpt)
    return SavedModel(gpt.eval(), source.tokenizer, task=two_classes(), history=source.history)


def two_classes() -> TaskSchema:
    return TaskSchema(kind="classification", text=("sentence",), label="label", classes=("0", "1"))


def sizes(gpt: GPT) -> dict[str, int]:
    """Of a model of any form, as `forward_flops` takes them."""
    shape = gpt.settings
    block = sum(weight.numel() for weight in gpt.blocks[0].parameters() if weight.dim() > 1)
    return {"layers": shape.layers, "width": shape.width, "block": block, "queries": shape.heads * shape.head_size}


def in_auto_model(saved: SavedModel) -> Any:
    """The same model as `AutoModelForSequenceClassification` has it, with rows for the special tokens.

    It reads the last token that is no padding, for which it takes the delimiter, as single texts have none.
    """
    from transformers import AutoModelForSequenceClassification

    with TemporaryDirectory() as folder:
        write_decoder(Path(folder) / "model", saved)
        found = AutoModelForSequenceClassification.from_pretrained(
            Path(folder) / "model", num_labels=2, dtype=torch.float32
        )
    rows, head = saved.gpt.settings.first_position, saved.gpt.head
    assert head is not None
    found.resize_token_embeddings(rows, mean_resizing=False)
    found.config.pad_token_id = saved.tokenizer.delimiter
    with torch.no_grad():
        found.get_input_embeddings().weight.copy_(saved.gpt.embedding[:rows])
        found.score.weight.copy_(head.linear.weight)  # a new head's bias is 0, and theirs has none
    return found.eval()


def in_transformers(gpt: GPT) -> Any:
    """The same model as transformers' `OpenAIGPTForSequenceClassification`, which reads the last token above 0."""
    from transformers import OpenAIGPTConfig, OpenAIGPTForSequenceClassification

    shape = gpt.settings
    assert gpt.head is not None
    config = OpenAIGPTConfig(
        vocab_size=shape.vocabulary + SPECIALS,
        n_positions=shape.context,
        n_embd=shape.width,
        n_layer=shape.layers,
        n_head=shape.heads,
        num_labels=2,
        pad_token_id=0,
    )
    model = OpenAIGPTForSequenceClassification(config).eval()
    weights = {f"transformer.{name}": view for name, view in released_views(gpt).items()}
    weights["transformer.tokens_embed.weight"] = gpt.embedding.detach()[: shape.vocabulary + SPECIALS]
    weights["score.weight"] = gpt.head.linear.weight.detach()  # a new head's bias is 0, and theirs has none
    missing, unknown = model.load_state_dict(weights, strict=False)
    assert not unknown, unknown
    assert not [name for name in missing if "bias" not in name and "position_ids" not in name], missing
    return model


def padded(ids: list[list[int]], padding: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids with padding behind them up to the longest, and the mask that transformers takes."""
    longest = max(map(len, ids))
    tokens = torch.tensor([[*one, *[padding] * (longest - len(one))] for one in ids])
    mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in ids])
    return tokens, mask
