"""Is it good English? What is bad has one fault: an agreement, the word order, or a word missing."""

from __future__ import annotations

from random import Random

from foretext.storyworld.narration import tell_event
from foretext.storyworld.stories import invent
from foretext.storyworld.tasks.draw import draw
from foretext.storyworld.tasks.row import Labelled
from foretext.storyworld.telling import Teller

LABELS = ("good", "bad")
SENTENCES = 2  # of a text
AGREEMENT = {"was": "were", "were": "was", "it": "they", "they": "it", "he": "him", "him": "he", "an": "a"}
LEAST_WORDS = 4  # a shorter sentence may stay good whatever is done to it


def examples(count: int, seed: int) -> list[Labelled]:
    """Pairs of story sentences with the label "good" or "bad"."""
    return draw("grammar", _example, count, seed)


def _example(random: Random, number: int) -> Labelled | None:
    label = LABELS[number % len(LABELS)]
    plot = invent(random)
    if not plot.held_out or len(plot.events) < SENTENCES:
        return None
    teller = Teller(random)
    sentences = [tell_event(event, teller) for event in plot.events[:SENTENCES]]
    if label == "bad":
        changed = random.randrange(len(sentences))
        broken = _break(random, sentences[changed])
        if broken is None:
            return None
        sentences[changed] = broken
    return Labelled((" ".join(sentences),), label)


def _break(random: Random, sentence: str) -> str | None:
    """The sentence with one fault of whatever kind fits it, None where none does."""
    words = sentence.removesuffix(".").split()
    for fault in random.sample((_disagree, _swap, _drop), k=3):
        if broken := fault(random, words):
            return " ".join(broken) + "."
    return None


def _disagree(random: Random, words: list[str]) -> list[str] | None:
    places = [place for place, word in enumerate(words) if word in AGREEMENT]
    if not places:
        return None
    place = random.choice(places)
    return [*words[:place], AGREEMENT[words[place]], *words[place + 1 :]]


def _swap(random: Random, words: list[str]) -> list[str] | None:
    """Two words next to each other change places."""
    place = random.randrange(1, len(words) - 1) if len(words) >= LEAST_WORDS else 0
    if not place:
        return None
    return [*words[:place], words[place + 1], words[place], *words[place + 2 :]]


def _drop(random: Random, words: list[str]) -> list[str] | None:
    """A word that the sentence needs is missing."""
    needed = [place for place, word in enumerate(words) if place and word in NEEDED]
    if not needed:
        return None
    place = random.choice(needed)
    return words[:place] + words[place + 1 :]


NEEDED = frozenset("the a was were to with of in at by on from and but had did".split())
