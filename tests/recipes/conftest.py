"""A whole road in small: a corpus of made-up sentences, a tokenizer, a pre-trained model, and labelled files."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest

from foretext.corpus import prepare
from foretext.model.settings import ModelShape
from foretext.recipes.finetune import finetune
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.tasks.labelled import LabelledDataSettings
from foretext.tokenizer import Tokenizer
from foretext.training.settings import LoopSettings

NAMES, ANIMALS, PLACES = ["Ann", "Bob", "Cleo", "Dan"], ["cat", "dog", "hen", "fox"], ["barn", "wood", "yard", "lane"]


def sentence(random: random.Random) -> tuple[str, str, str, str]:
    name, animal, place = random.choice(NAMES), random.choice(ANIMALS), random.choice(PLACES)
    return f"{name} saw a {animal} in the {place}.", name, animal, place


@pytest.fixture(scope="session")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model that was pre-trained on such sentences."""
    root = tmp_path_factory.mktemp("road")
    draw = random.Random(0)
    for number in range(60):
        text = " ".join(sentence(draw)[0] for _ in range(20))
        (root / f"text-{number:02}.txt").write_text(text)
    tokenizer = Tokenizer.learn(sorted(root.glob("*.txt")), 80)
    prepare([root], root / "corpus", tokenizer=tokenizer, workers=1, validation=0.1)
    pretrain(
        PretrainSettings(
            corpus=root / "corpus",
            out=root / "model",
            updates=60,
            batch=4,
            learning_rate=1e-2,
            warmup=5,
            model=ModelShape(context=32, layers=1, width=32, heads=2, initial_deviation=0.1),
            loop=LoopSettings(precision="fp32", device="cpu"),
        )
    )
    return root / "model"


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.csv and test.csv (text, label: the animal), pairs.csv, scores.tsv and choice.jsonl."""
    root, draw = tmp_path_factory.mktemp("labelled"), random.Random(1)
    for name, count in {"train": 64, "test": 24}.items():
        with (root / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text", "label"])
            for number in range(count):
                text, _, animal, _ = sentence(draw)
                writer.writerow([number, text, animal])
    with (root / "pairs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["premise", "hypothesis", "label"])
        for _ in range(64):
            (one, _, animal, _), (other, _, second, _) = sentence(draw), sentence(draw)
            writer.writerow([one, other, "same" if animal == second else "different"])
    with (root / "scores.tsv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["sentence1", "sentence2", "score"])
        for _ in range(64):
            one, other = sentence(draw), sentence(draw)
            writer.writerow([one[0], other[0], float(sum(a == b for a, b in zip(one[1:], other[1:], strict=True)))])
    with (root / "choice.jsonl").open("w") as file:
        for _ in range(48):
            text, _, animal, _ = sentence(draw)
            answers = draw.sample(ANIMALS, draw.choice([2, 3, 4]))
            if animal not in answers:
                answers[0] = animal
            row = {"story": text, "answers": answers, "label": answers.index(animal)}
            file.write(json.dumps(row) + "\n")
    return root


@pytest.fixture(scope="session")
def classifier(language_model: Path, labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that model, fine-tuned to say which animal a sentence is about."""
    out = tmp_path_factory.mktemp("classifier") / "run"
    finetune(
        FinetuneSettings(
            model=str(language_model),
            out=out,
            labelled=LabelledDataSettings(data=labelled / "train.csv", kind="classification"),
            epochs=12,
            batch=8,
            learning_rate=1e-2,
            dropout=0,
            loop=LoopSettings(device="cpu", precision="fp32"),
        )
    )
    return out
