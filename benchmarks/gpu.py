"""What an accelerator makes of it: peaks, pre-training, fine-tuning, evaluation and memory of the paper's model.

    python benchmarks/gpu.py                    everything in one table; under 8 minutes on an H100
    python benchmarks/gpu.py --json
    python benchmarks/gpu.py --only pretraining --micro-batch 32
    python benchmarks/gpu.py --dry-run          the same on a CPU at toy sizes; the figures mean nothing

Needs no network, and of packages torch, numpy, tokenizers, safetensors, lightning-fabric and transformers alone; run it
from a copy of the repository. Ids are random; lengths are drawn like those of SST-2's sentences, START and EXTRACT
counted. Utilisation is useful floating-point operations by what the card's data sheet says of bf16 (`--sheet`, in
TFLOP/s); the card's own best at a large product stands beside it.

    pretraining   windows of 512 with dropout 0.1, whole updates; the reference is `reference_loop.py`; both plain and
                  compiled
    finetuning    batches of 32 with dropout 0.1, L3 with λ 0.5, whole updates; `transformers_loop.py`: OpenAIGPT with
                  heads, bf16 autocast, grouped by length: padded to the longest of 32 of nearly one length
    evaluation    classes of all sentences, sorted by length, 8,192 tokens at once; `transformers` in autocast likewise

A round runs every contender once; ratios are of one round. Memory is the most that a turn of updates had at
once beyond weights and the optimizer's moments: gradients, activations, logits.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # a machine for a while has nothing installed

import argparse
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from foretext_loop import HEAD, SHAPES, Shape, finetuning, pretraining, sentences, windows
from reference_loop import ReferenceLoop
from rounds import Contender, Measured, Work, forward_flops, measure, parser, report, show, training_flops
from transformers_loop import TransformersLoop

from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.tasks.batching import length_sorted
from foretext.tasks.examples import Encoded
from foretext.training.engine import Engine

TOY = Shape(layers=2, width=32, heads=2, context=64, vocabulary=300)
PARTS = ("pretraining", "finetuning", "evaluation")
SHEET = {"H100": 989.0, "H200": 989.0, "A100": 312.0}  # TFLOP/s in bf16, dense, of the SXM cards
BATCH = 32
PRODUCT, PRODUCTS, COPY_BYTES, COPIES = 8_192, 20, 1 << 30, 20
LENGTH_MEAN, LENGTH_DEVIATION, SHORTEST, LONGEST = 2.2, 0.75, 3, 64  # of the logarithm, like SST-2's; and limits


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    flags.add_argument("--micro-batch", type=int, default=64, help="windows at once in pre-training (default: 64)")
    flags.add_argument("--updates", type=int, default=10, help="updates a turn (default: 10)")
    flags.add_argument("--graphs", action="store_true", help="also with CUDA graphs, on Foretext's side")
    flags.add_argument("--sheet", type=float, help="the card's bf16 TFLOP/s (default: known of H100, H200 and A100)")
    flags.add_argument("--dry-run", action="store_true", help="on a CPU, at toy sizes")
    given = flags.parse_args()
    if not given.dry_run and not torch.cuda.is_available():
        sys.exit("torch finds no CUDA device here; --dry-run rehearses on the CPU")
    show(run(given), given.json)


def run(given: argparse.Namespace) -> dict[str, Any]:
    bench = Bench(given)
    peaks = bench.peaks()
    contenders = {name: turn for part in given.only for name, turn in getattr(bench, part)().items()}
    measured = measure(contenders, rounds=given.rounds)
    sheet = given.sheet or next((rate for card, rate in SHEET.items() if card in bench.name), 0.0)
    best = {"bf16 by the data sheet": sheet} if sheet else {"bf16 at a large product": peaks["bf16"]}
    peak_rates = {name: [rate * 1e12] * given.rounds for name, rate in best.items()}
    measured = Measured(measured.speeds, measured.flops, peak_rates)
    return report(
        "gpu",
        measured,
        unit="tokens/s (pretraining, finetuning), sentences/s (evaluation)",
        ratios={part: pair for part, pair in RATIOS.items() if part.split(",")[0] in given.only},
        packages=("transformers",),
        dtype="bf16",
        card=bench.name,
        micro_batch=bench.windows_at_once,
        measured_peak_tflops=round(peaks["bf16"], 4),
        measured_copy_gb_per_second=round(peaks["copy"], 2),
        peak_memory_gb=bench.memory,
    )


RATIOS = {
    "pretraining, both compiled": ("foretext compiled, pretraining", "reference compiled, pretraining"),
    "pretraining, neither compiled": ("foretext, pretraining", "reference, pretraining"),
    "finetuning": ("foretext compiled, finetuning", "transformers, finetuning"),
    "finetuning, not compiled": ("foretext, finetuning", "transformers, finetuning"),
    "evaluation": ("foretext, evaluation", "transformers, evaluation"),
}


class Bench:
    """Makes the contenders of each part on one device, and notes the memory they take."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.toy = given.dry_run
        self.device = "cpu" if given.dry_run else "cuda"
        self.name = "none: CPU, toy sizes" if given.dry_run else torch.cuda.get_device_name()
        self.shape = TOY if given.dry_run else SHAPES["gpt1"]
        self.windows_at_once = 4 if given.dry_run else given.micro_batch
        self.updates = 2 if given.dry_run else given.updates
        self.graphs = given.graphs
        self.engine = Engine.start(self.device, "bf16")
        self.memory: dict[str, float] = {}
        random = np.random.default_rng(0)
        drawn = np.exp(random.normal(LENGTH_MEAN, LENGTH_DEVIATION, 256 if given.dry_run else 8_192)).astype(int)
        self.lengths = [int(length) + 2 for length in drawn.clip(SHORTEST, min(LONGEST, self.shape.context - 2))]

    def peaks(self) -> dict[str, float]:
        """TFLOP/s of a large bf16 product, GB/s of a copy, reading and writing counted."""
        size, count = (256, 1 << 20) if self.toy else (PRODUCT, COPY_BYTES)
        left, right = (torch.randn(size, size, device=self.device).bfloat16() for _ in range(2))
        source, target = (torch.zeros(count, dtype=torch.uint8, device=self.device) for _ in range(2))
        products = self.seconds(lambda: left @ right) / PRODUCTS
        copies = self.seconds(lambda: target.copy_(source)) / COPIES
        return {"bf16": 2 * size**3 / products / 1e12, "copy": 2 * count / copies / 1e9}

    def seconds(self, once: Callable[[], Any]) -> float:
        for _ in range(3):
            once()
        self.wait()
        began = time.perf_counter()
        for _ in range(PRODUCTS):
            once()
        self.wait()
        return time.perf_counter() - began

    def wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()

    def noting(self, name: str, turn: Contender) -> Contender:
        """The same turn, and the most memory it had at once beyond what stands there before: weights and moments."""

        def noted(number: int) -> Work:
            if self.device != "cuda":
                return turn(number)
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            work = turn(number)
            self.memory[name] = round((torch.cuda.max_memory_allocated() - before) / 1e9, 2)
            return work

        return noted

    def ways(self) -> dict[str, str]:
        """How Foretext's side is run: contender's name to the setting `compile`."""
        return {
            "foretext": "no",
            "foretext compiled": "layers",
            **({"foretext graphs": "graphs"} if self.graphs else {}),
        }

    def pretraining(self) -> dict[str, Contender]:
        shape, batch, updates = self.shape, self.windows_at_once, self.updates
        tokens = batch * shape.context * updates
        sizes = {"layers": shape.layers, "width": shape.width, "logits": tokens, "rows": shape.vocabulary}
        work = Work(tokens, flops=training_flops([shape.context] * batch * updates, **sizes))
        ids = torch.from_numpy(windows(shape, batch, 0).tokens).view(batch, shape.context)
        ids = torch.cat([ids, ids[:, :1]], dim=1)

        def ours(way: str) -> Contender:
            loop = pretraining(shape, batch, self.engine, compile=way)
            return lambda _: work._replace(amount=loop.update(updates))

        def theirs(compiled: bool) -> Contender:
            loop = ReferenceLoop(device=self.device, compiled=compiled, **shape.reference())

            def turn(_: int) -> Work:
                for _update in range(updates):
                    loop.update(ids)
                return work

            return turn

        made = {f"{name}, pretraining": ours(way) for name, way in self.ways().items()}
        made |= {"reference, pretraining": theirs(False), "reference compiled, pretraining": theirs(True)}
        return {name: self.noting(name, turn) for name, turn in made.items()}

    def finetuning(self) -> dict[str, Contender]:
        shape = self.shape
        order = sorted(self.lengths)
        groups = [order[first : first + BATCH] for first in range(0, len(order) - BATCH + 1, BATCH)]
        random = np.random.default_rng(1)
        random.shuffle(groups)
        groups = groups[: 2 if self.toy else len(groups)]
        mixed = [self.lengths[first : first + BATCH] for first in range(0, len(groups) * BATCH, BATCH)]

        def ours(way: str) -> Contender:
            batches = [sentences(shape, lengths) for lengths in mixed]
            loop = finetuning(shape, lambda update: batches[update % len(batches)], self.engine, compile=way)
            return lambda _: self.worth(mixed, loop.update(len(batches)))

        loop = TransformersLoop(shape, self.device)
        batches = [sentences(shape, lengths) for lengths in groups]

        def theirs(_: int) -> Work:
            for batch in batches:
                loop.update(batch)
            return self.worth(groups, sum(map(sum, groups)))

        made = {f"{name}, finetuning": ours(way) for name, way in self.ways().items()}
        made["transformers, finetuning"] = theirs
        return {name: self.noting(name, turn) for name, turn in made.items()}

    def worth(self, groups: list[list[int]], tokens: int) -> Work:
        lengths = [length for group in groups for length in group]
        shape = self.shape
        sizes = {"layers": shape.layers, "width": shape.width, "logits": sum(lengths), "rows": shape.rows}
        return Work(tokens, flops=training_flops(lengths, **sizes))

    def evaluation(self) -> dict[str, Contender]:
        shape = replace(self.shape, embedding_dropout=0.0, attention_dropout=0.0, residual_dropout=0.0)
        gpt = GPT(shape, SimpleNamespace(**HEAD)).to(self.device, torch.bfloat16).eval()  # type: ignore[arg-type]
        whole = sentences(shape, self.lengths)
        encoded = [Encoded([ids.tolist()]) for ids in np.split(whole.tokens, np.cumsum(whole.lengths)[:-1])]
        flops = forward_flops(self.lengths, layers=shape.layers, width=shape.width)
        work = Work(len(encoded), flops=flops)
        theirs = TransformersLoop(shape, self.device)

        def ours(_: int) -> Work:
            with torch.no_grad():
                scores = []
                for _indices, batch in length_sorted(encoded):
                    sequences = Sequences.of(batch, self.device)
                    scores.append(gpt.read(sequences))
                torch.cat(scores).cpu()
            return work

        def others(_: int) -> Work:
            torch.cat([theirs.scores(batch) for _indices, batch in length_sorted(encoded)]).cpu()
            return work

        made = {"foretext, evaluation": ours, "transformers, evaluation": others}
        return {name: self.noting(name, turn) for name, turn in made.items()}


if __name__ == "__main__":
    main()
