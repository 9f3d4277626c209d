"""Does a sentence follow from what happened, contradict it, or can nobody know?

Each kind of hypothesis, said or denied, is as often right as wrong as unknown, so it gives nothing away by itself.
"""

from __future__ import annotations

from random import Random

from foretext.storyworld.facts import Fact
from foretext.storyworld.narration import narrate
from foretext.storyworld.plots import Plot, add_thread, advance, new_plot
from foretext.storyworld.statements import SAYINGS, roles_of
from foretext.storyworld.tasks.draw import draw
from foretext.storyworld.tasks.row import Labelled
from foretext.storyworld.telling import Teller, unstopped

LABELS = ("entailment", "neutral", "contradiction")
EVENTS = (1, 3)


def examples(count: int, seed: int) -> list[Labelled]:
    """A premise of one to three sentences, a hypothesis, and one of the three labels."""
    return draw("follows", _example, count, seed)


def _example(random: Random, number: int) -> Labelled | None:
    label = LABELS[number % len(LABELS)]
    plot = _plot(random)
    said = random.random() < 0.5
    fact = _unknown(plot, random) if label == "neutral" else _known(plot, random, said == (label == "entailment"))
    if fact is None or not plot.held_out:
        return None
    teller = Teller(random)
    premise = " ".join(narrate(plot, teller))
    saying = SAYINGS[fact.relation]
    hypothesis = Teller(random).tell(random.choice(saying.true if said else saying.false), roles_of(fact))
    return Labelled((premise, unstopped(hypothesis)), label)


def _plot(random: Random) -> Plot:
    plot = new_plot(random)
    first = add_thread(plot, random, plot.cast[0])
    second = add_thread(plot, random, plot.cast[1])
    for step in (first, second, random.choice((first, second)))[: random.randint(*EVENTS)]:
        advance(plot, random, step)
    return plot


def _known(plot: Plot, random: Random, value: bool) -> Fact | None:
    """The stake of a thread, where it has this value at the end."""
    facts = [thread.fact for thread in plot.threads if plot.luck(thread) is value]
    return random.choice(facts) if facts else None


def _unknown(plot: Plot, random: Random) -> Fact | None:
    """The stake of a thread as it would be for the other person, or of a thread that is not told."""
    other = Plot(plot.cast, plot.places)
    thread = random.choice(plot.threads)
    swapped = plot.cast[1] if thread.roles["A"] == plot.cast[0] else plot.cast[0]
    relation = thread.relation if random.random() < 0.5 else None
    fact = add_thread(other, random, swapped, relation).fact
    return fact if fact is not None and plot.state.value(fact) is None else None
