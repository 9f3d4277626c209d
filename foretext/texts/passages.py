"""Passages that stand in several texts: licence headers, frames, menus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretext.texts.alike import Shingled
from foretext.texts.words import words

TEXTS = 3  # in so many texts a passage must stand
LENGTH = 20  # words that it must have
MOST_WORDS = 5_000  # of a text that are looked at


@dataclass(frozen=True)
class Passages:
    """What a text has in common with several others."""

    words: int  # in such passages
    of: int  # all words of it that were looked at
    first: str  # the first of the passages, its words in lower case


def common_passages(texts: Sequence[str]) -> list[Passages]:
    """Of each text its passages of `LENGTH` words or more of which each run of words stands in `TEXTS` texts."""
    found = [words(text[: 20 * MOST_WORDS])[:MOST_WORDS] for text in texts]
    shingled = [Shingled.of_words(one) for one in found]
    different = [one.different for one in shingled if one]
    runs, counts = (
        np.unique(np.concatenate(different), return_counts=True) if different else (np.array([]), np.array([]))
    )
    frequent = runs[counts >= TEXTS]
    return [_of_text(one, shingle, frequent) for one, shingle in zip(found, shingled, strict=True)]


def _of_text(found: Sequence[str], shingled: Shingled | None, frequent: npt.NDArray[np.uint64]) -> Passages:
    if shingled is None or not len(frequent):
        return Passages(0, len(found), "")
    known = np.isin(shingled.runs, frequent)
    extra = len(found) - len(known)  # words behind the beginning of the last run
    edges = np.flatnonzero(np.diff(known.astype(np.int8), prepend=0, append=0))
    long = [(start, end + extra) for start, end in edges.reshape(-1, 2) if end + extra - start >= LENGTH]
    first = " ".join(found[long[0][0] : long[0][1]]) if long else ""
    return Passages(sum(end - start for start, end in long), len(found), first)
