"""How a story closes: it looks back on what happened in other words.

This is what makes the stories worth reading: how people are, the tale told once more, true or not, and then, as in a
school reader, questions, answers and claims of which each is called true or false. Whoever can foresee these sentences
has followed the story.
"""

from __future__ import annotations

from collections.abc import Callable

from foretext.storyworld.facts import Fact
from foretext.storyworld.narration import ending, feeling, statement, tell_event
from foretext.storyworld.plots import Plot, add_thread, choose, opposite_turns
from foretext.storyworld.questions import questions
from foretext.storyworld.telling import Teller, capital
from foretext.storyworld.words import LISTENERS

UNKNOWN_SHARE = 0.2  # of the claims, how many nobody can judge
TRUE_SHARE = 0.5  # of the answers, claims and events told again, how many are true
QUIZ = (2, 4)  # fewest and most of them
ASKING = "True or false?"  # what claims follow, in stories and in the task `cloze`
VERDICTS = {True: "True.", False: "False.", None: "Nobody knows."}


def feel(plot: Plot, teller: Teller) -> list[str]:
    """How the hero feels."""
    hero = plot.threads[0]
    luck = plot.luck(hero)
    return [] if luck is None else [feeling(hero.person, luck, teller)]


def end(plot: Plot, teller: Teller) -> list[str]:
    """How one of the threads comes out."""
    threads = [thread for thread in plot.threads if plot.luck(thread) is not None]
    if not threads:
        return []
    thread = teller.random.choice(threads)
    return [ending(thread, bool(plot.luck(thread)), teller)]


def tell_again(plot: Plot, teller: Teller) -> list[str]:
    """The events once more, in other words, some of them turned into their opposite, and how much of it is true.

    Of what comes one's way only how welcome it is stays the same.
    """
    teller.forget()
    told, true = [], []
    share = teller.random.choice((0.0, TRUE_SHARE, 1.0))
    for event, thread in zip(plot.events, plot.owners, strict=True):
        opposites = [other for other in opposite_turns(plot, event, thread) if not plot.has_seen(other)]
        true.append(not opposites or teller.random.random() < share)
        other = event.renewed(teller.random) if true[-1] else choose(teller.random, opposites)
        told.append(tell_event(other, teller))
    verdict = "All of it was true." if all(true) else "Some of it was true." if any(true) else "None of it was true."
    return [f"{capital(teller.random.choice(LISTENERS))} told it again.", *told, verdict]


def answer(plot: Plot, teller: Teller) -> list[str]:
    """A question about who, what or where, an answer from the story, and whether it is right."""
    teller.forget()
    found = list(questions(plot, teller))
    if not found:
        return []
    question = teller.random.choice(found)
    right = not question.others or teller.random.random() < TRUE_SHARE
    said = question.answer if right else teller.random.choice(question.others)
    return [question.text, f"{capital(said.name)}.", VERDICTS[right]]


def claim(plot: Plot, teller: Teller) -> list[str]:
    """How things stand in the end, and whether that is true."""
    teller.forget()
    fact = _fact(plot, teller)
    said = teller.random.random() < TRUE_SHARE
    value = plot.state.value(fact)
    return [statement(fact, said, teller), VERDICTS[None if value is None else value == said]]


def recall(plot: Plot, teller: Teller) -> list[str]:
    """One event in other words, or its opposite, and whether that happened."""
    teller.forget()
    number = teller.random.randrange(len(plot.events))
    event, thread = plot.events[number], plot.owners[number]
    if teller.random.random() < TRUE_SHARE:
        return [tell_event(event.renewed(teller.random), teller), VERDICTS[True]]
    opposites = [other for other in opposite_turns(plot, event, thread) if not plot.has_seen(other)]
    return [tell_event(choose(teller.random, opposites), teller), VERDICTS[False]] if opposites else []


def quiz(plot: Plot, teller: Teller) -> list[str]:
    """Questions and claims, each called true or false."""
    asked = teller.random.choices((answer, claim, recall), k=teller.random.randint(*QUIZ))
    return [ASKING, *(sentence for ask in asked for sentence in ask(plot, teller))]


CLOSINGS: tuple[Callable[[Plot, Teller], list[str]], ...] = (feel, end, tell_again)


def _fact(plot: Plot, teller: Teller) -> Fact:
    """A fact that the plot settles, now and then one that it leaves open."""
    settled = list(plot.state.settled)
    if settled and teller.random.random() >= UNKNOWN_SHARE:
        return teller.random.choice(settled)
    while True:
        elsewhere = Plot(plot.cast, plot.places)
        fact = add_thread(elsewhere, teller.random, teller.random.choice(plot.cast)).fact
        if fact is not None and plot.state.value(fact) is None:
            return fact
