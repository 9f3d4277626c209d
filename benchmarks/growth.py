"""How cost grows: time and peak memory against the size of what is worked on, with the exponent of a power law.

    python benchmarks/growth.py                          all questions: a table
    python benchmarks/growth.py --out docs/growth        and a plot of each as SVG
    python benchmarks/growth.py --quick                  small sizes, to rehearse
    python benchmarks/growth.py --only context rows-read --json

Every measurement runs in a process of its own. Time is that of the work alone, the median over rounds that interleave
the sizes; memory is the most that the process held at once, less what it held before the work. Text, labels and ids are
made up: words by Zipf's law, sentences of 20. The exponent is the slope of a straight line through the logarithms: 1
where cost grows as the size does, 0 where it does not grow at all, – where memory stays below 10 MB.

    tokenise, prepare      megabytes of text
    context, batch         tokens of a window, windows at once, in one update of pre-training; 4 layers × 256 elsewhere
    depth, width           layers, width of a state
    answers                of a multiple choice whose document has 120 tokens, in one update of fine-tuning
    rows-read              rows of a CSV file as `predict` reads and encodes them, a stream
    rows-kept              the same as `finetune` reads and encodes them, to draw from at random
    finetune-memory        gpt1, one update of 32 sentences: whole (0), in parts of 4 (1), those with --recompute (2)
"""

from __future__ import annotations

import argparse
import json
import math
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rounds import machine, parser, spread

sys.path.insert(0, str(Path(__file__).parents[1]))

WORDS, SENTENCE, PIECES = 20_000, 20, 2_000
TELLING_MEGABYTES = 10  # memory that stays below is what the interpreter happens to keep
Work = Callable[[], object]


@dataclass(frozen=True)
class Question:
    """What grows, in which unit, through which sizes, and who prepares the work of one size."""

    unit: str
    sizes: tuple[float, ...]
    quick: tuple[float, ...]
    ready: Callable[[float, Path], Work]
    exponent: bool = True


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("--only", nargs="+", choices=list(QUESTIONS), default=list(QUESTIONS))
    flags.add_argument("--quick", action="store_true", help="small sizes; exponents mean little")
    flags.add_argument("--out", type=Path, help="folder for the plots")
    flags.add_argument("--one", nargs=2, metavar=("QUESTION", "SIZE"), help=argparse.SUPPRESS)
    given = flags.parse_args()
    if given.one:
        print(json.dumps(one(given.one[0], float(given.one[1]))))
        return
    grown = {name: grow(name, given) for name in given.only}
    report: dict[str, Any] = {
        "benchmark": "growth",
        "machine": machine(),
        "rounds": given.rounds,
        "quick": given.quick,
        "growth": grown,
    }
    report["ratios"] = {
        f"{name}, exponent of {kind}": spread([found[kind]["exponent"]])
        for name, found in grown.items()
        for kind in ("seconds", "megabytes")
        if found[kind]["exponent"] is not None
    }
    if given.out:
        plot(grown, given.out)
    print(json.dumps(report) if given.json else "\n".join(table(report)))


def grow(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """All sizes of one question, and the exponents."""
    question = QUESTIONS[name]
    sizes = question.quick if given.quick else question.sizes
    found: dict[float, list[dict[str, float]]] = {size: [] for size in sizes}
    for turn in range(given.rounds):
        for size in sizes:
            print(f"{name} {size:g}, round {turn + 1} of {given.rounds}", file=sys.stderr)
            command = [sys.executable, __file__, "--one", name, str(size)]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
            found[size].append(json.loads(done.stdout.splitlines()[-1]))
    result: dict[str, Any] = {"unit": question.unit, "sizes": sizes}
    for kind in ("seconds", "megabytes"):
        values = [[once[kind] for once in found[size]] for size in sizes]
        middle = [statistics.median(value) for value in values]
        tells = question.exponent and (kind == "seconds" or max(middle) >= TELLING_MEGABYTES)
        result[kind] = {
            "values": [spread(value) for value in values],
            "exponent": exponent(sizes, middle) if tells else None,
        }
    return result


def exponent(sizes: tuple[float, ...], values: list[float]) -> float | None:
    """The slope of the straight line through the logarithms by least squares; None where a value is not above 0."""
    if min(values) <= 0:
        return None
    x, y = [math.log(size) for size in sizes], [math.log(value) for value in values]
    return round(statistics.linear_regression(x, y).slope, 2)


def one(name: str, size: float) -> dict[str, float]:
    """Seconds and megabytes of one size, in this process, which does nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        work = QUESTIONS[name].ready(size, Path(folder))
        before = forget_peak()
        began = time.perf_counter()
        work()
        seconds = time.perf_counter() - began
        most = peak()
    return {"seconds": seconds, "megabytes": max(0.0, most - before) / 1e6, "process_megabytes": most / 1e6}


def forget_peak() -> int:
    """Bytes that this process holds now, the most it ever held being forgotten; 0 where Linux does not help."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def peak() -> int:
    """The most bytes that this process held at once."""
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


# ------------------------------------------------------------------------------------------- what is made up


def text(megabytes: float) -> list[str]:
    """Paragraphs of made-up sentences, so many megabytes in all."""
    draw = random.Random(0)
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(WORDS)]
    weights = [1 / rank for rank in range(1, WORDS + 1)]
    paragraphs, size = [], 0.0
    while size < megabytes * 1e6:
        drawn = draw.choices(words, weights, k=100 * SENTENCE)
        lines = [" ".join(drawn[first : first + SENTENCE]) + "." for first in range(0, len(drawn), SENTENCE)]
        paragraphs.append(" ".join(lines))
        size += len(paragraphs[-1]) + 1
    return paragraphs


