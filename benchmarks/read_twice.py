"""What reading a text twice brings: fine-tuning with and without `--read-twice`, under several seeds.

python benchmarks/read_twice.py [--model mini] [--seeds 3] [--task roles|SST-2] [--rows 400] [--epochs 6]

`roles` is made up: who does something to whom, in sentences whose first name is the one or the other by a word that
comes later ("Ann was seen by Bob", "Ann saw Bob"). A decoder that reads once must tag the first name before it knows.
SST-2 is read from FORETEXT_DATA. Prints one JSON line: scores of each seed, their medians, seconds of training.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from foretext.recipes.evaluate import evaluate
from foretext.recipes.finetune import finetune
from foretext.recipes.settings.evaluate import EvaluateSettings
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.tasks.labelled import LabelledDataSettings

NAMES = ["Ann", "Bob", "Clara", "David", "Ellen", "Tom", "Lucy", "Peter"]
VERBS = {"saw": "seen", "helped": "helped", "followed": "followed", "called": "called", "chose": "chosen"}
TEST_ROWS = 300


def roles(path: Path, rows: int, seed: int) -> Path:
    """Sentences in the active or the passive voice, the one who acts and the one who is acted on marked."""
    draw = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(rows):
            first, second = draw.sample(NAMES, 2)
            active, passive = draw.choice(list(VERBS.items()))
            is_passive = draw.random() < 0.5
            middle = f" was {passive} by " if is_passive else f" {active} "
            text = f"{first}{middle}{second}."
            labels = ("patient", "agent") if is_passive else ("agent", "patient")
            starts = (0, len(first) + len(middle))
            spans = [
                {"start": start, "end": start + len(name), "label": label}
                for start, name, label in zip(starts, (first, second), labels, strict=True)
            ]
            file.write(json.dumps({"text": text, "spans": spans}) + "\n")
    return path


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--model", default="mini", help="name or folder of the model to start from (default: mini)")
    arguments.add_argument("--seeds", type=int, default=3, help="runs of each (default: 3)")
    arguments.add_argument("--task", default="roles", help="roles, or a published task of one text (default: roles)")
    arguments.add_argument("--rows", type=int, default=400, help="training examples (default: 400)")
    arguments.add_argument("--epochs", type=float, default=6, help="passes over them (default: 6)")
    given = arguments.parse_args()
    found: dict[str, Any] = {"benchmark": "read_twice", **vars(given)}
    with tempfile.TemporaryDirectory() as place:
        for name, twice in (("once", False), ("twice", True)):
            runs = [run(given, Path(place) / f"{name}-{seed}", seed, twice) for seed in range(given.seeds)]
            found[name] = {
                "scores": [round(score, 4) for score, _ in runs],
                "median": round(median(score for score, _ in runs), 4),
                "seconds": round(median(seconds for _, seconds in runs), 1),
            }
    print(json.dumps(found))


def run(given: argparse.Namespace, out: Path, seed: int, twice: bool) -> tuple[float, float]:
    """The score on examples that training has not seen, and the seconds that training took."""
    out.mkdir()
    if given.task == "roles":
        train, test = roles(out / "train.jsonl", given.rows, seed), roles(out / "test.jsonl", TEST_ROWS, 1_000 + seed)
        labelled = LabelledDataSettings(data=train, kind="tagging", read_twice=twice)
    else:
        labelled = LabelledDataSettings(task=given.task, train_rows=given.rows, read_twice=twice)
    done = finetune(
        FinetuneSettings(
            model=given.model, out=out / "run", labelled=labelled, epochs=given.epochs, batch=8, warmup=0.1, seed=seed
        )
    )
    if given.task != "roles":
        return done.evaluation.score.value, done.seconds  # on the published validation examples
    return evaluate(EvaluateSettings(model=str(out / "run"), data=test)).evaluation.score.value, done.seconds


if __name__ == "__main__":
    main()
