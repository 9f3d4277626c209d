"""The sentences that stories are made of: how they open, what happens, how things stand, and how somebody feels."""

from __future__ import annotations

from foretext.storyworld.facts import Fact
from foretext.storyworld.plots import OF_THINGS, Event, Plot, Thread
from foretext.storyworld.statements import GLAD, SAD, SAYINGS, roles_of
from foretext.storyworld.telling import Teller
from foretext.storyworld.words import COLOURS, PEOPLE, TIMES, WEATHER, Person, Thing

LINKS = ("Then ", "Later ", "After that ", "Soon ")  # what the telling of an event may begin with
LINK_SHARE = 0.4
_NAMES = frozenset(person.name for person in PEOPLE)


def opening(plot: Plot, teller: Teller) -> list[str]:
    """Who is there, what the weather is like, and what thing or animal the story will be about."""
    weather, time = teller.random.choice(WEATHER), teller.random.choice(TIMES)
    place = teller.random.choice(plot.places)
    names = [person.name for person in plot.cast]
    everybody = f"{', '.join(names[:-1])} and {names[-1]}"
    first = teller.random.choice(
        (
            f"It was a {weather} {time}, and {everybody} were out.",
            f"One {weather} {time} {everybody} met {place.name}.",
            f"{everybody} lived near each other.",
        )
    )
    thread = plot.threads[0]
    thing = thread.roles["t"]
    if thread.relation not in OF_THINGS or not isinstance(thing, Thing):
        return [first]
    colour = teller.random.choice(COLOURS)
    return [first, teller.tell(f"{{A}} often thought of the {colour} {thing.noun}.", {"A": thread.person})]


def narrate(plot: Plot, teller: Teller) -> list[str]:
    """The events of a plot in order, each told in one of its ways."""
    return [tell_event(event, teller) for event in plot.events]


def tell_event(event: Event, teller: Teller) -> str:
    """One event in one of its tellings, perhaps after a word of time: "Later Ann lost the kite by the river."."""
    telling = teller.random.choice(event.kind.tellings)
    sentence = teller.tell(telling, event.roles)
    if not telling.startswith(("{A}", "{B}")) or teller.random.random() >= LINK_SHARE:
        return sentence
    return teller.random.choice(LINKS) + uncapital(sentence)


def statement(fact: Fact, holds: bool, teller: Teller) -> str:
    """A sentence that says that `fact` holds, or that it does not."""
    saying = SAYINGS[fact.relation]
    return teller.tell(teller.random.choice(saying.true if holds else saying.false), roles_of(fact))


def feeling(person: Person, glad: bool, teller: Teller) -> str:
    """A sentence that shows how somebody feels."""
    return teller.tell(teller.random.choice(GLAD if glad else SAD), {"A": person})


def ending(thread: Thread, holds: bool, teller: Teller) -> str:
    """How a thread comes out: "In the end Tom did not have the kite, and Tom sighed."."""
    assert thread.fact is not None
    teller.forget()
    how = statement(thread.fact, holds, teller).removesuffix(".")
    teller.forget()
    return f"In the end {uncapital(how)}, and {feeling(thread.person, holds, teller)}"


def uncapital(sentence: str) -> str:
    """The sentence as it stands behind other words: only a name keeps its capital."""
    first = sentence.split()[0].removesuffix("'s").rstrip(",.")
    return sentence if first in _NAMES else sentence[0].lower() + sentence[1:]
