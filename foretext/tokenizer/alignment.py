"""A repaired text, and where each of its characters comes from in the original.

Most lines are unchanged or had single characters exchanged: there a character comes from the one at the same offset.
Where ftfy rewrote a line, its words are matched, and inside a word that changed its characters:

    original    sch Ã¶ n  &lt; 5      "Ã¶" became "ö" and "&lt;" became "<"
    repaired    sch ö  n  <    5      "ö" comes from both characters of "Ã¶", "<" from all four of "&lt;"

An original character without a counterpart, such as a control character, belongs to the span of a token only if the
token has characters on both sides of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import accumulate, pairwise, product

import ftfy

from foretext.tokenizer.cleaning import repaired_parts

WORDS_AHEAD = 32  # words and spaces on either side among which the next equal ones are looked for
LONGEST_MATCHED = 256  # characters of a changed run that are matched one by one: matching takes quadratic time

_WORDS = re.compile(r"\s|\S+")
_UNITS = re.compile(r"&#?\w+;|.", re.DOTALL)  # characters, but an HTML entity is one unit
_STEPS = sorted(  # few words first, then like numbers on both sides
    product(range(WORDS_AHEAD + 1), repeat=2), key=lambda step: (sum(step), abs(step[0] - step[1]))
)


@dataclass(frozen=True)
class Repaired:
    """The repaired text; its character k comes from `original[starts[k]:ends[k]]`, never an empty span."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def repair_aligned(original: str) -> Repaired:
    """What `repair(original)` gives, aligned with the original."""
    parts = list(repaired_parts(original))
    text = "".join(repaired for _, repaired in parts)
    if all(same_places(part, repaired) for part, repaired in parts):
        return Repaired(text, range(len(text)), range(1, len(text) + 1))
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for part, repaired in parts:
        for start, end in _places(part, repaired):
            starts.append(done + start)
            ends.append(done + end)
        done += len(part)
    return Repaired(text, starts, ends)


def _places(original: str, repaired: str) -> Iterator[tuple[int, int]]:
    """For each character of `repaired` the span in `original` that it comes from; the spans are in order."""
    if same_places(original, repaired):
        yield from pairwise(range(len(original) + 1))
        return
    for start, changed, became in _by_words(_WORDS.findall(original), _WORDS.findall(repaired)):
        for first, end in _by_characters(changed, became):
            first = min(start + first, len(original) - 1)
            yield first, max(start + end, first + 1)  # what was put in comes from the character that follows


def same_places(original: str, repaired: str) -> bool:
    """Whether every character only changed into one other, as ftfy changes it when it stands alone."""
    if original == repaired:
        return True
    if len(original) != len(repaired):
        return False
    return all(old == new or _alone(old) == new for old, new in zip(original, repaired, strict=True))


@lru_cache(maxsize=1 << 12)
def _alone(character: str) -> str:
    return str(ftfy.fix_text(character))


def _by_words(original: Sequence[str], repaired: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Runs of words, equal ones and changed ones in turn: offset in the original, original text, repaired text."""
    place = old = new = 0
    same_spaces = [word.isspace() for word in original] == [word.isspace() for word in repaired]
    while old < len(original) or new < len(repaired):
        skipped, added = (1, 1) if same_spaces else _next_equal(original, repaired, old, new)
        changed, became = "".join(original[old : old + skipped]), "".join(repaired[new : new + added])
        yield place, changed, became
        place, old, new = place + len(changed), old + skipped, new + added


def _next_equal(original: Sequence[str], repaired: Sequence[str], old: int, new: int) -> tuple[int, int]:
    """How many words to pass over on each side to come to two equal ones again; 1 and 1 if that is so here.

    If there are none near, some words are passed over on one side and in proportion on the other.
    """
    for skipped, added in _STEPS:
        if original[old + skipped : old + skipped + 2] == repaired[new + added : new + added + 2]:
            return (skipped, added) if skipped or added else (1, 1)
    left, wanted = len(original) - old, len(repaired) - new
    skipped = min(WORDS_AHEAD, left)
    return skipped, wanted * skipped // left if left else wanted


def _by_characters(original: str, repaired: str) -> Iterator[tuple[int, int]]:
    """For each character of a run that changed its span in the original; empty where there is none."""
    if original == repaired:
        yield from pairwise(range(len(original) + 1))
        return
    if max(len(original), len(repaired)) > LONGEST_MATCHED:
        yield from _shared_out(0, len(original), repaired)
        return
    units = _UNITS.findall(original)
    borders = list(accumulate(map(len, units), initial=0))
    matcher = SequenceMatcher(None, units, list(repaired), autojunk=False)
    for _kind, first, end, low, high in matcher.get_opcodes():
        if end - first == high - low:
            yield from pairwise(borders[first : end + 1])
        else:
            yield from _shared_out(borders[first], borders[end], repaired[low:high])


def _shared_out(first: int, end: int, repaired: str) -> Iterator[tuple[int, int]]:
    """The original characters from `first` to `end` shared out among the repaired ones by their length in UTF-8.

    That is exact where each byte had become a character of its own, the usual way to break a text. Where there were
    fewer characters than there are now, neighbours come from the same one.
    """
    lengths = [len(character.encode()) for character in repaired]
    total = sum(lengths)
    borders = [first + (end - first) * done // total for done in accumulate(lengths, initial=0)] if total else []
    for start, stop in pairwise(borders):
        start = min(start, max(first, end - 1))
        yield start, max(stop, start + 1 if first < end else start)
