"""How fast pre-training is, beside a GPT-2-style loop (`reference_loop.py`) of the same sizes.

    python benchmarks/pretrain.py                        the paper's model, `small` and `tiny`: tokens/s and ratios
    python benchmarks/pretrain.py --sizes gpt1 --rounds 7
    python benchmarks/pretrain.py --small                a rehearsal: models that are done in seconds

Both sides have the same layers, widths, context, vocabulary (the released one for gpt1, 8,192 pieces for the others),
micro-batch, dropout 0.1 and precision (bf16, theirs by autocast, where the processor computes in it), and do whole
updates: forward, backward, clip, Adam, the reference in a process of its own. Ids are random, made before the clock
starts. Foretext's side is the loop that `foretext pretrain` runs. Targets are one fewer a window there (the reference
is given the next token too); tokens/s count windows of the context's length on both sides.
"""

from __future__ import annotations

import argparse

import torch
from foretext_loop import SHAPES, Shape, pretraining, windows
from reference_loop import ReferenceLoop
from rounds import Contender, Work, add_precision, apart, measure, parser, precision, report, show, training_flops

from foretext.training.engine import Engine

MICRO_BATCH = {"gpt1": 4, "small": 8, "tiny": 32}
UPDATES = {"gpt1": 1, "small": 2, "tiny": 8}  # a turn
REHEARSAL = Shape(layers=2, width=32, heads=2, context=32, vocabulary=200)


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("--sizes", nargs="+", choices=list(MICRO_BATCH), default=list(MICRO_BATCH))
    flags.add_argument("--small", action="store_true", help="rehearse with toy sizes; the figures mean nothing")
    add_precision(flags)
    given = flags.parse_args()
    dtype = precision(given)
    contenders: dict[str, Contender] = {}
    for size in given.sizes:
        shape = REHEARSAL if given.small else SHAPES[size]
        contenders |= {f"foretext {size}": ours(shape, size, dtype), **apart(theirs, shape, size, dtype)}
    measured = measure(contenders, rounds=given.rounds, peaks=(dtype,))
    show(said(measured, given, dtype), given.json)


def said(measured: object, given: argparse.Namespace, dtype: str) -> dict[str, object]:
    ratios = {size: (f"foretext {size}", f"reference {size}") for size in given.sizes}
    sizes = {size: f"micro-batch {MICRO_BATCH[size]} × {SHAPES[size].context}" for size in given.sizes}
    return report("pretrain", measured, unit="tokens/s", ratios=ratios, dtype=dtype, sizes=sizes, small=given.small)  # type: ignore[arg-type]


def ours(shape: Shape, size: str, dtype: str) -> Contender:
    batch, updates = MICRO_BATCH[size], UPDATES[size]
    loop = pretraining(shape, batch, Engine.start("cpu", dtype))
    return lambda turn: work(shape, batch, updates, loop.update(updates))


def theirs(shape: Shape, size: str, dtype: str) -> dict[str, Contender]:
    batch, updates = MICRO_BATCH[size], UPDATES[size]
    loop = ReferenceLoop(**shape.reference(), bf16=dtype == "bf16")
    ids = torch.from_numpy(windows(shape, batch, seed=0).tokens).view(batch, shape.context)
    ids = torch.cat([ids, ids[:, :1]], dim=1)  # a next token for the last one too

    def turn(_: int) -> Work:
        for _update in range(updates):
            loop.update(ids)
        return work(shape, batch, updates, updates * batch * shape.context)

    return {f"reference {size}": turn}


def work(shape: Shape, batch: int, updates: int, tokens: int) -> Work:
    """What so many updates were worth, on either side: the useful operations of windows of the context's length."""
    lengths = [shape.context] * batch * updates
    sizes = {"layers": shape.layers, "width": shape.width, "logits": tokens, "rows": shape.vocabulary}
    return Work(tokens, flops=training_flops(lengths, **sizes))


if __name__ == "__main__":
    main()
