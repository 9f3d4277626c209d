"""How fast multiple choice over long documents is: what the answers share computed once, each by itself, and by HF.

    python benchmarks/choice.py                          the paper's model, training and inference: questions/s, ratios
    python benchmarks/choice.py --examples 4 --rounds 3
    python benchmarks/choice.py --small                  a rehearsal with a toy model and short documents

Lengths are made up after RACE: documents of some 300 tokens, questions of 12, four answers of 6. Ids and weights are
random. Training does whole updates of L3 with dropout 0.1, which the answers share where their document is
(`finetune --shared-prefixes always`). Inference of ours is that of `foretext predict`; HF is
`OpenAIGPTDoubleHeadsModel` in a process of its own, in fp32 and, unless all are in fp32, in bf16 autocast.

The token ratio says how many times the tokens are that each sequence by itself has; the share of it that the times
show is printed for training and inference.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from foretext_loop import HEAD, SHAPES, ForetextLoop, Shape, plan
from rounds import (
    Contender,
    Measured,
    Work,
    add_precision,
    apart,
    forward_flops,
    measure,
    parser,
    precision,
    report,
    show,
    spread,
)
from transformers_loop import CHOICES, TransformersChoice

from foretext.batch import Batch, pack
from foretext.model.answering import for_answering
from foretext.model.gpt import GPT
from foretext.model.sequences import Sequences
from foretext.model.settings import HeadSettings
from foretext.training.engine import Engine
from foretext.training.objectives import FineTuning

DOCUMENT, QUESTION, ANSWER = (300, 60), (12, 3), (6, 2)  # tokens: mean and deviation
SHORTEST = 2
REHEARSAL = Shape(layers=2, width=32, heads=2, vocabulary=500)
PEERS = {"bf16": {"HF fp32": False, "HF autocast": True}, "fp32": {"HF fp32": False}}  # whether under autocast
STAGES = ("training", "inference")


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("--examples", type=int, default=8, help="questions in a turn, one update (default: 8)")
    flags.add_argument("--hf-examples", type=int, default=2, help="questions HF has in memory at once (default: 2)")
    flags.add_argument("--small", action="store_true", help="rehearse with a toy model; the figures mean nothing")
    add_precision(flags)
    given = flags.parse_args()
    dtype = precision(given)
    shape = REHEARSAL if given.small else SHAPES["gpt1"]
    batches = [made_up(shape, given.examples, seed) for seed in range(given.rounds + 1)]
    contenders = {**ours(shape, batches, dtype), **apart(theirs, shape, batches, given.hf_examples, PEERS[dtype])}
    measured = measure(contenders, rounds=given.rounds, peaks=(dtype,))
    show(said(measured, batches, given, dtype), given.json)


def said(measured: Measured, batches: list[Batch], given: argparse.Namespace, dtype: str) -> dict[str, object]:
    others = {"each by itself": "apart", **{name: name for name in PEERS[dtype]}}
    ratios = {
        f"{stage}, {name}": (f"{stage}: shared", f"{stage}: {other}")
        for stage in STAGES
        for name, other in others.items()
    }
    shared = sum(len(Sequences.of(batch, share_prefixes="in_batches").tokens) for batch in batches[1:])
    token_ratio = sum(len(batch.tokens) for batch in batches[1:]) / shared
    reached = {
        stage: spread([one / other / token_ratio for one, other in zip(*pair, strict=True)])
        for stage in STAGES
        if (pair := [measured.speeds[f"{stage}: {name}"] for name in ("shared", "apart")])
    }
    facts: dict[str, object] = {
        "token_ratio": round(token_ratio, 3),
        "share_of_token_ratio": reached,
        "small": given.small,
    }
    facts |= {"questions_a_turn": given.examples, "packages": ("transformers",)}
    return report("choice", measured, unit="questions/s", ratios=ratios, dtype=dtype, **facts)  # type: ignore[arg-type]


def made_up(shape: Shape, examples: int, seed: int) -> Batch:
    """Questions of RACE's lengths with `CHOICES` answers each, of random ids."""
    random = np.random.default_rng(seed)
    start, delimiter, extract = (shape.vocabulary + number for number in range(3))

    def text(mean: int, deviation: int) -> list[int]:
        length = int(np.clip(random.normal(mean, deviation), SHORTEST, mean + 2 * deviation))
        return random.integers(0, shape.vocabulary, length).tolist()  # type: ignore[no-any-return]

    sequences = []
    for _ in range(examples):
        stem = [start, *text(*DOCUMENT), *text(*QUESTION), delimiter]
        sequences.append([[*stem, *text(*ANSWER), extract] for _answer in range(CHOICES)])
    return pack(sequences, random.integers(0, CHOICES, examples).tolist())


def ours(shape: Shape, batches: list[Batch], dtype: str) -> dict[str, Contender]:
    """Shared and apart take turns with one model."""
    head = HeadSettings(**{**HEAD, "combine": "choose", "outputs": 1})
    gpt = GPT(shape, head)  # type: ignore[arg-type]
    answering = for_answering(gpt, dtype)
    at_hand = [batches[0]]
    loop = ForetextLoop.of(FineTuning(gpt, plan()), lambda update: at_hand[0], Engine.start("cpu", dtype))

    def update(batch: Batch, shares: bool) -> None:
        at_hand[0] = batch
        how = replace(loop.trainer.plan, share_prefixes="in_batches" if shares else "no")
        ForetextLoop(replace(loop.trainer, plan=how)).update()

    def scores(batch: Batch, shares: bool) -> None:
        with torch.no_grad():
            answering.read(Sequences.of(batch, share_prefixes="in_examples" if shares else "no"))

    made: dict[str, Contender] = {}
    for name, shares in {"shared": True, "apart": False}.items():
        made[f"training: {name}"] = turns(shape, batches, 3, partial(update, shares=shares))
        made[f"inference: {name}"] = turns(shape, batches, 1, partial(scores, shares=shares))
    return made


def theirs(shape: Shape, batches: list[Batch], at_once: int, peers: dict[str, bool]) -> dict[str, Contender]:
    choice = TransformersChoice(shape, "cpu")
    made: dict[str, Contender] = {}
    for name, autocast in peers.items():
        options = {"autocast": autocast, "examples_at_once": at_once}
        made[f"training: {name}"] = turns(shape, batches, 3, partial(choice.update, **options))
        made[f"inference: {name}"] = turns(shape, batches, 1, partial(choice.scores, **options))
    return made


def turns(shape: Shape, batches: list[Batch], passes: int, does: Callable[[Batch], object]) -> Contender:
    """A contender that does one batch a turn; `passes` is 3 where there is a gradient, which takes logits as well.

    Useful are the operations on what differs: a shared document counts once, for all contenders.
    """

    useful = []
    for batch in batches:
        rows = Sequences.of(batch, share_prefixes="in_batches")
        lengths = list(rows.row_lengths)
        logits = len(rows.tokens) - rows.rows if passes > 1 else 0
        flops = forward_flops(lengths, layers=shape.layers, width=shape.width, logits=logits, rows=shape.rows)
        useful.append(Work(batch.example_count, flops=passes * flops))

    def turn(number: int) -> Work:
        does(batches[number])
        return useful[number]

    return turn


if __name__ == "__main__":
    main()
