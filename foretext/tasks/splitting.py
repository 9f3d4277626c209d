"""Setting aside part of the examples for validation, where no file of its own is given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from foretext.errors import DataError, SettingsError
from foretext.tasks.examples import Example
from foretext.tasks.files.problems import counted

SHARE = 0.1
STRATA = 10  # groups of like scores, each split in the same proportion


def stratified_split(
    examples: Sequence[Example], *, share: float = SHARE, seed: int = 0
) -> tuple[list[Example], list[Example]]:
    """Examples to train on and to validate with, a pure function of the examples and the seed.

    Each class, or tenth of the range of scores by rank, gives about `share` of its examples to validation, and one
    of two at least. Rows that ask the same question stay on one side. Both parts keep the order of the file.

    Raises:
        SettingsError: the share is not between 0 and 1.
        DataError: there are fewer than two different examples.
    """
    if not 0 < share < 1:
        raise SettingsError(f"validation share is {share}; it must lie between 0 and 1")
    alike: dict[object, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        alike[example.content].append(index)
    if len(alike) < 2:
        raise DataError(f"{counted(len(alike), 'different example')} cannot be split into training and validation")
    chosen: set[int] = set()
    for number, stratum in enumerate(_strata(examples, list(alike.values()))):
        random = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, number])))
        for place in random.permutation(len(stratum))[: _size(len(stratum), share)]:
            chosen.update(stratum[place])
    if not chosen:  # no class has two examples
        chosen.update(next(reversed(alike.values())))
    train = [example for index, example in enumerate(examples) if index not in chosen]
    return train, [example for index, example in enumerate(examples) if index in chosen]


def _size(count: int, share: float) -> int:
    """How many of `count` to set aside: the rounded share, but one at least and not all; none of a single one."""
    return min(max(1, round(count * share)), count - 1)


def _strata(examples: Sequence[Example], groups: list[list[int]]) -> list[list[list[int]]]:
    """The groups of equal examples, those with like labels together."""
    labels = [examples[group[0]].label for group in groups]
    if any(isinstance(label, float) for label in labels):
        ranked = sorted(range(len(groups)), key=lambda place: (_number(labels[place]), place))
        parts = np.array_split(np.array(ranked), min(STRATA, max(1, len(groups) // 2)))
        return [[groups[place] for place in part] for part in parts]
    strata: dict[object, list[list[int]]] = defaultdict(list)
    for label, group in zip(labels, groups, strict=True):
        strata[label].append(group)
    return list(strata.values())


def _number(label: object) -> float:
    return float(label) if isinstance(label, int | float) else float("-inf")
