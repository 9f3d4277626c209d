"""How fast text becomes ids: Foretext's mode `paper`, the released algorithm on spaCy, and transformers' tokenizer.

    python benchmarks/tokenizer.py                       a table: MB/s, and how many times as fast Foretext is
    python benchmarks/tokenizer.py --json                the same as one line of JSON
    python benchmarks/tokenizer.py --megabytes 8 --rounds 7

FORETEXT_DATA names the folder with `corpus/` (English books) and `gpt1-bpe/` (the released vocabulary). Books are cut
into texts of some 20,000 characters. Every round runs all contenders one after the other, each round starting with
another; reported are the median over rounds, the lowest and the highest. Ratios are taken within a round.

    cold    nothing is remembered from earlier texts     warm    all texts were encoded once before, by the same process
    x2      two processes with half of the texts each, which are sent to them in the time measured, as `prepare` does

The released algorithm is written here from its description: ftfy, punctuation set apart, spaCy's English tokenizer,
lower case, byte-pair merges with each word remembered. Before anything is timed, its ids and Foretext's are compared
with the golden ones. Slow contenders get a share of the texts, and MB/s are of that share. transformers gives other ids
(it has neither ftfy nor spaCy); in batches it uses as many threads as there are cores.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from importlib.metadata import version
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

TEXT_CHARACTERS = 20_000
SLOW_SHARE = 8  # slow contenders encode one text of so many
RATIOS = {  # each against Foretext, warm, in as many processes
    "released": "foretext warm",
    "transformers one by one": "foretext warm",
    "released x2": "foretext warm x2",
    "transformers in batches": "foretext warm x2",
}

Run = Callable[[list[str]], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=4.0, help="text to encode (default: 4)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of all contenders (default: 5)")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of the table")
    arguments = parser.parse_args()
    data = data_folder()
    texts = list(read_texts(data / "corpus", arguments.megabytes))
    check_golden(data / "gpt1-bpe")
    speeds = measure(data / "gpt1-bpe", texts, arguments.rounds)
    ratios = {
        name: spread([ours / other for ours, other in zip(speeds[base], speeds[name], strict=True)])
        for name, base in RATIOS.items()
    }
    report = {
        "benchmark": "tokenizer",
        "machine": machine(),
        "megabytes": round(megabytes(texts), 2),
        "rounds": arguments.rounds,
        "megabytes_per_second": {name: spread(values) for name, values in speeds.items()},
        "ratios": ratios,
    }
    print(json.dumps(report) if arguments.json else "\n".join(table(report)))


def data_folder() -> Path:
    folder = os.environ.get("FORETEXT_DATA")
    if not folder:
        sys.exit("FORETEXT_DATA names no folder; it must hold corpus/ (books) and gpt1-bpe/ (the released vocabulary)")
    for name in ("corpus/books-valid.jsonl.xz", "gpt1-bpe/golden.jsonl"):
        if not (Path(folder) / name).is_file():
            sys.exit(f"there is no {name} in {folder}, the folder that FORETEXT_DATA names")
    return Path(folder)


def read_texts(corpus: Path, wanted: float) -> Iterator[str]:
    """Parts of books, cut between paragraphs, until there are `wanted` megabytes."""
    done = 0
    for file in sorted(corpus.glob("books-*.jsonl.xz"), reverse=True):
        with lzma.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                for text in parts(json.loads(line)["text"]):
                    yield text
                    done += len(text.encode())
                    if done >= wanted * 1e6:
                        return


def parts(book: str) -> Iterator[str]:
    start = 0
    while start < len(book):
        end = book.find("\n\n", start + TEXT_CHARACTERS)
        end = len(book) if end < 0 else end
        yield book[start:end]
        start = end


def megabytes(texts: list[str]) -> float:
    return sum(len(text.encode()) for text in texts) / 1e6


class Foretext:
    """Ours; what `prepare` calls for each document."""

    def __init__(self, folder: Path) -> None:
        from foretext.tokenizer import Tokenizer

        self.encode = Tokenizer.openai(folder).encode

    def run(self, texts: list[str]) -> int:
        return sum(len(self.encode(text)) for text in texts)


class Released:
    """The algorithm of the code released with the paper, as described in the recipe's point 17."""

    MARKS = re.compile(r"(-+|~+|!+|\"+|;+|\?+|\++|,+|\)+|\(+|/+|\*+|\[+|\]+|\}+|\{+|\|+|_+)")

    def __init__(self, folder: Path) -> None:
        import ftfy
        import spacy

        self.repair, self.words = ftfy.fix_text, spacy.blank("en")
        self.ids = json.loads((folder / "encoder_bpe_40000.json").read_text(encoding="utf-8"))
        merges = (folder / "vocab_40000.bpe").read_text(encoding="utf-8").rstrip("\n").split("\n")[1:]
        self.rank = {tuple(line.split(" ")): number for number, line in enumerate(merges)}
        self.known: dict[str, list[int]] = {}

    def run(self, texts: list[str]) -> int:
        return sum(len(self.encode(text)) for text in texts)

    def encode(self, text: str) -> list[int]:
        ids: list[int] = []
        for word in self.words(self.standardise(self.repair(text))):
            ids += self.ids_of(word.text.lower())
        return ids

    def standardise(self, text: str) -> str:
        for old, new in (("—", "-"), ("–", "-"), ("―", "-"), ("…", "..."), ("´", "'")):
            text = text.replace(old, new)
        text = self.MARKS.sub(r" \1 ", text)
        text = re.sub(r"\s*\n\s*", " \n ", text)
        return re.sub(r"[^\S\n]+", " ", text).strip()

    def ids_of(self, word: str) -> list[int]:
        if word not in self.known:
            pieces = ["\n</w>"] if word.isspace() else self.merged([*word[:-1], word[-1] + "</w>"])
            self.known[word] = [self.ids.get(piece, 0) for piece in pieces]
        return self.known[word]

    def merged(self, pieces: list[str]) -> list[str]:
        """The pieces after all merges: the earliest learned of the pairs at hand is merged wherever it occurs."""
        while len(pieces) > 1:
            best = min(pairwise(pieces), key=lambda pair: self.rank.get(pair, len(self.rank)))
            if best not in self.rank:
                break
            done, place = list[str](), 0
            while place < len(pieces):
                width = 2 if tuple(pieces[place : place + 2]) == best else 1
                done.append("".join(pieces[place : place + width]))
                place += width
            pieces = done
        return pieces


