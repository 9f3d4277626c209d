"""What each piece of `--recipe modern` is worth at a small size: loss, copying and a quick fine-tuning, piece by piece.

python benchmarks/pieces.py run CORPUS --out FOLDER [--updates 1000] [--pieces NAME …] [--tasks SST-2 SNLI STS-B]
python benchmarks/pieces.py table --out FOLDER
python benchmarks/pieces.py copying CORPUS MODEL…

`run` pre-trains the preset `mini` once for each list of pieces below, under one seed, and fine-tunes it on some rows of
each task; what is in FOLDER already is not made again. `table` prints what was found: held-out loss; the updates and
the seconds after which a validation first was at most the last loss of the paper's form; what 40 tokens cost the
second time they stand in a sequence, in nats a token; scores on development sets.

Copying: 64 sequences of 40 pieces drawn evenly, and of 40 tokens of the held-out text, each twice end to end. Of the
first giving all tokens but the first count, of the second all.
"""

from __future__ import annotations

import argparse
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pieces_not_taken import capped_logits, shortcut, value_residuals

from foretext.batch import Batch
from foretext.checkpoints.model_at_update import load_named
from foretext.corpus import Corpus
from foretext.model.gpt import GPT
from foretext.model.kernels.likelihood import token_log_probabilities
from foretext.model.settings import PRESETS, ModelShape
from foretext.recipes.finetune import finetune
from foretext.recipes.pretrain import pretrain
from foretext.recipes.settings.finetune import FinetuneSettings
from foretext.recipes.settings.pretrain import PretrainSettings
from foretext.tasks.labelled import LabelledDataSettings
from foretext.training.settings import LoopSettings, OptimizerSettings

SEQUENCES, TOKENS = 64, 40
ORDINARY = 256  # the first piece that is drawn: those before are single signs mostly
STILL = dict.fromkeys(("embedding_dropout", "attention_dropout", "residual_dropout"), 0.0)
NORMS = {"norm_at": "before", "norm": "rms"}
ROTARY = {"positions": "rotary"}
QUERIES = {"query_key_norm": "rms"}
RELU2 = {"activation": "relu2", "projections_start": "zero"}
SHIFTED = {"shifted_key_heads": 2}
FORM = {**NORMS, **ROTARY, **QUERIES, **RELU2}
ADAM, FAST, MUON = 1e-3, 2e-3, 4e-3  # rates: the paper's form collapses above the first
MATRICES = 0.02  # Muon's

