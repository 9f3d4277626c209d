"""The band that losses and gradient norms keep to, and how far outside it an update must lie to be left out.

Both are looked at in log scale, where what is usual is as wide below as above. The spread is the median distance from
the median, scaled to what a standard deviation would be: a few values far off do not move either.

Source: ZClip (arXiv 2504.02507) keeps a mean and a deviation for this and clips; medians need no values to be left out
of them first, and an update that is left out costs less than a direction that is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Pair = tuple[float, float]  # a loss in nats and a gradient's norm

REMEMBERED = 256  # updates that a band is made of: some hundred
ENOUGH = 50  # updates before there is a band at all; until then only what is not finite is left out
NORMAL = 1.4826  # median distance from the median to standard deviation, of a normal distribution
FAR = 8.0  # spreads above the median; of 10 million normal values none lies there
NORM_SPREAD = 0.2  # the smallest that counts, in log scale: 8 of them are a factor of 5, and clipping bounds a step
LOSS_SPREAD = 0.05  # of losses: 8 of them are a factor of 1.5
LOSS_ABOVE = 2.0  # nats above the median, at least: below that a loss is a hard batch
BEYOND = 2.0  # times the largest of the band: late in fine-tuning most losses are near 0 and single ones large
NOTHING = 1e-12  # what a loss of 0 counts as in log scale
LARGEST = float(np.finfo(np.float32).max)  # the limit where there is no band: only what is not finite lies above
LOG_LARGEST = math.log(LARGEST)


def reach(values: Sequence[float], spreads: float, *, smallest: float) -> float:
    """What lies so many `spreads` above the median of `values`; a spread is `smallest` at least, in log scale."""
    logs = np.log(np.maximum(np.asarray(values, dtype=np.float64), NOTHING))
    middle = np.median(logs)
    spread = max(smallest, NORMAL * float(np.median(np.abs(logs - middle))))
    return min(LARGEST, math.exp(min(float(middle) + spreads * spread, LOG_LARGEST)))


def limits(kept: Sequence[Pair]) -> Pair:
    """The loss and the norm above which the next update is left out, from the updates before that were not.

    A limit is far above the median, and well above all of them besides.
    """
    if len(kept) < ENOUGH:
        return LARGEST, LARGEST
    losses, norms = zip(*kept, strict=True)
    loss = max(reach(losses, FAR, smallest=LOSS_SPREAD), float(np.median(losses)) + LOSS_ABOVE, BEYOND * max(losses))
    norm = max(reach(norms, FAR, smallest=NORM_SPREAD), BEYOND * max(norms))
    return min(loss, LARGEST), min(norm, LARGEST)