def learned(paragraphs: list[str]) -> Any:
    from foretext.tokenizer import Tokenizer

    return Tokenizer.learn_from_texts(paragraphs[:100], PIECES)


def labelled(rows: int, folder: Path) -> Path:
    """A CSV file of so many sentences of two classes."""
    sentences = [sentence for paragraph in text(2) for sentence in paragraph.split(".") if sentence]
    file = folder / "rows.csv"
    with file.open("w", encoding="utf-8") as out:
        out.write("text,label\n")
        for row in range(rows):
            out.write(f"{sentences[row % len(sentences)]},{'no' if row % 3 else 'yes'}\n")
    return file


# ------------------------------------------------------------------------------------------- the work of one size


def tokenising(megabytes: float, _: Path) -> Work:
    paragraphs = text(megabytes)
    tokenizer = learned(paragraphs)

    def work() -> int:
        return sum(len(tokenizer.encode(paragraph)) for paragraph in paragraphs)

    return work


def preparing(megabytes: float, folder: Path) -> Work:
    from foretext.corpus import prepare

    paragraphs = text(megabytes)
    tokenizer = learned(paragraphs)
    file = folder / "text.jsonl"
    file.write_text("".join(json.dumps({"text": paragraph}) + "\n" for paragraph in paragraphs), encoding="utf-8")
    del paragraphs
    return lambda: prepare([str(file)], folder / "corpus", tokenizer=tokenizer, workers=1)


def updating(batch: int = 4, **sizes: int) -> Work:
    """One update of pre-training, after one that is not timed; 4 layers × 256 and windows of 128 unless it is said."""
    from foretext_loop import Shape, pretraining

    from foretext.training.engine import Engine
    from foretext.training.freed_memory import give_back_freed_memory

    shape = replace(Shape(layers=4, width=256, heads=4, context=128, vocabulary=PIECES), **sizes)  # type: ignore[arg-type]
    loop = pretraining(shape, batch, Engine.start("cpu"))
    loop.update()
    give_back_freed_memory()  # or what that update had would not count in the next
    return loop.update


def answering(answers: float, _: Path) -> Work:
    """One update of fine-tuning, the second, on 4 questions with so many answers of 10 tokens to a document of 120."""
    from types import SimpleNamespace

    import numpy as np
    from foretext_loop import HEAD, ForetextLoop, Shape, plan

    from foretext.batch import pack
    from foretext.model.gpt import GPT
    from foretext.training.engine import Engine
    from foretext.training.freed_memory import give_back_freed_memory
    from foretext.training.objectives import FineTuning

    shape = Shape(layers=4, width=256, heads=4, context=160, vocabulary=PIECES)
    ids = np.random.default_rng(0)
    documents = [ids.integers(0, PIECES, 120).tolist() for _ in range(4)]
    examples = [
        [document + ids.integers(0, PIECES, 10).tolist() for _ in range(int(answers))] for document in documents
    ]
    batch = pack(examples, [0] * len(examples))
    head = SimpleNamespace(**{**HEAD, "combine": "choose", "outputs": 1})
    objective = FineTuning(GPT(shape, head), plan())  # type: ignore[arg-type]
    loop = ForetextLoop.of(objective, lambda update: batch, Engine.start("cpu"))
    loop.update()
    give_back_freed_memory()
    return loop.update


