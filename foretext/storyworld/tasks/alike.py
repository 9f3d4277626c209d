"""How much of what happens do two texts share? They are told in other words, about the same people and things.

What is not shared happens the other way round or to the other person, so that the words are much the same.
"""

from __future__ import annotations

from random import Random

from foretext.storyworld.plots import Event, Plot, add_thread, choose, new_plot, opposite_turns, turns
from foretext.storyworld.tasks.draw import draw
from foretext.storyworld.tasks.row import Labelled
from foretext.storyworld.telling import Teller, unstopped

EVENTS = 2  # of a text
BEST = 5.0  # the score where all events are shared


def examples(count: int, seed: int) -> list[Labelled]:
    """Two texts and a score from 0, nothing shared, to 5, everything shared."""
    return draw("alike", _example, count, seed)


def _example(random: Random, number: int) -> Labelled | None:
    shared = number % (EVENTS + 1)
    plot = new_plot(random, people=EVENTS)
    for person in plot.cast:
        thread = add_thread(plot, random, person)
        options = turns(plot, thread, holds=random.random() < 0.5)
        if options:
            plot.play(choose(random, options), thread)
    if len(plot.events) < EVENTS or not plot.held_out:
        return None
    kept = set(random.sample(range(EVENTS), shared))
    others = [
        event.renewed(random) if n in kept else _other(plot, event, random) for n, event in enumerate(plot.events)
    ]
    if any(event is None for event in others):
        return None
    first, second = Teller(random), Teller(random)
    tellings = [_two_tellings(event, other, random) for event, other in zip(plot.events, others, strict=True) if other]
    text = " ".join(first.tell(telling, event.roles) for (telling, _), event in zip(tellings, plot.events, strict=True))
    again = " ".join(
        second.tell(telling, event.roles) for (_, telling), event in zip(tellings, others, strict=True) if event
    )
    return Labelled((unstopped(text), unstopped(again)), BEST * shared / EVENTS)


def _other(plot: Plot, event: Event, random: Random) -> Event | None:
    """The opposite of `event`."""
    options = opposite_turns(plot, event, plot.owners[plot.events.index(event)])
    return choose(random, options) if options else None


def _two_tellings(event: Event, other: Event, random: Random) -> tuple[str, str]:
    """Two ways to tell, never the same one."""
    first = random.choice(event.kind.tellings)
    return first, random.choice([telling for telling in other.kind.tellings if telling != first])
