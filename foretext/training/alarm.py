"""When a run is in trouble: not one update that is odd, but losses or norms that stay where they do not belong.

An observation is what ten updates were like, the middle one of their losses and of their norms. It is high if either
lies above its band, which the last thirty observations that were not high make. Three in a row are an alarm; so are
updates left out one after another.

Replayed over two pre-trainings that collapsed (tests/training/collapse), the alarm comes 30 to 40 updates after the
first sign and at no other time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from foretext.training.band import LARGEST, Pair, reach

EVERY = 10  # updates in an observation
REMEMBERED = 30  # observations that a band is made of
ENOUGH = 10  # observations before there is a band
HIGH = 6.0  # spreads above the median
NORM_SPREAD = 0.1  # the smallest spread of norms, in log scale: 6 of them are a factor of 1.8
LOSS_SPREAD = 0.02  # of losses: 6 of them are 13 %, 0.4 nats where the loss is 3.5
LOSS_ABOVE = 0.1  # nats above the median, at least
IN_A_ROW = 3  # high observations in a row that are an alarm
LEFT_OUT_IN_A_ROW = 5  # updates
FIRST = 3  # observations that say where a run begins
ABOVE_FIRST = 1.0  # nats; before there is a band, a loss of twice the first and this much more is high
TIMES_BEGUN = 3.0  # what no loss may exceed, band or none: so many times that of the first update, and
ABOVE_BEGUN = 5.0  # nats besides, since a first update may be an easy one; but no rate has done anything before it


@dataclass
class Alarm:
    """What was observed so far; `observe` says when it is enough. All of it is kept with a checkpoint."""

    usual: list[Pair] = field(default_factory=list)  # the last observations that were not high
    first_losses: list[float] = field(default_factory=list)
    begun_with: float | None = None  # the loss of the first update, which no update came before
    high: int = 0  # observations in a row
    since: int | None = None  # the update at which the trouble at hand began

    def observe(self, update: int, updates: Sequence[Pair]) -> str:
        """Notes the losses and norms of the updates up to `update`; why it is an alarm, in words, or "" if it is none.

        One pair does as well, where no more is known.
        """
        loss, norm = (_middle([pair[k] for pair in updates]) for k in range(2))
        if self.begun_with is None and not self.first_losses and updates[0][0] < LARGEST:
            self.begun_with = updates[0][0]
        if len(self.first_losses) < FIRST:
            self.first_losses.append(loss)
        why = self._what_is_high(loss, norm)
        if not why:
            self.usual = [*self.usual[1 - REMEMBERED :], (loss, norm)]
            self.high, self.since = 0, None
            return ""
        self.since = update - EVERY if self.since is None else self.since
        self.high += 1
        return why if self.high >= IN_A_ROW else ""

    def _what_is_high(self, loss: float, norm: float) -> str:
        if not max(loss, norm) < LARGEST:
            return "losses or gradients are no longer finite"
        if self.begun_with is not None and loss > (most := TIMES_BEGUN * self.begun_with + ABOVE_BEGUN):
            return f"the loss is {loss:.3f}, more than {most:.3f}, where the run began with {self.begun_with:.3f}"
        if len(self.usual) < ENOUGH:
            most = 2 * max(self.first_losses) + ABOVE_FIRST
            return f"the loss is {loss:.3f}, more than {most:.3f}, twice what it began with" if loss > most else ""
        losses, norms = zip(*self.usual, strict=True)
        most_norm = reach(norms, HIGH, smallest=NORM_SPREAD)
        if norm > most_norm:
            return f"the gradient's norm stays above its band, {norm:.3g} where at most {most_norm:.3g} is usual"
        most_loss = max(reach(losses, HIGH, smallest=LOSS_SPREAD), float(np.median(losses)) + LOSS_ABOVE)
        return f"the loss stays above its band, {loss:.3f} where at most {most_loss:.3f} is usual" * (loss > most_loss)


def _middle(values: Sequence[float]) -> float:
    """The median, the higher of two."""
    return sorted(values)[len(values) // 2]