# Of each: its form, its rate, Muon's, and the share of windows in which a span stands twice.
Piece = tuple[dict[str, Any], float, float | None, float]
MODERN: Piece = ({**FORM, **SHIFTED}, MUON, MATRICES, 0.1)
PIECES: dict[str, Piece] = {
    "the paper's form": ({}, ADAM, None, 0.0),
    "norms before": (NORMS, FAST, None, 0.0),
    "and rotary": ({**NORMS, **ROTARY}, FAST, None, 0.0),
    "and normed queries": ({**NORMS, **ROTARY, **QUERIES}, FAST, None, 0.0),
    "and ReLU², zero starts": (FORM, FAST, None, 0.0),
    "and Muon": (FORM, MUON, MATRICES, 0.0),
    "and shifted keys": ({**FORM, **SHIFTED}, MUON, MATRICES, 0.0),
    "and spans twice": MODERN,
    "spans twice, keys as they are": (FORM, MUON, MATRICES, 0.1),
    "and value residuals": MODERN,
    "and a shortcut": MODERN,
    "and capped logits": MODERN,
}
# What stands in the classes while a row is made: the last three rows are all of the recipe, and one of these.
NOT_TAKEN = {
    "and value residuals": value_residuals,
    "and a shortcut": shortcut,
    "and capped logits": capped_logits,
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = arguments.add_subparsers(required=True)
    one = commands.add_parser("run")
    one.add_argument("corpus", type=Path)
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--updates", type=int, default=1_000, help="of 8 windows of 256 tokens (default: 1,000)")
    one.add_argument("--pieces", nargs="*", default=list(PIECES), help="names of rows (default: all)")
    one.add_argument("--tasks", nargs="*", default=["SST-2", "SNLI", "STS-B"])
    one.add_argument("--rows", type=int, default=2_000, help="training examples of a task (default: 2,000)")
    one.set_defaults(do=run)
    other = commands.add_parser("table")
    other.add_argument("--out", type=Path, required=True)
    other.set_defaults(do=table)
    last = commands.add_parser("copying")
    last.add_argument("corpus", type=Path)
    last.add_argument("models", nargs="+")
    last.set_defaults(do=show_copying)
    given = arguments.parse_args()
    given.do(given)


def run(given: argparse.Namespace) -> None:
    """Trains and fine-tunes what is not in the folder yet; a line a row in rows.jsonl."""
    given.out.mkdir(parents=True, exist_ok=True)
    done = {row["piece"] for row in rows(given.out)}
    for number, name in enumerate(PIECES):
        if name in given.pieces and name not in done:
            with NOT_TAKEN.get(name, nullcontext)():
                row = measured(given, name, given.out / f"{number}")
            with (given.out / "rows.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)


def measured(given: argparse.Namespace, name: str, out: Path) -> dict[str, Any]:
    """What one row has: its curve, what it copies, its scores."""
    form, rate, matrices, repeat_share = PIECES[name]
    settings = PretrainSettings(
        corpus=given.corpus,
        out=out / "model",
        updates=given.updates,
        batch=8,
        learning_rate=rate,
        warmup=given.updates // 10,
        schedule="flat",
        fall=0.3,
        repeat_share=repeat_share,
        validation_tokens=50_000,
        model=ModelShape(**{**PRESETS["mini"], **STILL, **form}),
        optimizer=OptimizerSettings() if matrices is None else OptimizerSettings(optimizer="muon", muon_rate=matrices),
        loop=LoopSettings(validate_every=max(1, given.updates // 15)),
        resume=(out / "model").exists(),
    )
    done = pretrain(settings)
    lines = [json.loads(line) for line in (out / "model" / "metrics.jsonl").read_text().splitlines()]
    losses = [(line["update"], line["valid_loss"]) for line in lines if "valid_loss" in line]
    scores = {}
    for task in given.tasks:
        labelled = LabelledDataSettings(task=task, train_rows=given.rows)
        tuned = finetune(
            FinetuneSettings(
                model=str(out / "model"),
                out=out / task,
                labelled=labelled,
                epochs=3,
                batch=16,
                learning_rate=5e-4,
                warmup=0.1,
                language_model_weight=0,
                keep="last",
                resume=(out / task).exists(),
            )
        )
        scores[task] = tuned.evaluation.score.value
    return {
        "piece": name,
        "losses": losses,
        "seconds": done.seconds,
        "copying": copying(load_named(str(out / "model")).gpt, Corpus.open(given.corpus)),
        "scores": scores,
    }


def copying(model: GPT, corpus: Corpus) -> dict[str, list[float]]:
    """What tokens cost the first and the second time, in nats: of pieces drawn, and of the held-out text."""
    draw, vocabulary = np.random.default_rng(0), model.settings.vocabulary
    valid = corpus.split("valid")
    starts = draw.integers(0, valid.token_count - TOKENS, SEQUENCES)
    given = {
        "drawn": draw.integers(min(ORDINARY, vocabulary // 2), vocabulary, (SEQUENCES, TOKENS)),
        "text": np.stack([valid.read(int(start), int(start) + TOKENS) for start in starts]).astype(np.int64),
    }
    return {name: _twice(model, tokens) for name, tokens in given.items()}


def _twice(model: GPT, tokens: np.ndarray) -> list[float]:
    twice = np.concatenate([tokens, tokens], axis=1)
    lengths = np.full(len(twice), twice.shape[1])
    sequences = model.sequences(Batch(tokens=twice.ravel(), lengths=lengths, examples=np.arange(len(twice))))
    with model.evaluating(), torch.no_grad():
        hidden = model(sequences)
        states = hidden.states.view(*twice.shape, -1)[:, :-1].flatten(0, 1)
        matrix, targets = hidden.matrix[: model.settings.vocabulary], torch.from_numpy(twice[:, 1:]).flatten()
        each = -token_log_probabilities(states, matrix, targets).view(len(twice), -1)
    return [float(each[:, : TOKENS - 1].mean()), float(each[:, TOKENS - 1 :].mean())]


def table(given: argparse.Namespace) -> None:
    """Prints the rows that are there as a table of Markdown."""
    found = {row["piece"]: row for row in rows(given.out)}
    tasks = list(dict.fromkeys(task for row in found.values() for task in row["scores"]))
    paper = found.get("the paper's form")
    print(
        "|",
        " | ".join(["", "held-out loss", "updates to the paper's", "seconds", "drawn twice", "text twice", *tasks]),
        "|",
    )
    print("|" + "---|" * (6 + len(tasks)))
    for name in PIECES:
        if name in found:
            row = found[name]
            reached = [update for update, loss in row["losses"] if paper and loss <= paper["losses"][-1][1]]
            updates = row["losses"][-1][0]
            cells = [
                name,
                f"{row['losses'][-1][1]:.3f}",
                f"{reached[0]:,}" if reached else "not reached",
                f"{row['seconds'] * reached[0] / updates:.0f}" if reached else f"({row['seconds']:.0f})",
                *(", ".join(f"{loss:.2f}" for loss in row["copying"][kind]) for kind in ("drawn", "text")),
                *(f"{100 * row['scores'][task]:.1f}" if task in row["scores"] else "" for task in tasks),
            ]
            print("|", " | ".join(cells), "|")


def show_copying(given: argparse.Namespace) -> None:
    """Prints what tokens cost each of the models, as JSON lines."""
    corpus = Corpus.open(given.corpus)
    for name in given.models:
        print(json.dumps({"model": name, **copying(load_named(name).gpt, corpus)}), flush=True)


def rows(out: Path) -> list[dict[str, Any]]:
    """What was measured so far."""
    path = out / "rows.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    main()
