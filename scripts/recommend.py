"""Finds fine-tuning settings that suit a model, on rows held out of the training examples of some tasks.

    python scripts/recommend.py MODEL --tasks SST-2 STS-B RTE --rows 4000 --out found
    python scripts/recommend.py MODEL --tasks RTE --out found --vary batch=16,32 epochs=3,9 --vary dropout=0,0.1
    python scripts/ship_model.py RUN models/foretext-mini/foretext_mini --recommended found/recommended.json

Each `--vary` is a grid over one or several settings of `foretext finetune`, tried with the best of the grids before
it; that is a search along axes, not of all combinations. A combination is as good as the mean over tasks of its main
metric, the median over seeds. Development and test sets are not looked at. Every trial is kept in OUT/trials and not
done again, so what was stopped goes on. OUT/recommend.json has all trials, OUT/recommended.json the best settings, as
`model.json` keeps them under "recommended".
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foretext.checkpoints.model_at_update import load_named
from foretext.checkpoints.saved_model import SavedModel
from foretext.errors import SettingsError
from foretext.files import write_json
from foretext.recipes.finetune import default_learning_rate
from foretext.recipes.settings.finetune import FinetuneSettings, FinetuningSettings, recommendable
from foretext.recipes.studies.runner import quiet
from foretext.recipes.studies.trials import wanted_trial
from foretext.settings import leaves
from foretext.tasks.labelled import LabelledData, LabelledDataSettings, limited, read_as_given
from foretext.tasks.sources import named_sources
from foretext.tasks.splitting import stratified_split
from foretext.text_table import text_table

# Rates are those of the width's rule times these; settings that this version does not have are left out.
RATES = (0.125, 0.25, 0.5, 1.0)
GRIDS = (
    "learning_rate=RATES batch=16,32",
    "epochs=3,6 least_updates=0,1000",
    "attend=causal,both head_reads=extract,mean",
    "language_model_weight=0,0.5",
    "warmup=0.002,0.1 dropout=0,0.1",
    "layer_decay=1,0.8 fresh_blocks=0,1",
)
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Judge:
    """What a combination of settings is tried on."""

    model: SavedModel
    tasks: Mapping[str, LabelledData]  # with rows held out as those for validation
    seeds: Sequence[int]
    out: Path
    device: str

    def scores(self, settings: Settings) -> dict[str, list[float]]:
        """The main metric of each task under each seed."""
        return {name: [self._score(data, seed, settings) for seed in self.seeds] for name, data in self.tasks.items()}

    def _score(self, data: LabelledData, seed: int, settings: Settings) -> float:
        given = {"model": str(self.model.folder), "out": self.out, "recipe": "paper", "keep": "last"}
        how = FinetuneSettings.named({**given, "device": self.device, **settings})
        values = {name: getattr(how, name) for name in FinetuningSettings.model_fields}
        unseen = replace(data, valid=data.valid[:1])  # what chooses nothing need not be validated on
        with quiet(True):
            tests = {"held out": data.valid}
            return (
                wanted_trial(self.model, unseen, seed=seed, folder=self.out / "trials", tests=tests, **values)
                .result()
                .score
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--tasks", nargs="+", required=True, help="published ones, or TOML files of labelled ones")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=4_000, help="most training rows of a task; 0: all (default: 4000)")
    parser.add_argument("--held-out", type=int, default=1_000, help="most rows held out of a task (default: 1000)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--vary", nargs="+", action="append", help="name=value,value … (default: see GRIDS)")
    parser.add_argument("--set", nargs="+", default=[], help="name=value, to begin with")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    model = load_named(given.model)
    tasks = {
        name: held_out(read_as_given(source), given.rows, given.held_out)
        for name, source in named_sources(tuple(given.tasks), LabelledDataSettings()).items()
    }
    judge = Judge(model, tasks, given.seeds, given.out, given.device)
    grids = [grid(words, model) for words in given.vary or [text.split() for text in GRIDS]]
    best, tried = search(judge, [each for each in grids if each], dict(one(word) for word in given.set))
    about = {"model": given.model, "weights": model.fingerprint, "rows": given.rows, "seeds": given.seeds}
    write_json(given.out / "recommend.json", {**about, "tasks": list(tasks), "tried": tried, "best": best})
    write_json(given.out / "recommended.json", best)
    print("\n".join(lines(tried)))
    print(f"best: {said(best)}; in {given.out / 'recommended.json'}")


def search(
    judge: Judge, grids: Sequence[Mapping[str, Sequence[Any]]], best: Settings
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The best settings by one grid after another, and all that were tried."""
    best, tried = dict(best), list[dict[str, Any]]()
    for values in grids:
        combinations = [
            {**best, **dict(zip(values, combination, strict=True))}
            for combination in itertools.product(*values.values())
        ]
        for settings in combinations:
            scores = judge.scores(settings)
            mean = statistics.fmean(statistics.median(runs) for runs in scores.values())
            tried.append({"settings": settings, "scores": scores, "mean": mean})
            print(f"{100 * mean:.2f}  {said(settings)}", flush=True)
        best = max(tried[-len(combinations) :], key=lambda each: each["mean"])["settings"]
    return best, tried


def held_out(data: LabelledData, rows: int, held: int) -> LabelledData:
    """The training examples alone: a tenth of them, or `held`, to score on, and `rows` of the rest to train on."""
    share = min(0.1, held / len(data.train)) if held else 0.1
    train, valid = stratified_split(data.train, data.schema.labels, share=share, seed=0)
    return limited(replace(data, train=train, valid=valid), rows, 0)


def grid(words: Sequence[str], model: SavedModel) -> dict[str, list[Any]]:
    """The settings to vary and their values, those that this version has."""
    found = {}
    for word in words:
        name, _, values = word.partition("=")
        if name not in recommendable():
            print(f"{name} is no setting of fine-tuning here; it is left out")
            continue
        texts = values.split(",")
        if values == "RATES":
            texts = [str(float(f"{share * default_learning_rate(model.gpt.settings.width):.2g}")) for share in RATES]
        found[name] = [leaves(FinetuningSettings)[name].check(text, f"--vary {word}") for text in texts]
    return found


def one(word: str) -> tuple[str, Any]:
    """One setting that is given: name and value.

    Raises:
        SettingsError: there is no such setting of fine-tuning.
    """
    name, _, value = word.partition("=")
    if name not in recommendable():
        raise SettingsError(f"--set {word}: {name} is no setting of fine-tuning that a model may recommend")
    return name, leaves(FinetuningSettings)[name].check(value, f"--set {word}")


def lines(tried: Sequence[Mapping[str, Any]]) -> list[str]:
    """All that was tried, best first."""
    rows = [
        [
            f"{100 * each['mean']:.2f}",
            *(f"{100 * statistics.median(runs):.1f}" for runs in each["scores"].values()),
            said(each["settings"]),
        ]
        for each in sorted(tried, key=lambda each: -each["mean"])
    ]
    header = ("mean", *(tried[0]["scores"] if tried else ()), "settings")
    return text_table(header, rows, left=(len(header) - 1,))


def said(settings: Settings) -> str:
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in settings.items()
    )


if __name__ == "__main__":
    main()
