"""Sentences with a pronoun in question: where it stands, and the sentence with somebody put in its place."""

from __future__ import annotations

import re
from collections.abc import Sequence

from foretext.errors import DataError

BLANK = "_"  # stands for the pronoun where a sentence comes without one
POSSESSIVES = frozenset({"his", "its", "their"})  # "her" is left out: more often than not it means the person


def around_pronoun(sentence: str, pronoun: str, candidates: Sequence[str]) -> tuple[str, str]:
    """What stands before the pronoun, and what behind it.

    sentence = "Stacy lied to her mom, but she feared that she may be caught."     candidates = Stacy, her mom
    result   = "Stacy lied to her mom, but ", " feared that she may be caught."

    Where the pronoun occurs several times, the first one behind both candidates is meant; if there is none there,
    the first of all.

    Raises:
        DataError: the pronoun does not occur as a word of the sentence.
    """
    pattern = rf"(?<!\w){re.escape(pronoun)}(?!\w)"
    places = [match.span() for flag in (0, re.IGNORECASE) for match in re.finditer(pattern, sentence, flag)]
    if not places:
        raise DataError(f"{pronoun!r} does not occur in {sentence!r}")
    behind = max(_end_of_mention(sentence, candidate) for candidate in candidates)
    start, end = next((place for place in places if place[0] >= behind), places[0])
    return sentence[:start], sentence[end:]


def put_in_place(candidate: str, pronoun: str) -> str:
    """The candidate as it stands in the pronoun's place: "the magician's" for "his"."""
    return f"{candidate}'s" if pronoun.casefold() in POSSESSIVES else candidate


def _end_of_mention(sentence: str, candidate: str) -> int:
    start = sentence.casefold().find(candidate.casefold())
    return 0 if start < 0 else start + len(candidate)
