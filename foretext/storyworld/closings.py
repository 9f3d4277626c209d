"""How a story closes: it looks back on what happened in other words.

This is what makes the stories worth reading: who has what, how people are, questions with their answers, the tale told
once more. Whoever can foresee these sentences has followed the story.
"""

from __future__ import annotations

from collections.abc import Callable

from foretext.storyworld.facts import Fact
from foretext.storyworld.narration import ending, feeling, tell_event
from foretext.storyworld.plots import Plot, add_thread
from foretext.storyworld.questions import questions
from foretext.storyworld.statements import SAYINGS, roles_of
from foretext.storyworld.telling import Teller, capital
from foretext.storyworld.words import LISTENERS

UNKNOWN_SHARE = 0.33  # of the yes-or-no questions, how many nobody can answer
DIALOGUE_SHARE = 0.5  # of the questions, how many people ask; the others are asked by whoever tells the story
YES_OR_NO = {True: "yes", False: "no", None: "nobody knows"}


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


def ask(plot: Plot, teller: Teller) -> list[str]:
    """A question about who, what or where, and its answer."""
    teller.forget()
    found = list(questions(plot, teller))
    if not found:
        return []
    question = teller.random.choice(found)
    return _answered(question.text, question.answer.name, teller)


def ask_yes_or_no(plot: Plot, teller: Teller) -> list[str]:
    """A question that is answered by yes, by no, or by nobody."""
    teller.forget()
    fact = _fact(plot, teller)
    question = teller.tell(SAYINGS[fact.relation].question, roles_of(fact))
    return _answered(question, YES_OR_NO[plot.state.value(fact)], teller)


def tell_again(plot: Plot, teller: Teller) -> list[str]:
    """The events once more, in other words: of what comes one's way only how welcome it is stays the same."""
    teller.forget()
    told = [tell_event(event.renewed(teller.random), teller) for event in plot.events]
    return [f"{capital(teller.random.choice(LISTENERS))} told it again.", *told]


CLOSINGS: tuple[Callable[[Plot, Teller], list[str]], ...] = (
    *(feel, end, ask, ask, ask_yes_or_no, tell_again, tell_again),
)


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


def _answered(question: str, answer: str, teller: Teller) -> list[str]:
    """A question and its answer, told or spoken."""
    asker, answerer = teller.random.sample(LISTENERS, 2)
    teller.forget()
    if teller.random.random() < DIALOGUE_SHARE:
        return [f'"{question}" asked {asker}.', f'"{capital(answer)}," said {answerer}.']
    return [question, f"{capital(answer)}."]
