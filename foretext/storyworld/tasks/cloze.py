"""Which ending is right? The wrong ones are endings of other stories with the same people and things."""

from __future__ import annotations

from random import Random

from foretext.storyworld.narration import ending, narrate, opening
from foretext.storyworld.plots import OF_THINGS, Plot, Thread, add_thread, advance, new_plot
from foretext.storyworld.tasks.draw import draw
from foretext.storyworld.tasks.row import Labelled
from foretext.storyworld.telling import Teller, unstopped

ANSWERS = (2, 4)  # fewest and most
EVENTS = (3, 4)


def examples(count: int, seed: int) -> list[Labelled]:
    """A story without its end, two to four endings, and the index of the right one."""
    return draw("cloze", _example, count, seed)


def _example(random: Random, number: int) -> Labelled | None:
    plot = new_plot(random)
    threads = [add_thread(plot, random, person) for person in plot.cast]
    steps = [*threads, *random.choices(threads, k=random.randint(*EVENTS) - 2)]
    for step in steps:
        advance(plot, random, step)
    told = [thread for thread in threads if plot.luck(thread) is not None]
    if not told or not plot.held_out:
        return None
    teller = Teller(random)
    story = " ".join([*opening(plot, teller), *narrate(plot, teller)])
    thread = random.choice(told)
    holds = bool(plot.luck(thread))
    wrong = [(thread, not holds), *_elsewhere(plot, thread, random)][: random.randint(*ANSWERS) - 1]
    endings = [ending(other, value, teller) for other, value in wrong]
    label = random.randrange(len(endings) + 1)
    endings.insert(label, ending(thread, holds, teller))
    return Labelled((story,), label, tuple(unstopped(ending) for ending in endings))


def _elsewhere(plot: Plot, right: Thread, random: Random) -> list[tuple[Thread, bool]]:
    """Endings about the other person, or about matters that the story leaves open."""
    wrong: list[tuple[Thread, bool]] = []
    for thread in plot.threads:
        if thread is not right and (luck := plot.luck(thread)) is not None:
            wrong.append((thread, not luck))
    while len(wrong) < ANSWERS[1]:
        elsewhere = Plot(plot.cast, plot.places)
        thread = add_thread(elsewhere, random, random.choice(plot.cast))
        if thread.relation not in OF_THINGS and plot.luck(thread) is None:
            wrong.append((thread, random.random() < 0.5))
    return wrong
