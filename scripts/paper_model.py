"""The paper's model from raw books to tables: the commands, in order, each done once.

    python scripts/paper_model.py OUT --print          the commands and nothing else
    python scripts/paper_model.py OUT --updates 6000   as many updates of pre-training as there is time for
    python scripts/paper_model.py OUT --only ablations zero-shot
    python scripts/paper_model.py OUT --toy            the same commands at toy size, in minutes on a CPU

Reads $FORETEXT_DATA (corpus, gpt1-bpe, tasks). A step that is done leaves OUT/done/STEP and is passed over when the
script is run again; one that was stopped goes on where it was. `--updates` shortens the paper's 100 epochs of a larger
corpus, and the schedule with them; all else is the paper's but for bf16 products and compiled layers, which a run
prints.

    tokenizer      the released vocabulary, mode `paper`
    prepare        the books in its pieces (before it --toy writes stories instead)
    pretrain       `gpt1`: 12 layers, width 768, context 512, dropout 0.1; keeps its checkpoints at 8 points
    perplexity-K   of `books-valid` at each of the 8, as JSON
    reproduce-T    the paper's tables 2 and 4: every task whose files are there, 3 seeds, the paper's figures beside
    ablations      its table 5: from these weights and from scratch, λ 0.5 and 0
    layers         its figure 2, left: 0, 3, 6, 9 and 12 layers on SNLI and SST-2
    zero-shot      its figure 2, right: at the 8 checkpoints
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

POINTS = 8
TASKS = ("SST-2", "CoLA", "RTE", "STS-B", "QNLI", "MNLI", "SNLI", "OpenBookQA", "COPA")
ZERO_SHOT = ("SST-2", "CoLA", "OpenBookQA", "DPR")
TABLES = (2, 4)  # the data of table 3, RACE and Story Cloze, have to be asked for

SIZES = ["--preset", "gpt1", "--precision", "bf16", "--compile", "layers", "--micro-batch", "auto"]
TOY_UPDATES = 16
TOY_SIZES = [
    *("--preset", "gpt1", "--layers", "2", "--width", "32", "--heads", "2", "--context", "128"),
    *("--batch", "4", "--warmup", "4", "--validation-tokens", "2000"),
]
FAST = ["--precision", "bf16"]
TOY_RUNS = ["--train-rows", "64", "--score-rows", "64", "--epochs", "1"]
TOY_STORIES = 300


@dataclass(frozen=True)
class Step:
    """One command; what it prints goes to `output` as well as where it is asked for."""

    name: str
    command: list[str]
    output: Path | None = None

    def __str__(self) -> str:
        return shlex.join(self.command) + (f" > {shlex.quote(str(self.output))}" if self.output else "")


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("out", type=Path, metavar="OUT")
    flags.add_argument("--updates", type=int, default=6_000, help="of pre-training, a multiple of 8 (default: 6000)")
    flags.add_argument("--seeds", type=int, default=3, help="of each fine-tuning (default: 3)")
    flags.add_argument("--only", nargs="+", metavar="STEP", help="these steps alone")
    flags.add_argument("--print", action="store_true", dest="prints")
    flags.add_argument("--toy", action="store_true")
    given = flags.parse_args()
    data = os.environ.get("FORETEXT_DATA")
    if data is None:
        flags.error("FORETEXT_DATA does not name the folder with corpus, gpt1-bpe and tasks")
    updates, seeds = (TOY_UPDATES, 1) if given.toy else (given.updates, given.seeds)
    if updates < POINTS or updates % POINTS:
        flags.error(f"--updates {updates} is not a multiple of {POINTS}")
    steps = planned(given.out, Path(data), updates, seeds, toy=given.toy)
    if unknown := set(given.only or ()) - {step.name for step in steps}:
        flags.error(f"no such step: {', '.join(sorted(unknown))}; there are {', '.join(step.name for step in steps)}")
    for step in steps:
        if given.only and step.name not in given.only:
            continue
        print(f"# {step.name}\n{step}", flush=True)
        if not given.prints:
            do(step, given.out)


def planned(out: Path, data: Path, updates: int, seeds: int, *, toy: bool) -> list[Step]:
    """Every step, in order."""
    books, model, studies = out / "books", out / "gpt1", out / "studies"
    texts, unseen = sorted((data / "corpus").glob("books-train-*")), data / "corpus" / "books-valid.jsonl.xz"
    if toy:
        texts, unseen = [out / "stories" / "corpus"], out / "stories" / "sample.txt"
    rest = TOY_RUNS if toy else FAST
    return [
        Step("tokenizer", _python(_TOKENIZER, data / "gpt1-bpe", out / "tokenizer")),
        *([Step("stories", _foretext("storyworld", stories=TOY_STORIES, out=out / "stories"))] if toy else []),
        Step("prepare", _foretext("prepare", *texts, tokenizer=out / "tokenizer", out=books)),
        Step(
            "pretrain",
            [
                *_foretext("pretrain", books, updates=updates, out=model, validate_every=updates // POINTS),
                *("--keep-checkpoints", str(POINTS), *(TOY_SIZES if toy else SIZES)),
            ],
        ),
        *(
            Step(
                f"perplexity-{point}",
                [*_foretext("perplexity", model, unseen, update=updates * point // POINTS), "--json"],
                out / f"perplexity-{point}.json",
            )
            for point in range(1, POINTS + 1)
        ),
        *(
            Step(
                f"reproduce-{table}",
                [*_foretext("reproduce", model=model, table=table, seeds=seeds, out=studies), *rest],
                out / f"table-{table}.txt",
            )
            for table in TABLES
        ),
        Step("ablations", [*_foretext("study", "ablations", model, *TASKS, seeds=seeds, out=studies), *rest]),
        Step(
            "layers",
            [
                *_foretext("study", "layers", model, "SNLI", "SST-2", seeds=seeds, out=studies),
                *(word for count in ((0, 1, 2) if toy else (0, 3, 6, 9, 12)) for word in ("--layers", str(count))),
                *rest,
            ],
        ),
        Step(
            "zero-shot",
            [
                *_foretext("study", "zero-shot", model, out=studies),
                *(word for task in ZERO_SHOT for word in ("--tasks", task)),
            ],
        ),
    ]


_TOKENIZER = "import sys; from foretext import Tokenizer; Tokenizer.openai(sys.argv[1]).save(sys.argv[2])"


def _python(program: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", program, *map(str, arguments)]


def _foretext(*words: object, **flags: object) -> list[str]:
    named = (word for name, value in flags.items() for word in (f"--{name.replace('_', '-')}", str(value)))
    return [sys.executable, "-m", "foretext", *map(str, words), *named]


def do(step: Step, out: Path) -> None:
    """Runs a step that is not done, and marks it done; ends the script where it fails."""
    from foretext.files import write_text

    done = out / "done" / step.name
    if done.exists():
        if done.read_text(encoding="utf-8") != str(step):
            sys.exit(f"{done} was done with another command; choose another OUT")
        return
    command = step.command
    if step.name == "pretrain" and (out / "gpt1" / "run.json").exists():
        command = [*command, "--resume"]
    finished = subprocess.run(command, stdout=subprocess.PIPE if step.output else None, text=True)
    if finished.returncode:
        sys.exit(finished.returncode)
    if step.output:
        print(finished.stdout, end="")
        write_text(step.output, finished.stdout)
    done.parent.mkdir(parents=True, exist_ok=True)
    write_text(done, str(step))


if __name__ == "__main__":
    main()
