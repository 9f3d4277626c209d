"""How fast fine-tuning is on published tasks, beside what people do with transformers' OpenAIGPT.

    python benchmarks/finetune.py                               SST-2 and RTE, the paper's model: tokens/s and ratios
    python benchmarks/finetune.py --tasks RTE --hf-examples 16  where a whole batch of theirs takes too much: 20 GB
    python benchmarks/finetune.py --tasks RTE --batches 4 --precision fp32
    python benchmarks/finetune.py --model smollm2 --batches 2   an imported decoder, beside AutoModelForSequence…
    python benchmarks/finetune.py --small                       a rehearsal with a toy model and little data

FORETEXT_DATA names the folder with `tasks/` and `gpt1-bpe/` (the released vocabulary). Weights are random. All do the
paper's update: 32 examples, L3 with λ = 0.5, dropout 0.1, clip, Adam. With `--model` (the name or folder of an imported
decoder, or `gpt2-shape`: GPT-2's sizes with random weights and SmolLM2's pieces) the peer is transformers'
AutoModelForSequenceClassification with the same weights, λ is 0 unless `--language-model-weight` says more, since that
class learns labels alone, and dropout is the model's own. In a turn each does `--batches` of them:

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
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from foretext_loop import SHAPES, BatchOf, ForetextLoop, Shape, finetuning, finetuning_of
from rounds import Contender, Work, add_precision, apart, measure, parser, precision, report, show, training_flops
from transformers_loop import TransformersClassifier, TransformersLoop

from foretext.batch import Batch
from foretext.checkpoints.saved_model import SavedModel
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


@dataclass(frozen=True)
class Trained:
    """What is trained: the paper's model, a toy of its form, or an imported one by its name; it can be sent."""

    shape: Shape
    name: str | None = None
    text_weight: float = 0.5  # λ

    def tokenizer(self) -> Tokenizer:
        if self.name is None:
            return Tokenizer.openai(Path(os.environ["FORETEXT_DATA"]) / "gpt1-bpe")
        return _classifier(self.name).tokenizer

    def loop(self, batch_of: BatchOf, engine: Engine) -> ForetextLoop:
        if self.name is None:
            return finetuning(self.shape, batch_of, engine, language_model_weight=self.text_weight)
        gpt = _classifier(self.name).gpt
        return finetuning_of(gpt, batch_of, engine, language_model_weight=self.text_weight)

    def peer(self) -> TransformersLoop | TransformersClassifier:
        if self.name is None:
            return TransformersLoop(self.shape, "cpu")
        from peers import in_auto_model

        return TransformersClassifier(in_auto_model(_classifier(self.name)), self.text_weight)

    def context(self) -> int:
        return self.shape.context if self.name is None else _classifier(self.name).gpt.settings.context

    def sizes(self) -> dict[str, int]:
        """As `forward_flops` takes them."""
        if self.name is None:
            return {"layers": self.shape.layers, "width": self.shape.width, "rows": self.shape.rows}
        from peers import sizes

        gpt = _classifier(self.name).gpt
        return {**sizes(gpt), "rows": gpt.settings.output_rows}


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    flags.add_argument("--batches", type=int, default=8, help="batches of 32 examples in a turn (default: 8)")
    flags.add_argument(
        "--hf-examples", type=int, default=0, help="examples HF has in memory at once (default: 0, a whole batch)"
    )
    flags.add_argument("--model", help="an imported model, or gpt2-shape (default: the paper's, random weights)")
    flags.add_argument("--language-model-weight", type=float, help="λ (default: 0.5, and 0 with --model)")
    flags.add_argument("--small", action="store_true", help="rehearse with a toy model; the figures mean nothing")
    add_precision(flags)
    given = flags.parse_args()
    dtype = precision(given)
    weight = given.language_model_weight
    text_weight = weight if weight is not None else 0.0 if given.model else 0.5
    trained = Trained(REHEARSAL if given.small else SHAPES["gpt1"], given.model, text_weight)
    engine = Engine.start("cpu", dtype)
    contenders: dict[str, Contender] = {}
    ratios: dict[str, tuple[str, str]] = {}
    sizes: dict[str, str] = {}
    for task in given.tasks:
        examples = drawn(task, given.batches * BATCH * (given.rounds + 1), trained)
        contenders |= {f"{task}: foretext": ours(trained, examples, given.batches, engine)}
        contenders |= apart(theirs, task, trained, examples, given.batches, given.hf_examples, PEERS[dtype])
        sizes[task] = f"{statistics.mean(len(example.sequences[0]) for example in examples):.1f} tokens an example"
        ratios |= {f"{task}, {name}": (f"{task}: foretext", f"{task}: {name}") for name in PEERS[dtype]}
    measured = measure(contenders, rounds=given.rounds, peaks=(dtype,))
    facts = {
        **({"model": given.model} if given.model else {}),
        "language_model_weight": text_weight,
        "batches_a_turn": given.batches,
        "hf_examples": given.hf_examples,
        "sizes": sizes,
        "small": given.small,
        "packages": ("transformers",),
    }
    show(report("finetune", measured, unit="tokens/s", ratios=ratios, dtype=dtype, **facts), given.json)


def drawn(task: str, count: int, trained: Trained) -> list[Encoded]:
    """`count` training examples of the task by chance, as ids."""
    data = read_labelled_data(LabelledDataSettings(task=task), seed=0)
    order = np.random.default_rng(0).permutation(len(data.train))
    chosen = [data.train[index] for index in np.resize(order, count)]
    return encode(chosen, data.schema, trained.tokenizer(), trained.context())


def ours(trained: Trained, examples: Sequence[Encoded], batches: int, engine: Engine) -> Contender:
    random = cut(examples)
    loop = trained.loop(lambda update: random[update % len(random)], engine)

    def turn(number: int) -> Work:
        loop.update(batches)
        return work(trained, random[number * batches : (number + 1) * batches])

    return turn


def theirs(
    task: str,
    trained: Trained,
    examples: Sequence[Encoded],
    batches: int,
    at_once: int,
    peers: Mapping[str, tuple[bool, bool]],
) -> dict[str, Contender]:
    """Those of transformers, which share one model, so that all fit into memory."""
    random, grouped = cut(examples), cut(grouped_by_length(examples))
    loop = trained.peer()

    def contender(autocast: bool, by_length: bool) -> Contender:
        cut_up = grouped if by_length else random

        def turn(number: int) -> Work:
            used = cut_up[number * batches : (number + 1) * batches]
            for batch in used:
                loop.update(batch, autocast, at_once)
            return work(trained, used)

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


def work(trained: Trained, batches: Sequence[Batch]) -> Work:
    """What the updates were worth: the useful operations of the real tokens, with logits for each target of L1."""
    lengths = [int(length) for batch in batches for length in batch.lengths]
    logits = sum(lengths) - len(lengths) if trained.text_weight else 0
    return Work(sum(lengths), flops=training_flops(lengths, logits=logits, **trained.sizes()))


@cache
def _classifier(name: str) -> SavedModel:
    from peers import named_classifier

    return named_classifier(name)


if __name__ == "__main__":
    main()
