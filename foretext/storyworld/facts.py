"""What is true in a story, what is false, and what nobody can know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from foretext.storyworld.words import Entity

HAS, AT = "has", "at"


@dataclass(frozen=True)
class Fact:
    """A relation that may hold: `Fact("has", Ann, kite)`, `Fact("at", kite, barn)`, `Fact("dry", Tom)`."""

    relation: str
    subject: Entity
    object: Entity | None = None

    @property
    def placed(self) -> Entity | None:
        """The person or thing whose whereabouts this fact is about: somebody has it, or it is somewhere."""
        if self.relation == HAS:
            return self.object
        return self.subject if self.relation == AT else None

    def excludes(self, other: Fact) -> bool:
        """Whether both cannot be true: a thing has one holder or lies in one place, a person is in one place."""
        return self != other and self.placed is not None and self.placed == other.placed


@dataclass
class State:
    """What the events so far have settled. What they leave open stays open: `value` is then None."""

    settled: dict[Fact, bool] = field(default_factory=dict)

    def value(self, fact: Fact) -> bool | None:
        """True, False, or None where nothing told so far decides it."""
        if fact in self.settled:
            return self.settled[fact]
        if fact.placed is not None and any(holds and known.excludes(fact) for known, holds in self.settled.items()):
            return False
        return None

    def settle(self, fact: Fact, holds: bool) -> None:
        """Makes `fact` true or false, and the latest; where a thing was before is forgotten once it moves."""
        if holds and fact.placed is not None:
            self.settled = {known: value for known, value in self.settled.items() if known.placed != fact.placed}
        self.settled.pop(fact, None)
        self.settled[fact] = holds

    def apply(self, changes: Iterable[tuple[Fact, bool]]) -> None:
        """Settles several facts in order."""
        for fact, holds in changes:
            self.settle(fact, holds)
