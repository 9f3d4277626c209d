"""The learning rate's share of its peak at each update, counted from 0 before the update."""

from __future__ import annotations

import math
from collections.abc import Callable

from foretext.errors import SettingsError

Schedule = Callable[[int], float]


def warmup_cosine(update: int, *, warmup: int, total: int) -> float:
    """Share of the peak learning rate at `update`, between 0 and 1: a straight rise, then half a cosine to 0.

    Raises:
        SettingsError: `warmup` is not below `total`.

    Source: Radford et al. 2018, section 4.1 (2,000 updates of warm-up).
    """
    if not 0 <= warmup < total:
        raise SettingsError(f"warm-up of {warmup} updates does not fit into {total} updates; set warmup below that")
    if update < warmup:
        return update / warmup
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (update - warmup) / (total - warmup))))


def warmup_flat_fall(update: int, *, warmup: int, fall: float, total: int) -> float:
    """Share of the peak learning rate at `update`, between 0 and 1: a straight rise, 1, then a straight fall to 0.

    `warmup` is a number of updates, `fall` the share of all, to a whole number, over which the rate falls at the end.

    Raises:
        SettingsError: rise and fall do not fit into `total` updates.
    """
    falling = max(1, round(fall * total))
    if warmup + falling > total:
        raise SettingsError(
            f"warm-up of {warmup} updates and a fall over {fall:g} of {total} updates do not fit into these; set "
            "warmup or fall lower"
        )
    risen = update / warmup if warmup else 1.0
    return max(0.0, min(1.0, risen, (total - update) / falling))


def warmup_linear(update: int, *, warmup: float, total: int) -> float:
    """Share of the peak learning rate at `update`: x / warmup up to the warm-up's end, 1 after, times (1 - x).

    x is update / total; `warmup` is a share of the updates. The factor (1 - x) works in the warm-up too, and the
    first update has rate 0.

    Raises:
        SettingsError: `warmup` is not a share between 0 and 1.

    Source: section 4.1 (0.2 % of warm-up); recipe point 3.
    """
    if not 0 <= warmup < 1:
        raise SettingsError(f"warm-up is a share of the updates between 0 and 1, not {warmup}")
    x = min(1.0, update / total)
    return (x / warmup if x <= warmup and warmup else 1.0) * (1 - x)
