"""Whether probabilities mean what they say: of the predictions made with 80 %, are 80 % right?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 15  # Guo et al. 2017


@dataclass(frozen=True)
class Bin:
    """Predictions of like confidence: their mean confidence, the share of them that is right, and how many."""

    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class Calibration:
    """The expected calibration error, 0 (honest) to 1, and the bins it is the weighted mean gap of."""

    error: float
    bins: tuple[Bin, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def calibration(confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], *, bins: int = BINS) -> Calibration:
    """Calibration of predictions from the probability each was made with and whether it was right, `(examples,)`.

    Bins are of equal width between 0 and 1; empty ones are left out.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    filled = tuple(
        Bin(float(confidence[place == k].mean()), float(right[place == k].mean()), int((place == k).sum()))
        for k in np.unique(place)
    )
    error = sum(bin.count * abs(bin.confidence - bin.accuracy) for bin in filled) / len(confidence)
    return Calibration(float(error), filled)
