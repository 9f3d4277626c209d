"""Is somebody better or worse off at the end? Every story has a turn for the better and one for the worse.

Which comes last decides, and that it happened to the right person; things tried in vain change nothing. So both
labels are told in the same words.
"""

from __future__ import annotations

from random import Random

from foretext.storyworld.narration import narrate, opening
from foretext.storyworld.plots import Plot, add_thread, advance, choose, new_plot, turns
from foretext.storyworld.tasks.draw import draw
from foretext.storyworld.tasks.row import Labelled
from foretext.storyworld.telling import Teller

LABELS = ("better", "worse")
TRY_SHARE = 0.3  # after how many of the two turns something is tried in vain
SIDE_MATTERS = ("lucky", "dry", "fed", "warm", "well", "rested")  # what happens to one and leaves others alone
SIDE_SHARE = 0.3  # after how many of the two turns something happens to somebody else


def examples(count: int, seed: int) -> list[Labelled]:
    """Stories of four to six sentences with the label "better" or "worse"."""
    return draw("ending", _example, count, seed)


def _example(random: Random, number: int) -> Labelled | None:
    label = LABELS[number % len(LABELS)]
    plot = new_plot(random)
    if not _two_turns(plot, random, better=label == "better"):
        return None
    if not plot.held_out:
        return None
    teller = Teller(random)
    sentences = [*opening(plot, teller), *narrate(plot, teller)]
    return Labelled((" ".join(sentences),), label)


def _two_turns(plot: Plot, random: Random, *, better: bool) -> bool:
    """Plays a turn away from the label and one towards it, with vain tries and another's doings between."""
    hero = add_thread(plot, random, plot.cast[0])
    side = add_thread(plot, random, plot.cast[1], random.choice(SIDE_MATTERS))
    for holds in (not better, better):
        options = [e for e in turns(plot, hero, holds=holds) if holds or e.kind.name != "give"]
        if not options:
            return False
        plot.play(choose(random, options), hero)
        tries = turns(plot, hero, holds=None)
        if tries and random.random() < TRY_SHARE:
            plot.play(choose(random, tries), hero)
        if random.random() < SIDE_SHARE:
            advance(plot, random, side)
    return plot.luck(hero) is better
