"""Whether two checkouts of Foretext train to the same bits: `tiny` for 30 updates, then each kind of task.

python scripts/same_bits.py BEFORE [AFTER]      each the folder of a checkout; AFTER is this one unless it is given

Both are driven by the command line alone, on this machine, one after the other: storyworld, learn-tokenizer, prepare,
pretrain, then for each kind finetune, evaluate and predict, in fp32 and, where the processor computes in it, bf16.
Compared are the bits of all weights, of checkpoints and optimizer states, the lines of metrics.jsonl but for times,
scores, and the files of answers; a quantity that only one side logs is named. Nothing is stored: weights differ
between processors. Exit code 1 if a bit differs.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from safetensors import safe_open

HERE = Path(__file__).resolve().parent.parent
METRICS = " metrics "  # in the name of an outcome that is a line of metrics
TIMES = {"seconds", "tokens_per_second"}  # of a line of metrics
SCORES = ("count", "main", "metrics", "chance", "confusion", "calibration", "cut")  # of an evaluation
STEPS = ["--batch", "8", "--epochs", "1", "--learning-rate", "1e-3", "--warmup", "0.1", "--device", "cpu"]
TASKS: dict[str, list[str]] = {  # of storyworld, and further ways that a kind is trained in
    "ending": ["--kind", "classification"],
    "follows": ["--kind", "entailment"],
    "alike": ["--kind", "similarity"],
    "alike-as-value": ["--kind", "similarity", "--scores", "value"],
    "alike-as-classes": ["--kind", "similarity"],
    "cloze": ["--kind", "choice"],
    "reading": ["--kind", "choice", "--answer-losses", "right"],
    "scores": ["--kind", "regression", "--language-model-weight", "0", "--head-reads", "mean"],
}


def main(before: Path, after: Path) -> int:
    with tempfile.TemporaryDirectory() as place:
        found = [outcomes(checkout, Path(place) / name) for name, checkout in (("before", before), ("after", after))]
    old, new = found
    new_names, old_names = measured(new), measured(old)
    for name in sorted(new_names ^ old_names):
        print(f"not compared: {name}, which only the lines {'after' if name in new_names else 'before'} have")
    old, new = (of_names(each, old_names & new_names) for each in found)
    differing = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    for name in differing:
        print(f"differs: {name}: {old.get(name)} before, {new.get(name)} after")
    print(f"{len(old)} outcomes compared, {len(differing)} differ")
    return 1 if differing else 0


def measured(found: dict[str, Any]) -> set[str]:
    """What the lines of metrics tell of, in any of them."""
    return {name for outcome, values in found.items() if METRICS in outcome for name in values}


def of_names(found: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """The same outcomes; of the lines of metrics the values with these names."""
    return {
        outcome: {name: value for name, value in values.items() if name in names} if METRICS in outcome else values
        for outcome, values in found.items()
    }


def outcomes(checkout: Path, place: Path) -> dict[str, Any]:
    """All that is compared, by name."""
    place.mkdir()
    found: dict[str, Any] = {}
    foretext(checkout, place, "storyworld --stories 600 --train 96 --test 48 --out data")
    foretext(checkout, place, "learn-tokenizer data/corpus --size 400 --out tokenizer")
    foretext(checkout, place, "prepare data/corpus --tokenizer tokenizer --out corpus --workers 1")
    further_tasks(place / "data/tasks")
    length = "--updates 30 --warmup 5 --batch 4 --validate-every 10 --device cpu --attention-dropout 0.1"
    for precision in ("fp32", "auto"):
        model = f"model-{precision}"
        command = f"pretrain corpus --preset tiny {length} --precision {precision} --out {model}"
        foretext(checkout, place, command)
        found |= run_outcomes(place / model)
    for task, flags in TASKS.items():
        for precision in ("fp32", "auto") if task in ("ending", "cloze") else ("fp32",):
            run, folder = f"{task}-{precision}", f"data/tasks/{task}"
            train, test = (next(iter((place / folder).glob(f"{part}.*"))).name for part in ("train", "test"))
            common = ["--data", f"{folder}/{train}", "--out", run, "--precision", precision, "--cutting", "fill"]
            foretext(checkout, place, "finetune", "model-fp32", *common, *flags, *STEPS)
            found |= run_outcomes(place / run)
            test = f"{folder}/{test}"
            told = foretext(checkout, place, "evaluate", run, "--data", test, "--precision", precision, "--json")
            scores = json.loads(told)
            found |= {f"{run} {name}": scores.get(name) for name in SCORES}
            foretext(checkout, place, "predict", run, test, "--precision", precision, "--out", f"{run}.csv")
            found[f"{run} answers"] = digest((place / f"{run}.csv").read_bytes())
    return found


def further_tasks(folder: Path) -> None:
    """Tasks that storyworld does not have: pairs as classes, pairs whose grades are learned as values, scores."""
    draw = random.Random(0)
    for name in ("alike-as-value", "alike-as-classes", "scores"):
        (folder / name).mkdir()
    for part in ("train", "test"):
        with (folder / "alike" / f"{part}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        pair = [name for name in rows[0] if name.startswith(("first", "second", "sentence", "text"))][:2]
        write(folder / "alike-as-value" / f"{part}.csv", rows)
        words = [{"text1": row[pair[0]], "text2": row[pair[1]], "label": draw.choice(["no", "yes"])} for row in rows]
        write(folder / "alike-as-classes" / f"{part}.csv", words)
        scores = [{"text": row[pair[0]], "score": str(len(row[pair[0]]) + draw.random())} for row in rows]
        write(folder / "scores" / f"{part}.csv", scores)


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def foretext(checkout: Path, place: Path, *arguments: str) -> str:
    """What a command of the checkout prints; its arguments as words, or one text of them."""
    words = arguments[0].split() if len(arguments) == 1 else arguments
    done = subprocess.run(
        [sys.executable, "-m", "foretext", *words],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(checkout), "FORETEXT_PROGRESS": "off"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{checkout}: foretext {' '.join(words)} failed: {done.stderr}")
    return done.stdout


def run_outcomes(run: Path) -> dict[str, Any]:
    """The weights of a run, its checkpoints' tensors and its metrics."""
    found: dict[str, Any] = {f"{run.name} weights": tensors(run / "model.safetensors")}
    for folder in sorted((run / "checkpoints").glob("update-*")):
        for name in ("model", "optimizer"):
            found[f"{run.name} {folder.name} {name}"] = tensors(folder / f"{name}.safetensors")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    for line in lines:
        values = {name: value for name, value in line.items() if name not in TIMES}
        found[f"{run.name}{METRICS}{line['update']} {'valid' if 'valid_loss' in line else ''}"] = values
    return found


def tensors(path: Path) -> str:
    """A hash over names, shapes and bytes of a file's tensors."""
    with safe_open(path, "np") as file:
        parts = []
        for name in sorted(file.keys()):
            value = file.get_tensor(name)
            parts.append(f"{name} {value.shape} {value.dtype} {digest(value.tobytes())}")
    return digest("\n".join(parts).encode())


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else HERE))
