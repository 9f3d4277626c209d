"""How fast fine-tuning is on published tasks, beside what people do with transformers' OpenAIGPT.

    python benchmarks/finetune.py                               SST-2 and RTE, the paper's model: tokens/s and ratios
    python benchmarks/finetune.py --tasks RTE --hf-examples 16  where a whole batch of theirs takes too much: 20 GB
    python benchmarks/finetune.py --tasks RTE --batches 4 --precision fp32
    python benchmarks/finetune.py --small                       a rehearsal with a toy model and little data

FORETEXT_DATA names the folder with `tasks/` and `gpt1-bpe/` (the released vocabulary). Weights are random. All do the
paper's update: 32 examples, L3 with λ = 0.5, dropout 0.1, clip, Adam. In a turn each does `--batches` of them:

    foretext              the loop that `foretext finetune` runs, on random batches
    HF fp32               padded to the longest of the batch; the same random batches
    HF autocast           the same in bf16 autocast
    HF autocast, grouped  the same, the batches grouped by length: as Trainer does it, examples are sorted in lots of 50
                          batches

Tokens are those of the examples, padding not counted: batches grouped by length are of short or of long texts as it
falls, which examples/s would take for speed. With `--precision fp32`, and where the processor does not compute in
bf16, all are in fp32, without autocast.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from foretext_loop import SHAPES, Shape, finetuning
from rounds import Contender, Work, add_precision, apart, measure, parser, precision, report, show, training_flops
from transformers_loop import TransformersLoop

from foretext.batch import Batch
from foretext.tasks.batching import BATCH, packed
from foretext.tasks.encode import encode
from foretext.tasks.examples import Encoded
from foretext.tasks.labelled import LabelledDataSettings, read_labelled_data
from foretext.tokenizer import Tokenizer
from foretext.training.engine import Engine

TASKS = ("SST-2", "RTE")
LOT = 50  # batches whose examples are sorted together: `mega_batch_mult` of transformers
REHEARSAL = Shape(layers=2, width=32, heads=2)
# Of transformers: whether under autocast, whether grouped by length.
PEERS = {
    "bf16": {"HF fp32": (False, False), "HF autocast": (True, False), "HF autocast, grouped": (True, True)},
    "fp32": {"HF fp32": (False, False), "HF fp32, grouped": (False, True)},
}


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    flags.add_argument("--batches", type=int, default=8, help="batches of 32 examples in a turn (default: 8)")
    flags.add_argument(
        "--hf-examples", type=int, default=0, help="examples HF has in memory at once (default: 0, a whole batch)"
    )
    flags.add_argument("--small", action="store_true", help="rehearse with a toy model; the figures mean nothing")
    add_precision(flags)
    given = flags.parse_args()
    dtype = precision(given)
    shape = REHEARSAL if given.small else SHAPES["gpt1"]
    engine = Engine.start("cpu", dtype)
    contenders: dict[str, Contender] = {}
    ratios: dict[str, tuple[str, str]] = {}
    sizes: dict[str, str] = {}
    for task in given.tasks:
        examples = drawn(task, given.batches * BATCH * (given.rounds + 1), shape.context)
        contenders |= {f"{task}: foretext": ours(shape, examples, given.batches, engine)}
        contenders |= apart(theirs, task, shape, examples, given.batches, given.hf_examples, PEERS[dtype])
        sizes[task] = f"{statistics.mean(len(example.sequences[0]) for example in examples):.1f} tokens an example"
        ratios |= {f"{task}, {name}": (f"{task}: foretext", f"{task}: {name}") for name in PEERS[dtype]}
    measured = measure(contenders, rounds=given.rounds, peaks=(dtype,))
    facts = {
        "batches_a_turn": given.batches,
        "hf_examples": given.hf_examples,
        "sizes": sizes,
        "small": given.small,
        "packages": ("transformers",),
    }
    show(report("finetune", measured, unit="tokens/s", ratios=ratios, dtype=dtype, **facts), given.json)


def drawn(task: str, count: int, context: int) -> list[Encoded]:
    """`count` training examples of the task by chance, as ids of the released vocabulary."""
    tokenizer = Tokenizer.openai(Path(os.environ["FORETEXT_DATA"]) / "gpt1-bpe")
    data = read_labelled_data(LabelledDataSettings(task=task), seed=0)
    order = np.random.default_rng(0).permutation(len(data.train))
    chosen = [data.train[index] for index in np.resize(order, count)]
    return encode(chosen, data.schema, tokenizer, context)


def ours(shape: Shape, examples: Sequence[Encoded], batches: int, engine: Engine) -> Contender:
    random = cut(examples)
    loop = finetuning(shape, lambda update: random[update % len(random)], engine)

    def turn(number: int) -> Work:
        loop.update(batches)
        return work(shape, random[number * batches : (number + 1) * batches])

    return turn


def theirs(
    task: str,
    shape: Shape,
    examples: Sequence[Encoded],
    batches: int,
    at_once: int,
    peers: Mapping[str, tuple[bool, bool]],
) -> dict[str, Contender]:
    """Those of transformers, which share one model, so that all fit into memory."""
    random, grouped = cut(examples), cut(grouped_by_length(examples))
    loop = TransformersLoop(shape, "cpu")

    def contender(autocast: bool, by_length: bool) -> Contender:
        cut_up = grouped if by_length else random

        def turn(number: int) -> Work:
            used = cut_up[number * batches : (number + 1) * batches]
            for batch in used:
                loop.update(batch, autocast, at_once)
            return work(shape, used)

        return turn

    return {f"{task}: {name}": contender(*ways) for name, ways in peers.items()}


def grouped_by_length(examples: Sequence[Encoded]) -> list[Encoded]:
    """The examples in the order in which batches of one length each come, these batches shuffled."""
    batches: list[list[Encoded]] = []
    for first in range(0, len(examples), LOT * BATCH):
        lot = sorted(examples[first : first + LOT * BATCH], key=lambda item: len(item.sequences[0]))
        batches += [lot[start : start + BATCH] for start in range(0, len(lot), BATCH)]
    order = np.random.default_rng(1).permutation(len(batches))
    return [item for index in order for item in batches[index]]


def cut(examples: Sequence[Encoded]) -> list[Batch]:
    return [packed(examples[first : first + BATCH]) for first in range(0, len(examples), BATCH)]


def work(shape: Shape, batches: Sequence[Batch]) -> Work:
    """What the updates were worth: the useful operations of the real tokens, with logits for each target."""
    lengths = [int(length) for batch in batches for length in batch.lengths]
    logits = sum(lengths) - len(lengths)
    sizes = {"layers": shape.layers, "width": shape.width, "logits": logits, "rows": shape.rows}
    return Work(sum(lengths), flops=training_flops(lengths, **sizes))


if __name__ == "__main__":
    main()
