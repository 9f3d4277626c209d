"""How fast ONNX Runtime answers an exported model beside Foretext, one thread each.

    python benchmarks/exported.py --json                the paper's model, 20 sentences a round
    python benchmarks/exported.py --dry-run             a rehearsal with a tiny model; no figures

FORETEXT_DATA names the folder with `tasks/SST-2` and `gpt1-bpe`; weights are random. Both go from text to
probabilities: the folder's own answer.py, in this process, and `Predictor.predict`, which keeps no answers here. One
sentence at a time, a speed is one over the median time of the round's sentences; all at once, it is sentences by time,
and answer.py in int8, which gives each sentence a call of its own, is left out. Before, both must say the same in fp32.
int8 is not the same on both sides: ours has eight bits where the processor has VNNI, what ONNX Runtime gets has seven
everywhere.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported

import runpy
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from latency import one_by_one
from peers import classifier, data_folder, precisions, sentences
from rounds import Contender, Work, measure, parser, report, show

from foretext.model.settings import PRESETS
from foretext.portable.agreement import GREATEST
from foretext.portable.folder import MODEL, Precision, write_portable
from foretext.serving.predictor import Prediction, Predictor

BOTH: tuple[Precision, ...] = ("fp32", "int8")
TOGETHER = ", all at once"


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--rows", type=int, default=20, help="sentences a round (default: 20)")
    arguments.add_argument("--preset", choices=list(PRESETS), default="gpt1", help="size of the model (default: gpt1)")
    arguments.add_argument("--dry-run", action="store_true", help="a tiny model, five sentences and one round")
    given = arguments.parse_args()
    if given.dry_run:
        given.preset, given.rows, given.rounds = "tiny", 5, 1
    torch.set_num_threads(1)
    folder = data_folder()
    saved, texts = classifier(folder, given.preset), sentences(folder, given.rows)
    contenders: dict[str, Contender] = {}
    with tempfile.TemporaryDirectory() as made:
        for precision in BOTH:
            print(f"exporting in {precision}", file=sys.stderr)
            write_portable(Path(made) / precision, saved, precision)
            answer = answering(Path(made) / precision)
            contenders[f"ONNX Runtime {precision}"] = one_by_one(lambda text, ask=answer: ask([text]), texts)
            if precision == "fp32":
                contenders[f"ONNX Runtime {precision}{TOGETHER}"] = together(answer, texts)
                exact = answer(texts)
        for precision in precisions():
            predictor = Predictor.of(saved, device="cpu", precision=precision, remembered=0)
            contenders[f"foretext {precision}"] = one_by_one(lambda text, model=predictor: model.predict([text]), texts)
            contenders[f"foretext {precision}{TOGETHER}"] = together(predictor.predict, texts)
            if precision == "fp32":
                apart = furthest(exact, predictor.predict(texts))
        measured = measure(contenders, rounds=given.rounds)
    times = {name: round(1e3 / statistics.median(speeds), 2) for name, speeds in measured.speeds.items()}
    shared = [precision for precision in BOTH if precision in precisions()]
    found = report(
        "exported",
        measured,
        unit="sentences/s",
        ratios={
            f"{one}, theirs by ours": (f"ONNX Runtime {one}", f"foretext {one}") for one in (*shared, f"fp32{TOGETHER}")
        },
        packages=("onnxruntime",),
        dtype="as named",
        preset=given.preset,
        sentences=len(texts),
        milliseconds={name: value for name, value in times.items() if not name.endswith(TOGETHER)},
        furthest_apart_in_fp32=apart,
    )
    show(found, given.json)


def together(answer: Callable[[list[str]], object], texts: list[str]) -> Contender:
    def turn(_: int) -> Work:
        answer(texts)
        return Work(len(texts))

    return turn


def furthest(theirs: list[dict[str, Any]], ours: list[Prediction]) -> float:
    """The greatest difference between two probabilities; where it is too great, the end."""
    found = max(
        abs(one["probabilities"][name] - value)
        for one, other in zip(theirs, ours, strict=True)
        for name, value in (other.probabilities or {}).items()
    )
    if not found <= GREATEST:
        sys.exit(f"in fp32 the answers differ by {found:.2g}, so their speeds are of different things")
    return float(f"{found:.2g}")


def answering(folder: Path) -> Callable[[list[str]], list[dict[str, Any]]]:
    """The folder's answer.py with one thread."""
    sys.path.insert(0, str(folder))  # where its paper_text is
    answer = runpy.run_path(str(folder / "answer.py"))["answer"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / MODEL), options, providers=["CPUExecutionProvider"])
    assert "SESSION" in answer.__globals__, "what answer.py asks"
    answer.__globals__["SESSION"] = session
    return answer  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
