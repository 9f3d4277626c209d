"""Which texts say nearly the same: MinHash finds pairs that may, and each of them is then compared exactly.

Two texts are alike if four fifths of their runs of three words are common to both, and neither has a passage of its
own. So a frame that two texts share makes them no copies of each other. A text too short for one run is like no other.

Source: Broder 1997, "On the resemblance and containment of documents"; bands as in Leskovec et al., "Mining of Massive
Datasets", section 3.4: of pairs with a resemblance of 0.8 one in 500 is missed.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from foretext.texts.words import decisive, words

RUN = 3  # words of a run, whose hash stands for it
NEAR = 0.8  # of the different runs of both texts, how many are common to both
PASSAGE = 8  # words in a row that only one of two texts has: more are something of its own
BANDS, BAND = 16, 5  # a pair is compared if one of 16 bands of 5 minima is equal
AT_ONCE = 4_096  # runs whose hashes are made together, so that memory stays bounded
CROWD = 32  # of texts with an equal band, so many are compared with each of them

Hashes = npt.NDArray[np.uint64]

_RANDOM = np.random.Generator(np.random.Philox(1997))
_FACTORS = _RANDOM.integers(0, 2**64, (BANDS * BAND, 1), dtype=np.uint64) | np.uint64(1)
_SUMMANDS = _RANDOM.integers(0, 2**64, (BANDS * BAND, 1), dtype=np.uint64)
_PLACES = _RANDOM.integers(0, 2**64, RUN, dtype=np.uint64) | np.uint64(1)
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio


@dataclass(frozen=True)
class Shingled:
    """A text as comparisons see it."""

    runs: Hashes  # of each run of words its hash, in order
    different: Hashes  # the same, each once, by size
    decisive: tuple[str, ...]  # numbers and negations

    @classmethod
    def of(cls, text: str) -> Shingled | None:
        """The runs of a text; None where it has fewer words than a run."""
        return cls.of_words(words(text))

    @classmethod
    def of_words(cls, found: list[str]) -> Shingled | None:
        """The same of a text whose words are known."""
        if len(found) < RUN:
            return None
        hashes = np.fromiter(map(_hash, found), np.uint64, len(found))
        runs = sum(hashes[k : len(hashes) - RUN + 1 + k] * _PLACES[k] for k in range(RUN))
        runs ^= runs >> np.uint64(29)
        return cls(runs, np.unique(runs), tuple(decisive(found)))

    def bands(self) -> list[bytes]:
        """Keys of which two texts that are alike share one, most likely."""
        minima = np.full(BANDS * BAND, np.iinfo(np.uint64).max)
        for start in range(0, len(self.different), AT_ONCE):
            part = self.different[start : start + AT_ONCE]
            mixed = (part * _FACTORS + _SUMMANDS) ^ ((part * _FACTORS) >> np.uint64(31))
            minima = np.minimum(minima, (mixed * _MIX).min(axis=1))
        return [bytes([band]) + minima[band * BAND : (band + 1) * BAND].tobytes() for band in range(BANDS)]


def resemblance(one: Shingled, other: Shingled) -> float:
    """Of all different runs of two texts the share that both have; 0 where one of them has a passage of its own."""
    common = len(np.intersect1d(one.different, other.different, assume_unique=True))
    share = common / (len(one.different) + len(other.different) - common)
    if share < NEAR or max(_longest_own(one, other), _longest_own(other, one)) > PASSAGE + RUN - 1:
        return 0.0
    return share


def says_the_same(one: Shingled, other: Shingled) -> bool:
    """Whether two texts are alike, and have the same numbers and negations: one of them may go."""
    return one.decisive == other.decisive and resemblance(one, other) > 0


def alike_pairs(texts: Sequence[str]) -> list[tuple[int, int]]:
    """The places of all pairs of texts that are alike but not equal, in order."""
    shingled = [Shingled.of(text) for text in texts]
    members: dict[bytes, list[int]] = defaultdict(list)
    for place, one in enumerate(shingled):
        for key in one.bands() if one else ():
            members[key].append(place)
    candidates = {pair for group in members.values() for pair in _pairs(group)}
    return sorted(pair for pair in candidates if _are_alike(texts, shingled, *pair))


def _pairs(group: Sequence[int]) -> Iterator[tuple[int, int]]:
    """All pairs of a group; in a crowd those with one of its first members."""
    yield from combinations(group[:CROWD], 2)
    yield from ((first, other) for other in group[CROWD:] for first in group[:CROWD])


def _are_alike(texts: Sequence[str], shingled: Sequence[Shingled | None], first: int, second: int) -> bool:
    one, other = shingled[first], shingled[second]
    return texts[first] != texts[second] and one is not None and other is not None and resemblance(one, other) > 0


def _longest_own(one: Shingled, other: Shingled) -> int:
    """How many runs in a row of `one` the other does not have, at most."""
    known = np.flatnonzero(np.isin(one.runs, other.different))
    return int(np.diff(known, prepend=-1, append=len(one.runs)).max()) - 1


@lru_cache(1 << 18)
def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