def streaming(rows: float, folder: Path) -> Work:
    from foretext.tasks.encode import encode_stream
    from foretext.tasks.files.problems import Problems
    from foretext.tasks.files.tables import open_table
    from foretext.tasks.reading import read_examples, unlabelled

    schema = read_examples(labelled(100, folder), kind="classification").schema
    file, tokenizer = labelled(int(rows), folder), learned(text(0.2))

    def work() -> int:
        with open_table(file) as table:
            examples = (example for _, example in unlabelled(table, schema, Problems(str(file), stop=True)))
            return sum(1 for _ in encode_stream(examples, schema, tokenizer, 128))

    return work


def keeping(rows: float, folder: Path) -> Work:
    from foretext.tasks.encode import encode
    from foretext.tasks.reading import read_examples

    file, tokenizer = labelled(int(rows), folder), learned(text(0.2))

    def work() -> int:
        reading = read_examples(file, kind="classification")
        return len(encode(reading.examples, reading.schema, tokenizer, 128))

    return work


def paper_sized(way: float, _: Path) -> Work:
    """One update of L3 with 32 sentences of up to 60 tokens; what it takes includes the weights and Adam's moments."""

    def work() -> int:
        from foretext_loop import Shape, finetuning, sentences

        from foretext.training.engine import Engine

        lengths = [10 + 50 * place // 31 for place in range(32)]
        batch = sentences(Shape(), lengths)
        loop = {0: {}, 1: {"micro_batch": 4}, 2: {"micro_batch": 4, "recompute": True}}[int(way)]
        return finetuning(Shape(), lambda update: batch, Engine.start("cpu"), **loop).update()

    return work


QUESTIONS = {
    "tokenise": Question("MB of text", (1, 2, 4, 8, 16), (0.1, 0.2, 0.4), tokenising),
    "prepare": Question("MB of text", (1, 2, 4, 8, 16), (0.1, 0.2, 0.4), preparing),
    "context": Question("tokens", (64, 128, 256, 512), (16, 32, 64), lambda size, _: updating(context=int(size))),
    "batch": Question("windows", (2, 4, 8, 16, 32), (1, 2, 4), lambda size, _: updating(int(size))),
    "depth": Question("layers", (2, 4, 8, 16), (1, 2, 4), lambda size, _: updating(layers=int(size))),
    "width": Question("width", (128, 256, 512, 1_024), (64, 128, 256), lambda size, _: updating(width=int(size))),
    "answers": Question("answers", (2, 4, 8, 16), (2, 4, 8), answering),
    "rows-read": Question("rows", (1_000, 10_000, 100_000, 1_000_000), (500, 1_000, 2_000), streaming),
    "rows-kept": Question("rows", (1_000, 10_000, 100_000, 1_000_000), (500, 1_000, 2_000), keeping),
    "finetune-memory": Question("way", (0, 1, 2), (0, 1, 2), paper_sized, exponent=False),
}


# ------------------------------------------------------------------------------------------- what is shown


def table(report: dict[str, Any]) -> list[str]:
    about = report["machine"]
    lines = [f"{about['processor']}, {about['cores']} cores, load {about['load']}; Python {about['python']}"]
    for name, found in report["growth"].items():
        exponents = {kind: found[kind]["exponent"] for kind in ("seconds", "megabytes")}
        lines += [
            "",
            f"{name}: exponent of time {shown(exponents['seconds'])}, of memory {shown(exponents['megabytes'])}",
            f"{found['unit']:>14}{'seconds':>12}{'low':>10}{'high':>10}{'MB':>12}{'low':>10}{'high':>10}",
        ]
        for place, size in enumerate(found["sizes"]):
            cells = [found[kind]["values"][place] for kind in ("seconds", "megabytes")]
            figures = "".join(f"{cell['median']:12.4g}{cell['low']:10.4g}{cell['high']:10.4g}" for cell in cells)
            lines.append(f"{size:14,g}{figures}")
    return lines


def shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def plot(grown: dict[str, Any], folder: Path) -> None:
    """A plot of each question, time and memory side by side on logarithmic axes, as FOLDER/QUESTION.svg."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    for name, found in grown.items():
        figure, axes = pyplot.subplots(1, 2, figsize=(8, 3), layout="constrained")
        for axis, kind in zip(axes, ("seconds", "megabytes"), strict=True):
            values = found[kind]["values"]
            middle = [value["median"] for value in values]
            reach = [[value["median"] - value["low"] for value in values], [v["high"] - v["median"] for v in values]]
            axis.errorbar(found["sizes"], middle, yerr=reach, marker="o", capsize=3)
            if found[kind]["exponent"] is not None:
                axis.set(xscale="log", yscale="log")
            axis.set(xlabel=found["unit"], ylabel=kind, title=f"exponent {shown(found[kind]['exponent'])}")
        figure.suptitle(name)
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        pyplot.close(figure)


if __name__ == "__main__":
    main()
