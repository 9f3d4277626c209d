"""A small world for commands that are cut off: data, and how each command ends when nobody disturbs it."""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from .runs import Ended, Foretext, started
from .works import SMALL, WORKS

NAMES, ANIMALS, PLACES = ["Ann", "Bob", "Cleo", "Dan"], ["cat", "dog", "hen", "fox"], ["barn", "wood", "yard", "lane"]


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder below which all happens."""
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="session")
def foretext(place: Path) -> Iterator[Foretext]:
    """What starts `foretext` in a process of its own."""
    (place / "said").mkdir()
    with started(place / "said") as runs:
        yield runs


@pytest.fixture(scope="session")
def data(place: Path, foretext: Foretext) -> Path:
    """A folder with texts, labelled rows, and what was made of them: tokenizer, corpus, model and classifier."""
    folder, draw = place / "data", random.Random(0)
    (folder / "text").mkdir(parents=True)
    for number in range(40):
        (folder / "text" / f"{number:02}.txt").write_text(" ".join(sentence(draw)[0] for _ in range(20)))
    for name, rows in {"train": 64, "new": 40}.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["text", "label"], *(sentence(draw) for _ in range(rows))])
    for command in (
        "learn-tokenizer text --size 70 --out tokenizer",
        "prepare text --tokenizer tokenizer --out corpus --validation 0.2 --workers 1",
        f"pretrain corpus --out model {SMALL} --updates 8 --batch 4 --warmup 2 --device cpu --precision fp32",
        "finetune model train.csv --kind classification --out classifier --epochs 1 --batch 16 --device cpu",
    ):
        made = foretext(folder, command.split())
        assert made.code == 0, made.told()
    return folder


def sentence(draw: random.Random) -> tuple[str, str]:
    """A sentence, and the animal in it."""
    animal = draw.choice(ANIMALS)
    return f"{draw.choice(NAMES)} saw a {animal} in the {draw.choice(PLACES)}.", animal


@dataclass(frozen=True)
class Undisturbed:
    """How a command ends when nothing happens to it: its folder, its process, and that of the same command again."""

    folder: Path
    ended: Ended
    again: Ended


@pytest.fixture(scope="session")
def undisturbed(place: Path, data: Path, foretext: Foretext) -> Callable[[str], Undisturbed]:
    """What gives that for the name of one of the `WORKS`."""

    @cache
    def of(name: str) -> Undisturbed:
        work, folder = WORKS[name], place / f"undisturbed-{name}"
        folder.mkdir()
        ended = foretext(folder, work.arguments(folder))
        assert ended.code == 0, ended.told()
        beside = place / f"again-{name}"
        beside.mkdir()
        foretext(beside, work.arguments(beside))
        return Undisturbed(folder, ended, foretext(beside, work.arguments(beside)))

    return of


@pytest.fixture
def new_folder(place: Path) -> Callable[[], Path]:
    """What makes a folder beside that of the data."""
    return lambda: Path(tempfile.mkdtemp(dir=place, prefix="here-"))
