"""What the benchmarks of answering share: a classifier with random weights, the same in transformers, and sentences."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from typing import Any

import torch

from foretext.checkpoints.released_names import released_views
from foretext.checkpoints.saved_model import SavedModel
from foretext.model.devices import find_precision
from foretext.model.gpt import GPT
from foretext.model.kernels.linear import int8_product
from foretext.model.settings import PRESETS, SPECIALS, HeadSettings, ModelSettings
from foretext.tasks.schema import TaskSchema
from foretext.tokenizer import Tokenizer


def precisions() -> list[str]:
    """In what this processor answers: fp32, and bf16 and int8 where it computes in them."""
    bf16 = find_precision("auto", torch.device("cpu")) == "bf16"
    return ["fp32", *["bf16"] * bf16, *["int8"] * (int8_product() is not None)]


def data_folder() -> Path:
    """The folder that FORETEXT_DATA names, with what these benchmarks need in it."""
    folder = Path(os.environ.get("FORETEXT_DATA", ""))
    for name in ("tasks/SST-2/dev.tsv", "gpt1-bpe/vocab_40000.bpe"):
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
    schema = TaskSchema(kind="classification", text=("sentence",), label="label", classes=("0", "1"))
    return SavedModel(GPT(shape, HeadSettings(outputs=2)).eval(), tokenizer, task=schema)


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


def padded(ids: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids with zeros behind them up to the longest, and the mask that transformers takes."""
    longest = max(map(len, ids))
    tokens = torch.tensor([[*one, *[0] * (longest - len(one))] for one in ids])
    mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in ids])
    return tokens, mask
