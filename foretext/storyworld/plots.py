"""What happens in a story: a cast, and threads of events that follow from one another.

A thread is about one matter of one person: a thing she has or has not, her knee, her supper. Its events turn the matter
to the better or to the worse, or try to and fail. A plot weaves threads into one; its state says at each point what can
happen next, and at the end who has what and how everybody is.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import cache
from random import Random

from foretext.storyworld.events import KINDS, Kind, Roles
from foretext.storyworld.facts import Fact, State
from foretext.storyworld.words import GIFTS, PEOPLE, PETS, PLACES, THINGS, TROUBLES, Entity, Person, Place

MATTERS = ("lucky", "has", "whole", "clean", "dry", "fed", "warm", "well", "rested", "friends", "ahead", "home")
NEUTRAL = ("put", "go")  # threads in which nobody gets better or worse off
OF_THINGS = ("has", "whole", "clean", "home")  # the matters that are about a thing or an animal
LUCK_SHARE = 0.75  # of the threads that matter, how many are about what comes one's way; the rest share equally
TRY_SHARE = 0.2  # of the steps of a thread, how many fail and change nothing
SWAPPING = ("take", "give", "pass")  # kinds of event that matter to A and B in opposite ways
HELD_OUT = 4  # one plot in so many is never told in a corpus; tasks are about these only

# Of what the fact of a relation is made where it says that A is better off.
STAKES = {"has": "At", "whole": "t", "clean": "t", "friends": "AB", "ahead": "AB", "home": "tA"}


@dataclass(frozen=True)
class Event:
    """A kind of event with its roles filled."""

    kind: Kind
    roles: Roles

    @property
    def changes(self) -> tuple[tuple[Fact, bool], ...]:
        """The facts it settles and what they become."""
        return tuple((pattern.fact(self.roles), pattern.holds) for pattern in self.kind.effect_patterns)

    def can_happen(self, state: State) -> bool:
        """Whether nothing known speaks against it."""
        return all(
            state.value(pattern.fact(self.roles)) in (None, pattern.holds) for pattern in self.kind.need_patterns
        )

    def renewed(self, random: Random) -> Event:
        """The same event, but if something came one's way, another thing, as welcome or unwelcome."""
        chances = {"g": GIFTS, "h": TROUBLES}
        return Event(self.kind, {r: random.choice(chances[r]) if r in chances else e for r, e in self.roles.items()})

    def is_like(self, other: Event) -> bool:
        """Whether both are the same event, whatever it was that came one's way."""
        chances = ("g", "h")
        return self.kind is other.kind and all(self.roles[r] is other.roles[r] for r in self.roles if r not in chances)

    def __str__(self) -> str:
        return " ".join([self.kind.name, *(self.roles[role].name for role in self.kind.roles)])


@dataclass(frozen=True, eq=False)
class Thread:
    """One matter of one person through a story; `fact` is what is at stake, None where nothing is."""

    relation: str
    roles: dict[str, Entity]
    fact: Fact | None

    @property
    def person(self) -> Person:
        """Whose matter it is."""
        person = self.roles["A"]
        assert isinstance(person, Person)
        return person


@dataclass
class Plot:
    """A cast, its threads, and what happens, in order."""

    cast: tuple[Person, ...]  # the first is the hero
    places: tuple[Place, ...]
    threads: list[Thread] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    owners: list[Thread] = field(default_factory=list)  # for each event the thread that it belongs to
    state: State = field(default_factory=State)  # what is settled after the last event

    def play(self, event: Event, thread: Thread) -> None:
        """Lets `event` happen."""
        self.events.append(event)
        self.owners.append(thread)
        self.state.apply(event.changes)

    def luck(self, thread: Thread) -> bool | None:
        """Whether a thread has come out well for its person; None where nothing is at stake or settled."""
        return self.state.value(thread.fact) if thread.fact else None

    def has_seen(self, event: Event) -> bool:
        """Whether the like of `event` happened: the same kind to the same people, things and places."""
        return any(event.is_like(other) for other in self.events)

    @property
    def held_out(self) -> bool:
        """Whether this plot is kept for tasks: decided by what happens and to whom, not by how it is told."""
        return zlib.crc32("; ".join(map(str, self.events)).encode("utf-8")) % HELD_OUT == 0


