"""A tiny language model, and texts whose class is a word of theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foretext import SavedModel, Tokenizer, save_model
from foretext.model.gpt import GPT
from foretext.model.settings import ModelSettings
from foretext.sklearn import ForetextClassifier

ANIMALS = ("cat", "dog", "hen")
TEXTS = [
    f"a {animal} saw {name} in the {place}"
    for name in ("Ann", "Bob")
    for place in ("barn", "yard")
    for animal in ANIMALS
]
NAMES = [text.split()[1] for text in TEXTS]
QUICK: dict[str, Any] = {"batch": 6, "learning_rate": 0.05, "language_model_weight": 0.0, "dropout": 0.0}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a language model that knows these words."""
    folder: Path = tmp_path_factory.mktemp("tiny")
    (folder / "book.txt").write_text(". ".join([*TEXTS, "Ann and Bob saw a cat and a hen and a dog"]) * 10)
    tokenizer = Tokenizer.learn(folder / "book.txt", 60)
    shape = ModelSettings(vocabulary=tokenizer.size, context=48, layers=1, width=16, heads=2, initial_deviation=0.1)
    save_model(folder / "model", SavedModel(GPT(shape, seed=0), tokenizer))
    return str(folder / "model")


@pytest.fixture(scope="session")
def learns(tiny: str) -> dict[str, Any]:
    """Parameters with which the classes of `TEXTS` are learned, in a second or two."""
    return {"model": tiny, "device": "cpu", "precision": "fp32", "epochs": 15, **QUICK}


@pytest.fixture(scope="session")
def quick(learns: dict[str, Any]) -> dict[str, Any]:
    """Parameters of a fit that learns little, for what holds of any fit."""
    return {**learns, "epochs": 1}


@pytest.fixture(scope="session")
def fitted(learns: dict[str, Any]) -> ForetextClassifier:
    """A classifier that tells the animals apart; no test may change it."""
    return ForetextClassifier(**learns).fit(TEXTS, NAMES)
