"""Questions that a story answers, with the right answer and others that it makes one think of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from foretext.storyworld.facts import AT, HAS
from foretext.storyworld.plots import Plot
from foretext.storyworld.telling import Teller
from foretext.storyworld.words import Entity, Person, Place


@dataclass(frozen=True)
class Question:
    """What is asked, what is right, and who or what else of the same sort the story tells of."""

    text: str
    answer: Entity
    others: tuple[Entity, ...]


def questions(plot: Plot, teller: Teller) -> Iterator[Question]:
    """Every question that the plot answers in one way only: about its end, then about each event."""
    asked: dict[str, set[Entity]] = {}
    for text, answer in (*_about_the_end(plot, teller), *_about_events(plot, teller)):
        asked.setdefault(text, set()).add(answer)
    for text, answers in asked.items():
        if len(answers) == 1:
            (answer,) = answers
            yield Question(text, answer, tuple(other for other in mentioned(plot, type(answer)) if other != answer))


def mentioned(plot: Plot, sort: type[Entity]) -> list[Entity]:
    """The people, the things or the places that occur in the events, each once, in the order of first mention."""
    roles = (event.roles[role] for event in plot.events for role in sorted(event.roles))
    return list(dict.fromkeys(entity for entity in roles if isinstance(entity, sort)))


def _about_the_end(plot: Plot, teller: Teller) -> Iterator[tuple[str, Entity]]:
    for fact, holds in plot.state.settled.items():
        if holds and fact.relation == HAS and isinstance(fact.subject, Person):
            yield teller.tell("Who had {t} in the end?", {"t": _entity(fact.object)}), fact.subject
        if holds and fact.relation == AT and isinstance(fact.object, Place):
            yield teller.tell("Where {was} {e} in the end?", {"E": fact.subject}), fact.object


def _about_events(plot: Plot, teller: Teller) -> Iterator[tuple[str, Entity]]:
    for event in plot.events:
        for role, template in event.kind.questions.items():
            yield teller.tell(template, event.roles), event.roles[role]


def _entity(entity: Entity | None) -> Entity:
    assert entity is not None
    return entity
