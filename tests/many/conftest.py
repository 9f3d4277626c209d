"""A small corpus, labelled files of each kind, and a model to fine-tune."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from foretext.corpus import prepare
from foretext.model.settings import ModelShape
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.tokenizer import Tokenizer
from foretext.training.settings import LoopSettings

ANIMALS, PLACES = ["cat", "dog", "hen", "fox"], ["barn", "wood", "yard", "lane"]
SHAPE = {
    "context": 16,
    "layers": 2,
    "width": 16,
    "heads": 2,
    "initial_deviation": 0.1,
    **dict.fromkeys(("embedding_dropout", "attention_dropout", "residual_dropout"), 0.0),
}


def sentence(draw: random.Random) -> tuple[str, str]:
    """A sentence and its animal."""
    animal = draw.choice(ANIMALS)
    return f"{'the ' * draw.randrange(4)}{animal} is in the {draw.choice(PLACES)}.", animal


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """GNU's OpenMP has several threads once only: a fork of a process that used them waits for ever."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a prepared corpus."""
    root, draw = tmp_path_factory.mktemp("many"), random.Random(0)
    for number in range(30):
        (root / f"{number:02}.txt").write_text(" ".join(sentence(draw)[0] for _ in range(20)))
    tokenizer = Tokenizer.learn(sorted(root.glob("*.txt")), 60)
    prepare([root], root / "corpus", tokenizer=tokenizer, workers=1, validation=0.2)
    return root / "corpus"


@pytest.fixture(scope="session")
def pretraining(corpus: Path) -> Callable[..., PretrainSettings]:
    """What makes the settings of a small pre-training without dropout."""

    def settings(out: Path, *, shape: dict[str, Any] | None = None, **values: Any) -> PretrainSettings:
        loop = {"device": "cpu", "precision": "fp32", "log_every": 1, "validate_every": 10, "wait_seconds": 300}
        names = {name: values.pop(name) for name in list(values) if name in LoopSettings.model_fields}
        chosen = {"corpus": corpus, "updates": 20, "batch": 6, "learning_rate": 1e-2, "warmup": 2, "out": out}
        return PretrainSettings(
            **{**chosen, **values},
            model=ModelShape(**{**SHAPE, **(shape or {})}),
            loop=LoopSettings(**{**loop, **names}),
        )

    return settings


@pytest.fixture(scope="session")
def language_model(pretraining: Callable[..., PretrainSettings], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that has learned a little."""
    out = tmp_path_factory.mktemp("many-model") / "run"
    pretrain(pretraining(out, updates=10))
    return out


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of each kind: classes, pairs, scores, choices of two to four answers, tags, sets."""
    root, draw = tmp_path_factory.mktemp("many-labelled"), random.Random(1)

    def table(name: str, header: list[str], rows: list[list[Any]]) -> None:
        with (root / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])

    drawn = [(sentence(draw), sentence(draw)) for _ in range(40)]
    table("classification.csv", ["text", "label"], [[one[0], one[1]] for one, _ in drawn])
    pairs = [[one[0], other[0], "same" if one[1] == other[1] else "different"] for one, other in drawn]
    table("entailment.csv", ["premise", "hypothesis", "label"], pairs)
    scores = [[one[0], other[0], float(5 * (one[1] == other[1]))] for one, other in drawn]
    table("similarity.csv", ["sentence1", "sentence2", "score"], scores)
    table("regression.csv", ["text", "score"], [[one[0], len(one[0]) / 10] for one, _ in drawn])
    for name, rows in {
        "multi-label": [{"text": one[0], "labels": sorted({one[1], other[1]})} for one, other in drawn],
        "tagging": [
            {"words": one[0].split(), "tags": ["B-animal" if word == one[1] else "O" for word in one[0].split()]}
            for one, _ in drawn
        ],
    }.items():
        (root / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with (root / "choice.jsonl").open("w") as file:
        for one, _ in drawn:
            answers = draw.sample(ANIMALS, draw.choice([2, 3, 4]))
            answers = answers if one[1] in answers else [one[1], *answers[1:]]
            file.write(json.dumps({"story": one[0], "answers": answers, "label": answers.index(one[1])}) + "\n")
    return root
