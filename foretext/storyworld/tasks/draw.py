"""How every story task draws its examples: from plots that no corpus tells, each text once."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from foretext.storyworld.tasks.row import Labelled


def draw(task: str, make: Callable[[Random, int], Labelled | None], count: int, seed: int) -> list[Labelled]:
    """`count` different examples by `make`, which gets the number of the example and may decline to make one.

    A task uses that number to give every label its equal share. The same seed gives the same examples, and a smaller
    `count` the first of them.
    """
    random = Random(f"{task} {seed}")
    seen: set[tuple[str, ...]] = set()
    examples: list[Labelled] = []
    while len(examples) < count:
        example = make(random, len(examples))
        if example is not None and example.texts not in seen:
            seen.add(example.texts)
            examples.append(example)
    return examples