def new_plot(random: Random, *, people: int = 2, places: int = 3) -> Plot:
    """A plot with a cast and places, in which nothing has happened yet."""
    return Plot(tuple(random.sample(PEOPLE, people)), tuple(random.sample(PLACES, places)))


def add_thread(plot: Plot, random: Random, person: Person, relation: str | None = None) -> Thread:
    """A new thread of `plot` about `person`: one that matters, unless `relation` says which."""
    used = {thread.roles["t"] for thread in plot.threads}
    if relation is None:
        relation = MATTERS[0] if random.random() < LUCK_SHARE else random.choice(MATTERS[1:])
    things = PETS if relation == "home" else THINGS
    roles: dict[str, Entity] = {
        "A": person,
        "B": random.choice([other for other in plot.cast if other is not person]),
        "t": random.choice([thing for thing in things if thing not in used]),
        "g": random.choice(GIFTS),
        "h": random.choice(TROUBLES),
    }
    thread = Thread(relation, roles, stake(relation, roles))
    plot.threads.append(thread)
    return thread


def stake(relation: str, roles: Roles) -> Fact | None:
    """The fact of a relation that makes A better off, None for a neutral thread."""
    if relation in NEUTRAL:
        return None
    return Fact(relation, *(roles[role] for role in STAKES.get(relation, "A")))


def turns(plot: Plot, thread: Thread, *, holds: bool | None, state: State | None = None) -> list[Event]:
    """The events that can happen next on a thread and make its stake true, or false, or (None) leave it as it is.

    A turn is news: the stake was the other way, or open. `state` is the plot's own, unless another is given.
    """
    state = plot.state if state is None else state
    if holds is not None and thread.fact is not None and state.value(thread.fact) is holds:
        return []
    swapped = {**thread.roles, "A": thread.roles["B"], "B": thread.roles["A"]}
    events = []
    for kind, swap, outcome in _outcomes(thread.relation):
        if outcome is holds:
            roles = swapped if swap else thread.roles
            for place in plot.places if "p" in kind.roles else plot.places[:1]:
                filled = {**roles, "p": place}
                events.append(Event(kind, {role: filled[role] for role in kind.roles}))
    return [event for event in events if event.can_happen(state)]


def opposite_turns(plot: Plot, event: Event, thread: Thread) -> list[Event]:
    """What could have done to the matter of `thread` the opposite of what `event` did; nothing if it did nothing."""
    outcome = next((holds for fact, holds in event.changes if fact == thread.fact), None)
    return [] if outcome is None else turns(plot, thread, holds=not outcome, state=State())


def advance(plot: Plot, random: Random, thread: Thread) -> None:
    """One more step of a thread, for better or worse or in vain, if there is one to take."""
    options: list[Event] = []
    if thread.fact is None or random.random() < TRY_SHARE:
        options = turns(plot, thread, holds=None)
    if thread.fact is not None and not options:
        luck = plot.luck(thread)
        options = turns(plot, thread, holds=random.random() < 0.5 if luck is None else not luck)
    if options:
        plot.play(choose(random, options), thread)


def choose(random: Random, options: list[Event]) -> Event:
    """One of the events, each kind as likely as every other whatever the number of places it can happen at."""
    name = random.choice(sorted({event.kind.name for event in options}))
    return random.choice([event for event in options if event.kind.name == name])


@cache
def _outcomes(relation: str) -> tuple[tuple[Kind, bool, bool | None], ...]:
    """The kinds of event on a thread, A and B as they are or changed over, and what becomes of the stake."""
    roles: Roles = {"A": PEOPLE[0], "B": PEOPLE[1], "t": THINGS[0], "p": PLACES[0], "g": GIFTS[0], "h": TROUBLES[0]}
    swapped = {**roles, "A": roles["B"], "B": roles["A"]}
    fact = stake(relation, roles)
    found = []
    for kind in KINDS.values():
        if relation in (kind.about, kind.name):
            for swap in (False, True) if kind.name in SWAPPING else (False,):
                state = State()
                state.apply(Event(kind, swapped if swap else roles).changes)
                found.append((kind, swap, state.value(fact) if fact else None))
    return tuple(found)
