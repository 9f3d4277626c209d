"""How fast text becomes ids: Foretext's mode `paper`, the released algorithm on spaCy, and transformers' tokenizer.

    python benchmarks/tokenizer.py                       a table: MB/s, and how many times as fast Foretext is
    python benchmarks/tokenizer.py --json                the same as one line of JSON
    python benchmarks/tokenizer.py --megabytes 8 --rounds 7

FORETEXT_DATA names the folder with `corpus/` (English books) and `gpt1-bpe/` (the released vocabulary). Books are cut
into texts of some 20,000 characters. How rounds are run and ratios taken: `rounds.py`.

    cold    nothing is remembered from earlier texts     warm    all texts were encoded once before, by the same process
    x2      two processes with half of the texts each, which are sent to them in the time measured, as `prepare` does

The released algorithm is written here from its description: ftfy, punctuation set apart, spaCy's English tokenizer,
lower case, byte-pair merges with each word remembered. Before anything is timed, its ids and Foretext's are compared
with the golden ones. Slow contenders get a share of the texts, and MB/s are of that share. transformers gives other ids
(it has neither ftfy nor spaCy); in batches it uses as many threads as there are cores.
"""

from __future__ import annotations

import json
import lzma
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

from rounds import Contender, Work, measure, parser, report, show

TEXT_CHARACTERS = 20_000
SLOW_SHARE = 8  # slow contenders encode one text of so many
RATIOS = {  # Foretext by whom, in as many processes
    "released": ("foretext warm", "released"),
    "transformers one by one": ("foretext warm", "transformers one by one"),
    "released x2": ("foretext warm x2", "released x2"),
    "transformers in batches": ("foretext warm x2", "transformers in batches"),
}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--megabytes", type=float, default=4.0, help="text to encode (default: 4)")
    given = arguments.parse_args()
    data = data_folder()
    texts = list(read_texts(data / "corpus", given.megabytes))
    check_golden(data / "gpt1-bpe")
    with ExitStack() as stack:
        measured = measure(contenders(stack, data / "gpt1-bpe", texts, given.rounds), rounds=given.rounds)
    found = report(
        "tokenizer",
        measured,
        unit="MB/s of English books",
        ratios=RATIOS,
        packages=("tokenizers", "ftfy", "spacy", "transformers"),
        megabytes=round(megabytes(texts), 2),
        threads_of_tokenizers=os.environ.get("RAYON_NUM_THREADS", "all cores"),
    )
    show(found, given.json)


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


def contenders(stack: ExitStack, folder: Path, texts: list[str], rounds: int) -> dict[str, Contender]:
    """By name; slow ones get a share of the texts. Those with processes of their own end with `stack`."""
    few = texts[::SLOW_SHARE]
    fresh = [Foretext(folder) for _ in range(rounds + 1)]
    warm, released, transformers = Foretext(folder), Released(folder), Transformers(folder)
    pair = stack.enter_context(Pair("Foretext", folder))
    released_pair = stack.enter_context(Pair("Released", folder))

    def turn(run: Callable[[list[str]], object], own: list[str]) -> Contender:
        def encode(_: int) -> Work:
            run(own)
            return Work(megabytes(own))

        return encode

    return {
        "foretext cold": turn(lambda own: fresh.pop().run(own), texts),
        "foretext warm": turn(warm.run, texts),
        "released": turn(released.run, few),
        "transformers one by one": turn(transformers.run, few),
        "transformers in batches": turn(transformers.run_batch, texts),
        "foretext warm x2": turn(pair.run, texts),
        "released x2": turn(released_pair.run, few),
    }


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


if __name__ == "__main__":
    main()
