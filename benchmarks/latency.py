"""How long one sentence takes, from text to probabilities: the median over sentences, random weights.

    python benchmarks/latency.py                        the paper's model, 20 sentences a round
    python benchmarks/latency.py --preset tiny --rows 5 --rounds 1

FORETEXT_DATA names the folder with `tasks/SST-2` and `gpt1-bpe`. The peer is transformers' OpenAIGPT with the same
weights and its own tokenizer of the same vocabulary. Each sentence is another, is given alone and is not remembered;
Foretext's contenders are `Predictor.predict`, in each precision that the processor computes in. A speed is one over the
median time of the round's sentences.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from peers import classifier, data_folder, in_transformers, precisions, sentences
from rounds import Contender, Work, measure, parser, report, show

from foretext.model.settings import PRESETS
from foretext.serving.predictor import Predictor


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--rows", type=int, default=20, help="sentences a round (default: 20)")
    arguments.add_argument("--preset", choices=list(PRESETS), default="gpt1", help="size of the model (default: gpt1)")
    given = arguments.parse_args()
    folder = data_folder()
    saved, texts = classifier(folder, given.preset), sentences(folder, given.rows)
    tokenizer, peer = peer_tokenizer(folder / "gpt1-bpe"), in_transformers(saved.gpt)

    def theirs(text: str) -> object:
        with torch.inference_mode():
            return peer(**tokenizer([text], return_tensors="pt")).logits.softmax(-1).tolist()

    contenders = {"HF fp32": one_by_one(theirs, texts)}
    for precision in precisions():
        predictor = Predictor.of(saved, device="cpu", precision=precision, remembered=0)
        contenders[f"foretext {precision}"] = one_by_one(lambda text, model=predictor: model.predict([text]), texts)
    measured = measure(contenders, rounds=given.rounds)
    times = {name: round(1e3 / statistics.median(speeds), 2) for name, speeds in measured.speeds.items()}
    found = report(
        "latency",
        measured,
        unit="sentences/s, one by one",
        ratios={f"{precision} by HF fp32": (f"foretext {precision}", "HF fp32") for precision in precisions()},
        packages=("transformers",),
        dtype="as named",
        preset=given.preset,
        sentences=len(texts),
        milliseconds=times,
    )
    show(found, given.json)


def one_by_one(answer: Callable[[str], object], texts: list[str]) -> Contender:
    def turn(_: int) -> Work:
        times = []
        for text in texts:
            began = time.perf_counter()
            answer(text)
            times.append(time.perf_counter() - began)
        return Work(1, seconds=statistics.median(times))

    return turn


def peer_tokenizer(folder: Path) -> Any:
    from transformers import OpenAIGPTTokenizer

    ids = json.loads((folder / "encoder_bpe_40000.json").read_text(encoding="utf-8"))
    merges = (folder / "vocab_40000.bpe").read_text(encoding="utf-8").rstrip("\n").split("\n")[1:]
    return OpenAIGPTTokenizer(vocab=ids, merges=[tuple(line.split(" ")) for line in merges])


if __name__ == "__main__":
    main()
