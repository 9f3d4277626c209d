"""Meaning becomes English: roles are named or replaced by pronouns, and a sentence gets its capital.

Somebody is named until it is clear who is meant: "she" and "he" stand for the subject of the sentence before, and only
where nobody else of that sort is about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from foretext.storyworld.events import Roles
from foretext.storyworld.words import UNWELCOME, WELCOME, Chance, Entity, Person, Place, Thing

PRONOUN_SHARE = 0.5  # of the times a pronoun would be clear, how often it is taken


@dataclass
class Teller:
    """Tells one sentence after another and remembers whom the last one was about."""

    random: Random
    pronouns: float = PRONOUN_SHARE
    adjectives: float = 0.0  # share of what comes one's way that is called lovely, nasty and the like
    _subject: Person | None = field(default=None, init=False)
    _people: set[Person] = field(default_factory=set, init=False)

    def tell(self, template: str, roles: Roles) -> str:
        """The sentence of a template, its roles filled.

        tell("{A} lost {t} {p}.", {"A": Ann, "t": kite, "p": river}) = "Ann lost the kite by the river."
        """
        people = {entity for entity in roles.values() if isinstance(entity, Person)}
        clear = {person for person in people if self._is_clear(person, people)}
        words: dict[str, str] = {}
        for role, entity in roles.items():
            words |= forms(role, entity, pronoun=entity in clear and self.random.random() < self.pronouns)
            if isinstance(entity, Chance) and self.random.random() < self.adjectives:
                words[role] = entity.described(self.random.choice(WELCOME if entity.welcome else UNWELCOME))
        self._subject = _subject(template, roles)
        self._people = people
        return capital(template.format_map(words))

    def forget(self) -> None:
        """Starts afresh: whoever comes next is named."""
        self._subject, self._people = None, set()

    def _is_clear(self, person: Person, people: set[Person]) -> bool:
        others = (self._people | people) - {person}
        return person == self._subject and all(other.she != person.she for other in others)


def forms(role: str, entity: Entity, *, pronoun: bool = False) -> dict[str, str]:
    """The words that stand for `entity` in each place of a template where `role` can be written."""
    if isinstance(entity, Place | Chance):
        return {role: entity.name}
    if isinstance(entity, Thing):
        named = {role.lower(): entity.name, role.upper(): entity.name}
        return named | {"it": entity.subject, "them": entity.object, "was": entity.was, "Was": entity.was}
    words = {
        role: entity.subject if pronoun else entity.name,
        f"{role}_obj": entity.object if pronoun else entity.name,
        f"{role}_s": entity.possessive if pronoun else f"{entity.name}'s",
        f"{role}_name": entity.name,
    }
    if role == "E":
        words |= {"e": entity.name, "was": "was", "Was": "was"}
    if role in ("A", "E"):
        words |= {"he": entity.subject, "him": entity.object, "his": entity.possessive}
        words["him_self"] = f"{entity.object}self"
    return words


def capital(text: str) -> str:
    """`text` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def unstopped(text: str) -> str:
    """`text` without its last full stop, as what is compared or chosen stands in a task: the extract token ends it."""
    return text.removesuffix(".")


def _subject(template: str, roles: Roles) -> Person | None:
    """The person that the sentence begins with."""
    for role in ("A", "B", "E"):
        if template.startswith(f"{{{role}}}"):
            entity = roles[role]
            return entity if isinstance(entity, Person) else None
    return None
