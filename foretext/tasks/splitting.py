"""Setting aside part of the examples for validation, where no file of its own is given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from foretext.errors import DataError, SettingsError
from foretext.tasks.examples import Example
from foretext.tasks.files.problems import counted
from foretext.tasks.labels.form import LabelForm

SHARE = 0.1


def stratified_split(
    examples: Sequence[Example], labels: LabelForm, *, share: float = SHARE, seed: int = 0
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
    groups = list(alike.values())
    strata = labels.strata([examples[group[0]].label for group in groups])
    for number, stratum in enumerate(strata):
        random = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, number])))
        for place in random.permutation(len(stratum))[: _size(len(stratum), share)]:
            chosen.update(groups[stratum[place]])
    if not chosen:  # no class has two examples
        chosen.update(next(reversed(alike.values())))
    train = [example for index, example in enumerate(examples) if index not in chosen]
    return train, [example for index, example in enumerate(examples) if index in chosen]


def _size(count: int, share: float) -> int:
    """How many of `count` to set aside: the rounded share, but one at least and not all; none of a single one."""
    return min(max(1, round(count * share)), count - 1)
