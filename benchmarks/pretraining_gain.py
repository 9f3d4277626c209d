"""What pre-training is worth on published tasks: the same model with and without it, several seeds, TF-IDF beside.

    python benchmarks/pretraining_gain.py run --model mini --out gain            every task, arm and seed
    python benchmarks/pretraining_gain.py run --model mini --out gain --arms scratch --tasks CoLA SST-2
    python benchmarks/pretraining_gain.py table --out gain                       the table, from what is there

Each run leaves one JSON file in the folder; a run whose file is there is not done again, so several processes may work
on one folder. FORETEXT_DATA names the folder with `tasks/`. Scores are on the official development sets, which
nothing is chosen by: the weights after the last update are scored.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from foretext.files import write_json

ARMS = {"scratch": -1, "pretrained": None}  # layers to transfer
TASKS = ("SST-2", "CoLA", "SNLI", "STS-B", "OpenBookQA")
# Training rows (0: all there are).
ROWS = {
    "few": {"SST-2": 10_000, "CoLA": 4_000, "SNLI": 6_000, "STS-B": 2_500, "OpenBookQA": 600},
    "all": {"SST-2": 10_000, "CoLA": 0, "SNLI": 0, "STS-B": 0, "OpenBookQA": 0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["run", "table"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--rows", choices=list(ROWS), default="few")
    parser.add_argument("--arms", nargs="+", default=[*ARMS, "tfidf"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, help="peak; not given: the rule for the model's width")
    parser.add_argument("--warmup", type=float, default=0.002, help="share of the updates over which the rate rises")
    parser.add_argument("--language-model-weight", type=float, default=0.5)
    arguments = parser.parse_args()
    if arguments.action == "table":
        print("\n".join(table(arguments.out)))
        return
    for seed in arguments.seeds:
        for task in arguments.tasks:
            for arm in arguments.arms:
                run(arguments, task, arm, seed)


def run(arguments: argparse.Namespace, task: str, arm: str, seed: int) -> None:
    """One score, kept in a file of its own."""
    file = arguments.out / f"{task}-{arm}-{seed}.json"
    if file.exists() or (arm == "tfidf" and seed):
        return
    rows = ROWS[arguments.rows][task]
    found = tfidf(task, rows, seed) if arm == "tfidf" else finetuned(arguments, task, arm, seed, rows)
    write_json(file, {"task": task, "arm": arm, "seed": seed, "rows": rows, **found})
    print(file.name, found["metric"], round(100 * found["score"], 1), flush=True)


def finetuned(arguments: argparse.Namespace, task: str, arm: str, seed: int, rows: int) -> dict[str, Any]:
    from foretext.recipes.finetune import finetune
    from foretext.recipes.settings.finetune import FinetuneSettings
    from foretext.tasks.labelled import LabelledDataSettings

    with tempfile.TemporaryDirectory() as folder:
        result = finetune(
            FinetuneSettings(
                model=arguments.model,
                out=Path(folder) / "run",
                labelled=LabelledDataSettings(task=task, train_rows=rows),
                epochs=arguments.epochs,
                batch=arguments.batch,
                learning_rate=arguments.learning_rate,
                warmup=arguments.warmup,
                transfer_layers=ARMS[arm],
                language_model_weight=arguments.language_model_weight,
                keep="last",
                seed=seed,
            )
        )
    evaluation = result.evaluation
    return {
        "metric": evaluation.main,
        "score": evaluation.score.value,
        "chance": evaluation.chance[evaluation.main],
        "epochs": arguments.epochs,
        "batch": arguments.batch,
        "updates": result.updates,
        "seconds": result.seconds,
        "learning_rate": result.learning_rate,
        "warmup": arguments.warmup,
        "language_model_weight": arguments.language_model_weight,
    }


def tfidf(task: str, rows: int, seed: int) -> dict[str, Any]:
    from foretext.evaluation.baselines import tfidf_baseline
    from foretext.evaluation.scoring import score_examples
    from foretext.tasks.labelled import LabelledDataSettings, read_labelled_data

    data = read_labelled_data(LabelledDataSettings(task=task, train_rows=rows), seed=seed)
    predictions = tfidf_baseline(data.train, data.valid, data.schema)
    evaluation = score_examples(data.valid, predictions, schema=data.schema)
    return {
        "metric": evaluation.main,
        "score": evaluation.score.value,
        "chance": evaluation.chance[evaluation.main],
    }


def table(folder: Path) -> list[str]:
    """The scores as a Markdown table: medians, ranges over seeds, and whether the lead exceeds the spread."""
    found = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    lines = [
        "| task | metric | chance | TF-IDF | from scratch | pre-trained | lead | beyond the spread |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for task in TASKS:
        scores = {
            arm: [100 * item["score"] for item in found if (item["task"], item["arm"]) == (task, arm)]
            for arm in [*ARMS, "tfidf"]
        }
        about = next((item for item in found if item["task"] == task), None)
        if about is None or not scores["scratch"] or not scores["pretrained"]:
            continue
        lead = statistics.median(scores["pretrained"]) - statistics.median(scores["scratch"])
        beyond = "yes" if min(scores["pretrained"]) > max(scores["scratch"]) else "no"
        lines.append(
            f"| {task} | {about['metric']} | {100 * about['chance']:.1f} | {spread(scores['tfidf'])} "
            f"| {spread(scores['scratch'])} | {spread(scores['pretrained'])} | {lead:+.1f} | {beyond} |"
        )
    return lines


def spread(scores: list[float]) -> str:
    """The median, and the range where there are several."""
    if not scores:
        return "–"
    median = f"{statistics.median(scores):.1f}"
    return median if len(scores) == 1 else f"{median} ({min(scores):.1f}–{max(scores):.1f})"


if __name__ == "__main__":
    main()