class Transformers:
    """`OpenAIGPTTokenizer` of transformers with the released vocabulary."""

    def __init__(self, folder: Path) -> None:
        from transformers import OpenAIGPTTokenizer

        ids = json.loads((folder / "encoder_bpe_40000.json").read_text(encoding="utf-8"))
        merges = (folder / "vocab_40000.bpe").read_text(encoding="utf-8").rstrip("\n").split("\n")[1:]
        self.tokenizer = OpenAIGPTTokenizer(vocab=ids, merges=[tuple(line.split(" ")) for line in merges])

    def run(self, texts: list[str]) -> int:
        return sum(len(self.tokenizer(text)["input_ids"]) for text in texts)

    def run_batch(self, texts: list[str]) -> int:
        return sum(map(len, self.tokenizer(texts)["input_ids"]))


def check_golden(folder: Path) -> None:
    """Ends the program if our ids or those of the released algorithm, as written here, are not the golden ones."""
    golden = [json.loads(line) for line in (folder / "golden.jsonl").read_text(encoding="utf-8").splitlines()]
    for contender in (Foretext(folder), Released(folder)):
        wrong = sum(contender.encode(item["text"]) != item["ids"] for item in golden)
        if wrong:
            sys.exit(f"{type(contender).__name__}: {wrong} of {len(golden)} golden texts get other ids")


def measure(folder: Path, texts: list[str], rounds: int) -> dict[str, list[float]]:
    """MB/s of each contender in each round."""
    few = texts[::SLOW_SHARE]
    with ExitStack() as stack:
        warm, released, transformers = Foretext(folder), Released(folder), Transformers(folder)
        contenders: dict[str, tuple[Callable[[], Run], list[str]]] = {
            "foretext cold": (lambda: Foretext(folder).run, texts),
            "foretext warm": (lambda: warm.run, texts),
            "released": (lambda: released.run, few),
            "transformers one by one": (lambda: transformers.run, few),
            "transformers in batches": (lambda: transformers.run_batch, texts),
        }
        for name, kind, own in (("foretext warm x2", "Foretext", texts), ("released x2", "Released", few)):
            pair = stack.enter_context(Pair(kind, folder))
            contenders[name] = (lambda pair=pair: pair.run, own)
        for start, own in contenders.values():  # once before the first round, to fill what is remembered
            start()(own)
        speeds: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            names = list(contenders)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                start, own = contenders[name]
                run = start()
                began = time.perf_counter()
                run(own)
                speeds[name].append(megabytes(own) / (time.perf_counter() - began))
    return speeds


class Pair:
    """Two processes with a contender each; each always gets the same half of the texts."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.pools = [
            ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=ready, initargs=(kind, folder))
            for _ in range(2)
        ]

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self.pools:
            pool.shutdown()

    def run(self, texts: list[str]) -> int:
        halves = [pool.submit(run_here, texts[number::2]) for number, pool in enumerate(self.pools)]
        return sum(half.result() for half in halves)


_here: Foretext | Released  # of a worker process


def ready(kind: str, folder: Path) -> None:
    global _here
    _here = {"Foretext": Foretext, "Released": Released}[kind](folder)


def run_here(texts: list[str]) -> int:
    return _here.run(texts)


def spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 2),
        "low": round(min(values), 2),
        "high": round(max(values), 2),
    }


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()) if sys.platform == "linux" else []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ("foretext", "tokenizers", "ftfy", "spacy", "transformers")
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": cores,
        "load": [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "threads": os.environ.get("RAYON_NUM_THREADS", f"{cores} (all cores)"),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def table(report: dict[str, Any]) -> list[str]:
    about = report["machine"]
    lines = [
        f"{about['processor']}, {about['cores']} cores, load {about['load']}, threads of tokenizers {about['threads']}",
        f"Python {about['python']}, " + ", ".join(f"{name} {number}" for name, number in about["versions"].items()),
        f"{report['megabytes']} MB of English books, {report['rounds']} rounds, ids checked against the golden ones",
        "",
        f"{'':26}{'MB/s':>8}{'low':>8}{'high':>8}   foretext, warm, is so many times as fast",
    ]
    for name, speed in report["megabytes_per_second"].items():
        line = f"{name:26}{speed['median']:8.2f}{speed['low']:8.2f}{speed['high']:8.2f}"
        ratio = report["ratios"].get(name)
        if ratio:
            line += f"   {ratio['median']:.1f} ({ratio['low']:.1f} to {ratio['high']:.1f})"
        lines.append(line)
    return lines


if __name__ == "__main__":
    main()
