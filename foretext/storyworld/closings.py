"""How a story closes: things are said about it, each behind a dash, and each is called true or false.

This is what makes the stories worth reading. As in a school reader, it is said who it was or where, how things stand,
what happened, in other words, or how it ended, and then whether that is so. Whoever can foresee these verdicts has
followed the story.

To see whether a saying agrees with the story, a model has to compare two things, neither of which by itself foretells
the verdict; so it finds no way to begin. Therefore most verdicts say as well how lucky the truth is, which the story
alone foretells: "Luckily false."
"""

from __future__ import annotations

from collections.abc import Callable

from foretext.storyworld.facts import Fact
from foretext.storyworld.narration import ending, statement, tell_event
from foretext.storyworld.plots import MATTERS, Plot, Thread, add_thread, choose, opposite_turns
from foretext.storyworld.questions import questions
from foretext.storyworld.telling import Teller, capital

UNKNOWN_SHARE = 0.2  # of the claims and endings, how many nobody can judge
TRUE_SHARE = 0.5  # of the others and of the answers and events, how many are true
DASH = "- "  # opens a saying, as it does in dialogues
SAYINGS = (3, 5)  # fewest and most of them
VERDICTS = {True: "True.", False: "False.", None: "Nobody knows."}
MOODS = {True: "Luckily", False: "Sadly"}
MOOD_SHARE = 0.7  # of the verdicts on what is lucky or not, how many say which


def sayings(plot: Plot, teller: Teller) -> list[str]:
    """What is said about the story, and after each saying whether it is true."""
    kinds = teller.random.choices(KINDS, k=teller.random.randint(*SAYINGS) - (len(plot.events) == 1))
    return [sentence for say in kinds for sentence in say(plot, teller)]


def answer(plot: Plot, teller: Teller) -> list[str]:
    """A question about who, what or where, and an answer from the story."""
    teller.forget()
    found = list(questions(plot, teller))
    if not found:
        return []
    question = teller.random.choice(found)
    right = not question.others or teller.random.random() < TRUE_SHARE
    said = question.answer if right else teller.random.choice(question.others)
    return [question.text, f"{DASH}{capital(said.name)}.", VERDICTS[right]]


def claim(plot: Plot, teller: Teller) -> list[str]:
    """How things stand in the end."""
    teller.forget()
    fact = _fact(plot, teller)
    said = teller.random.random() < TRUE_SHARE
    value = plot.state.value(fact)
    luck = value if fact.relation in MATTERS else None
    return [DASH + statement(fact, said, teller), _verdict(_judged(said, value), luck, teller)]


def outcome(plot: Plot, teller: Teller) -> list[str]:
    """How a matter ends, and how somebody feels about it."""
    threads = [thread for thread in plot.threads if plot.luck(thread) is not None]
    unknown = not threads or teller.random.random() < UNKNOWN_SHARE
    thread = _untold(plot, teller) if unknown else teller.random.choice(threads)
    said = teller.random.random() < TRUE_SHARE
    luck = plot.luck(thread)
    return [DASH + ending(thread, said, teller), _verdict(_judged(said, luck), luck, teller)]


def recall(plot: Plot, teller: Teller) -> list[str]:
    """One event in other words, or its opposite.

    Of what comes one's way only how welcome it is stays the same.
    """
    number = teller.random.randrange(len(plot.events))
    event, thread = plot.events[number], plot.owners[number]
    opposites = [other for other in opposite_turns(plot, event, thread) if not plot.has_seen(other)]
    true = not opposites or teller.random.random() < TRUE_SHARE
    told = event.renewed(teller.random) if true else choose(teller.random, opposites)
    luck = next((holds for fact, holds in event.changes if fact == thread.fact), None)
    teller.forget()
    return [DASH + tell_event(told, teller), _verdict(true, luck, teller)]


KINDS: tuple[Callable[[Plot, Teller], list[str]], ...] = (answer, claim, outcome, recall, recall)


def _judged(said: bool, value: bool | None) -> bool | None:
    """Whether a saying is true, None where that is left open."""
    return None if value is None else value == said


def _verdict(true: bool | None, luck: bool | None, teller: Teller) -> str:
    """Whether a saying is true and, mostly, whether what really happened was lucky: "Sadly true."."""
    verdict = VERDICTS[true]
    if true is None or luck is None or teller.random.random() >= MOOD_SHARE:
        return verdict
    mood = MOODS[luck]
    if teller.random.random() < 0.5:
        return f"{mood} {verdict.lower()}"
    return f"{verdict.removesuffix('.')}, {mood.lower()}."


def _fact(plot: Plot, teller: Teller) -> Fact:
    """A fact that the plot settles, now and then one that it leaves open."""
    settled = list(plot.state.settled)
    if settled and teller.random.random() >= UNKNOWN_SHARE:
        return teller.random.choice(settled)
    fact = _untold(plot, teller).fact
    assert fact is not None
    return fact


def _untold(plot: Plot, teller: Teller) -> Thread:
    """A matter of somebody's that the plot leaves open."""
    while True:
        elsewhere = Plot(plot.cast, plot.places)
        thread = add_thread(elsewhere, teller.random, teller.random.choice(plot.cast))
        if thread.fact is not None and plot.state.value(thread.fact) is None:
            return thread
