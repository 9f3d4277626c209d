"""How fast ONNX Runtime answers an exported model beside Foretext: one sentence at a time, one thread each.

    python benchmarks/exported.py                        the paper's model, 20 sentences a round
    python benchmarks/exported.py --preset tiny --rows 5 --rounds 1

FORETEXT_DATA names the folder with `tasks/SST-2` and `gpt1-bpe`; weights are random. Both go from text to
probabilities: the folder's own answer.py, in this process, and `Predictor.predict`, which keeps no answers here. A
speed is one over the median time of the round's sentences. int8 is not the same on both sides: ours has eight bits
where the processor has VNNI, what ONNX Runtime gets has seven everywhere.
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

import onnxruntime
import torch
from latency import one_by_one
from peers import classifier, data_folder, precisions, sentences
from rounds import Contender, measure, parser, report, show

from foretext.model.settings import PRESETS
from foretext.portable.folder import MODEL, Precision, write_portable
from foretext.serving.predictor import Predictor

BOTH: tuple[Precision, ...] = ("fp32", "int8")


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--rows", type=int, default=20, help="sentences a round (default: 20)")
    arguments.add_argument("--preset", choices=list(PRESETS), default="gpt1", help="size of the model (default: gpt1)")
    given = arguments.parse_args()
    torch.set_num_threads(1)
    folder = data_folder()
    saved, texts = classifier(folder, given.preset), sentences(folder, given.rows)
    contenders: dict[str, Contender] = {}
    with tempfile.TemporaryDirectory() as made:
        for precision in BOTH:
            write_portable(Path(made) / precision, saved, precision)
            contenders[f"ONNX Runtime {precision}"] = one_by_one(answering(Path(made) / precision), texts)
        for precision in precisions():
            predictor = Predictor.of(saved, device="cpu", precision=precision, remembered=0)
            contenders[f"foretext {precision}"] = one_by_one(lambda text, model=predictor: model.predict([text]), texts)
        measured = measure(contenders, rounds=given.rounds)
    times = {name: round(1e3 / statistics.median(speeds), 2) for name, speeds in measured.speeds.items()}
    shared = [precision for precision in BOTH if precision in precisions()]
    found = report(
        "exported",
        measured,
        unit="sentences/s, one by one",
        ratios={f"{one}, theirs by ours": (f"ONNX Runtime {one}", f"foretext {one}") for one in shared},
        packages=("onnxruntime",),
        dtype="as named",
        preset=given.preset,
        sentences=len(texts),
        milliseconds=times,
    )
    show(found, given.json)


def answering(folder: Path) -> Callable[[str], object]:
    """The folder's answer.py for one sentence, with one thread."""
    sys.path.insert(0, str(folder))  # where its paper_text is
    answer = runpy.run_path(str(folder / "answer.py"))["answer"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / MODEL), options, providers=["CPUExecutionProvider"])
    answer.__globals__["SESSION"] = session
    return lambda text: answer([text])


if __name__ == "__main__":
    main()
