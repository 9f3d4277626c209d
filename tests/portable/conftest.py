"""Tiny models of every kind that have learned nothing, in every tokenizer mode, and texts that are hard to read."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tokenizers as library
from tokenizers import models, normalizers, pre_tokenizers, trainers

from foretext.checkpoints.saved_model import SavedModel
from foretext.model.gpt import GPT
from foretext.model.settings import HeadSettings, ModelSettings
from foretext.tasks.schema import TaskSchema
from foretext.tokenizer import Tokenizer
from foretext.tokenizer.tokenizer_json import tokenizer_from_json

TEXT = {"text": ("text",), "label": "label"}
PAIR = {"text": ("one", "other"), "label": "label"}
ASKED = {"text": ("document", "question"), "choices": ("answers",), "label": "label"}
CLASSES = ("a", "B", "10", "2")
HEADS = {
    "classification": HeadSettings(outputs=4),
    "entailment": HeadSettings(outputs=4, reads="mean"),
    "similarity": HeadSettings(combine="add", target="grades", outputs=6, low=1.0, step=0.5),
    "choice": HeadSettings(combine="choose", target="answers", outputs=1),
    "regression": HeadSettings(target="value", outputs=1, low=3.0, step=7.0),
    "ordinal": HeadSettings(target="grades", outputs=4),
    "multi-label": HeadSettings(target="labels", outputs=4),
    "tagging": HeadSettings(target="tags", outputs=5, reads="tokens"),
}
SCHEMAS = {
    "classification": {"classes": CLASSES, **TEXT},
    "entailment": {"classes": CLASSES, **PAIR},
    "similarity": {"low": 1.0, "high": 3.5, **PAIR},
    "choice": ASKED,
    "regression": {"low": 0.0, "high": 5.0, **TEXT},
    "ordinal": {"classes": CLASSES, **TEXT},
    "multi-label": {"classes": CLASSES, "thresholds": (0.5, 0.4, 0.6, 0.5), **TEXT},
    "tagging": {"classes": ("person", "place"), **TEXT},
}
LEARNED_FROM = "A cat saw a dog in the barn. It's 0 1 2 3 4 5 6 7 8 9 “don't” café &amp;\n\n new line "
ODD = [
    "",
    " \t\n ",
    "a",
    "İstanbul ﬁne schÃ¶n e\u0301 ß &amp; <b>&lt;</b>",
    "🎉 Ada met Bo’s cat…\r\n\r\n\n  and — \x01\x07 left",
    "'em:x boys' 'em:x so:D don't! U.S. [s] <unk> </w> www.a.org/b 3.50%",
    "a cat saw a dog in the barn. " * 9,
    "Café\n\n\nnew\nline 今日 👍🏽 " * 7,
    "a cat<|im_end|>\u212b cafe\u0301 <|im_end|> a cat 2023",
]


@pytest.fixture(scope="session")
def tokenizers() -> dict[str, Tokenizer]:
    """A tokenizer of each mode."""
    sizes = {"paper": 80, "hf": 80, "bytes": 290}
    learned = {mode: Tokenizer.learn_from_texts([LEARNED_FROM] * 5, size, mode=mode) for mode, size in sizes.items()}
    return {**learned, "imported": imported()}


def imported() -> Tokenizer:
    """One as decoders of others have it: it joins marks to letters, and has a token that controls a model."""
    made = library.Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    digits, pieces = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([digits, pieces])
    trainer = trainers.BpeTrainer(
        vocab_size=290, special_tokens=["<|im_end|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    made.train_from_iterator([LEARNED_FROM] * 5, trainer)
    return tokenizer_from_json(json.loads(made.to_str()), where="tokenizer.json")


def saved_model(
    kind: str | None, tokenizer: Tokenizer, *, form: Any = None, seed: int = 2, **schema: Any
) -> SavedModel:
    """A model of that kind, or a language model."""
    shape = {"context": 40, "layers": 1, "width": 32, "heads": 2, "initial_deviation": 0.3, **(form or {})}
    gpt = GPT(ModelSettings(vocabulary=tokenizer.size, **shape), HEADS[kind] if kind else None, seed=seed)
    task = TaskSchema(kind=kind, **{**SCHEMAS[kind], **schema}) if kind else None
    return SavedModel(gpt.eval(), tokenizer, task=task)


def examples(kind: str | None) -> list[Any]:
    """Examples of that kind, as `predict` and answer.py both take them."""
    texts = 1 if kind is None else len(SCHEMAS[kind]["text"])
    if kind is None:
        return [text for text in ODD if text.strip()]
    if "choices" in SCHEMAS[kind]:
        answers = [text for text in ODD if text.strip()]
        return [
            [ODD[k], ODD[k - 3], [answers[(k + number) % len(answers)] for number in range(2 + k % 4)]]
            for k in range(len(ODD))
        ]
    return ODD if texts == 1 else [[ODD[k], ODD[(3 * k + 1) % len(ODD)]] for k in range(len(ODD))]
