"""How many sentences a second a classifier answers: SST-2's development set, ids to probabilities, random weights.

    python benchmarks/inference.py                      the paper's model, all 872 sentences
    python benchmarks/inference.py --preset tiny --rows 64 --rounds 1
    python benchmarks/inference.py --model smollm2      an imported decoder, by its name or folder, or gpt2-shape

FORETEXT_DATA names the folder with `tasks/SST-2` and `gpt1-bpe`. The peer is transformers' OpenAIGPT with the same
weights, with `--model` its AutoModelForSequenceClassification: in batches of 32 padded to the longest, as they come;
the same sorted by length; both under bf16 autocast too, where the processor computes in bf16. Before anything is timed,
its probabilities and Foretext's in fp32 are compared. Foretext's contenders are what `foretext predict` calls, in each
precision that the processor computes in; nothing is remembered between rounds. Useful operations are those of a whole
forward pass over the real tokens.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import torch
from peers import (
    classifier,
    data_folder,
    in_auto_model,
    in_transformers,
    named_classifier,
    padded,
    precisions,
    sentences,
    sizes,
)
from rounds import Contender, Work, forward_flops, measure, parser, report, show

from foretext.model.settings import PRESETS
from foretext.serving.predictor import Predictor
from foretext.tasks.encode import encode
from foretext.tasks.examples import Example

BATCH = 32  # the paper's, and what most scripts take
COMPARED = ("HF fp32", "HF fp32 sorted", "HF autocast sorted")


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--rows", type=int, default=0, help="so many sentences (default: all)")
    arguments.add_argument("--preset", choices=list(PRESETS), default="gpt1", help="size of the model (default: gpt1)")
    arguments.add_argument("--model", help="an imported model instead, or gpt2-shape")
    given = arguments.parse_args()
    folder = data_folder(*["tasks/SST-2/dev.tsv"] if given.model else [])
    saved = named_classifier(given.model) if given.model else classifier(folder, given.preset)
    exact = Predictor.of(saved, device="cpu", precision="fp32", remembered=0)
    examples = [Example((text,)) for text in sentences(folder, given.rows)]
    encoded = encode(examples, exact.schema, saved.tokenizer, saved.gpt.settings.context)
    ids = [item.sequences[0] for item in encoded]
    peer = in_auto_model(saved) if given.model else in_transformers(saved.gpt)
    check(exact.answer(encoded).probabilities or (), probabilities(peer, ids))
    flops = forward_flops(map(len, ids), **sizes(saved.gpt))

    def turn(run: Callable[[], object]) -> Contender:
        def answer(_: int) -> Work:
            run()
            return Work(len(ids), flops)

        return answer

    by_length = sorted(ids, key=len)
    contenders = {
        "HF fp32": turn(lambda: probabilities(peer, ids)),
        "HF fp32 sorted": turn(lambda: probabilities(peer, by_length)),
    }
    if "bf16" in precisions():
        contenders["HF autocast"] = turn(lambda: probabilities(peer, ids, autocast=True))
        contenders["HF autocast sorted"] = turn(lambda: probabilities(peer, by_length, autocast=True))
    others = [name for name in COMPARED if name in contenders]
    for precision in precisions():
        predictor = Predictor.of(saved, device="cpu", precision=precision, remembered=0)
        contenders[f"foretext {precision}"] = turn(lambda predictor=predictor: predictor.answer(encoded))
    measured = measure(contenders, rounds=given.rounds, peaks=[name for name in precisions() if name != "int8"])
    found = report(
        "inference",
        measured,
        unit="examples/s",
        ratios={f"{name} by {other}": (f"foretext {name}", other) for name in precisions() for other in others},
        packages=("transformers",),
        dtype="as named",
        model=given.model or given.preset,
        sentences=len(ids),
        tokens=sum(map(len, ids)),
    )
    show(found, given.json)


def probabilities(model: torch.nn.Module, ids: Sequence[list[int]], *, autocast: bool = False) -> torch.Tensor:
    """What transformers' model says, in batches of `BATCH` in the order given."""
    found = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        for first in range(0, len(ids), BATCH):
            tokens, mask = padded(list(ids[first : first + BATCH]), model.config.pad_token_id)
            found.append(model(input_ids=tokens, attention_mask=mask).logits.float().softmax(-1))
    return torch.cat(found)


def check(ours: Sequence[Sequence[float]], theirs: torch.Tensor) -> None:
    """Ends the program if the two models are not the same."""
    miss = float((torch.tensor(ours) - theirs).abs().max())
    if miss > 1e-4:  # float32 through twelve layers
        sys.exit(f"Foretext and transformers differ by {miss:.2g} in a probability; they would not be the same work")


if __name__ == "__main__":
    main()
