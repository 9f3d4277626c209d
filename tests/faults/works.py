"""The commands that are cut off here, each with what it makes, and what a person types when it was cut off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SMALL = "--layers 1 --width 32 --heads 2 --context 32"


@dataclass(frozen=True)
class Work:
    """A command, typed in a folder beside that of the data, `../data`, and the name of what it makes there."""

    command: str
    makes: str
    is_a_run: bool = False  # which takes --resume

    def arguments(self, folder: Path) -> list[str]:
        """What is typed in `folder`: the same again, with --resume where there is a run."""
        again = self.is_a_run and (folder / self.makes / "run.json").exists()
        return [*self.command.split(), *(["--resume"] if again else [])]


# Checkpoints and validations fall between lines of the log, within epochs; dropout is on.
WORKS: Mapping[str, Work] = {
    "pretrain": Work(
        f"pretrain ../data/corpus --out run {SMALL} --updates 30 --batch 4 --learning-rate 1e-2 --warmup 5 --seed 3 "
        "--device cpu --precision fp32 --log-every 5 --checkpoint-every 4 --validate-every 11",
        "run",
        is_a_run=True,
    ),
    "finetune": Work(
        "finetune ../data/model ../data/train.csv --kind classification --out run --epochs 4 --batch 8 --micro-batch 3 "
        "--learning-rate 1e-2 --optimizer muon --device cpu --precision bf16 --log-every 4 --checkpoint-every 3 "
        "--validate-every 5 --patience 3",
        "run",
        is_a_run=True,
    ),
    "prepare": Work(
        "prepare ../data/text --tokenizer ../data/tokenizer --out corpus --validation 0.2 --workers 1", "corpus"
    ),
    "learn-tokenizer": Work("learn-tokenizer ../data/text --size 70 --out tokenizer", "tokenizer"),
    "predict": Work("predict ../data/classifier ../data/new.csv --out answers.csv --device cpu", "answers.csv"),
}
