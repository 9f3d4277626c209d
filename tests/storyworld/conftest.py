"""A reader that knows the world's sentences, but nothing of how stories or tasks are put together.

It turns text back into events and facts, keeping its own books of who has what, so that labels can be checked against
the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from random import Random

import pytest

from foretext.storyworld.events import KINDS
from foretext.storyworld.plots import add_thread, new_plot
from foretext.storyworld.statements import SAYINGS
from foretext.storyworld.words import PEOPLE, PETS, PLACES, THINGS, UNWELCOME, WELCOME

PRONOUNS = {"he", "she", "him", "her", "his"}
NAMES = "|".join(person.name for person in PEOPLE)
ADJECTIVES = "|".join(WELCOME + UNWELCOME)
LINKS = r"(?:(?:Then|Later|After that|Soon|Now) )?"
Happening = tuple[str, tuple[tuple[str, str], ...]]  # kind of event, and its roles with the names that fill them


@cache
def role_patterns() -> dict[str, str]:
    """What each place of a template can be filled with, for every role that threads know."""
    names: dict[str, set[str]] = {"p": {place.name for place in PLACES}, "t": {thing.name for thing in THINGS}}
    random = Random(0)
    for _ in range(3_000):
        plot = new_plot(random)
        for role, entity in add_thread(plot, random, plot.cast[0]).roles.items():
            names.setdefault(role, set()).add(entity.name)
    patterns = {role: _any(known) for role, known in names.items()}
    for role in "gh":
        patterns[role] = (
            f"(?:a|an|some) (?:(?:{ADJECTIVES}) )?(?:{_any(name.split(' ', 1)[1] for name in names[role])})"
        )
    patterns |= {"T": patterns["t"], "e": f"{patterns['t']}|{NAMES}", "E": f"{patterns['t']}|{NAMES}|he|she"}
    for role in "AB":
        patterns |= {role: f"{NAMES}|he|she", f"{role}_obj": f"{NAMES}|him|her", f"{role}_name": NAMES}
        patterns[f"{role}_s"] = f"(?:{NAMES})'s|his|her"
    again = {"he": "he|she", "him": "him|her", "his": "his|her", "him_self": "himself|herself"}
    return patterns | again | {"it": "it|they", "them": "it|them", "was": "was|were", "Was": "was|were"}


def _any(names: Iterable[str]) -> str:
    return "|".join(sorted(names, key=len, reverse=True))


@cache
def pattern(template: str) -> re.Pattern[str]:
    """A template as a regular expression with a group for each role."""
    parts = []
    for position, (literal, place) in enumerate(re.findall(r"([^{}]*)(?:{(\w+)})?", template)):
        parts.append(re.escape(literal))
        if place:
            parts.append(f"(?P<{place}_{position}>{role_patterns()[place]})")
    return re.compile("".join(parts), re.IGNORECASE)


@dataclass
class Reader:
    """Reads sentence by sentence; a pronoun stands for whoever the sentence before began with."""

    subject: str = ""

    def event(self, sentence: str) -> Happening | None:
        """The event that a sentence tells, None where it tells none."""
        told = re.sub(f"^{LINKS}", "", sentence)
        for kind in KINDS.values():
            for telling in kind.tellings:
                if roles := self._roles(telling, told):
                    return kind.name, tuple(sorted(roles.items()))
        return None

    def fact(self, sentence: str) -> tuple[str, dict[str, str], bool] | None:
        """The relation that a plain statement is about, its roles, and whether it is said to hold."""
        for relation, saying in SAYINGS.items():
            for holds, templates in ((True, saying.true), (False, saying.false)):
                for template in templates:
                    if roles := self._roles(template, sentence):
                        return relation, roles, holds
        return None

    def _roles(self, template: str, sentence: str) -> dict[str, str] | None:
        found = pattern(template).fullmatch(sentence)
        if found is None or not _agrees_in_number(found.groupdict()):
            return None
        roles = {}
        for place, text in found.groupdict().items():
            role = place.split("_")[0]
            if role in ("A", "B", "t", "T", "p", "E", "g", "h"):
                name = text.removesuffix("'s")
                name = self.subject if name.lower() in PRONOUNS else name
                roles[role.replace("T", "t")] = name.lower() if name.lower().startswith("the ") else name
        self.subject = roles.get(template[1], "") if template[0] == "{" else ""
        return roles


def _agrees_in_number(places: dict[str, str]) -> bool:
    """Whether "it", "they", "them" and the verb fit the thing that a sentence is about."""
    said = {place.split("_")[0]: text.lower() for place, text in places.items()}
    named = {said.get(role, "") for role in ("t", "T", "e", "E")}
    for thing in THINGS + PETS:
        if thing.name in named:
            forms = {"it": thing.subject, "them": thing.object, "was": thing.was, "Was": thing.was}
            return all(said.get(place, form) == form for place, form in forms.items())
    return said.get("was", "was") == "was"


@dataclass
class Books:
    """Who has what, what is where, and every other matter, kept by hand."""

    holder: dict[str, str]
    place: dict[str, str]
    matters: dict[tuple[str, ...], bool]

    def note(self, happening: Happening) -> None:
        """Writes down what an event changes."""
        name, roles = happening[0], dict(happening[1])
        for effect in filter(None, KINDS[name].effects.split(", ")):
            words = effect.removeprefix("not ").split()
            filled = [roles[role] for role in words[1:]]
            if words[0] == "has":
                self.place.pop(filled[1], None)
                self.holder[filled[1]] = filled[0]
            elif words[0] == "at":
                self.holder.pop(filled[0], None)
                self.place[filled[0]] = filled[1]
            else:
                self.matters[(words[0], *filled)] = not effect.startswith("not ")

    def value(self, relation: str, roles: dict[str, str]) -> bool | None:
        """Whether a relation holds for these roles; None where nothing told decides it."""
        if relation == "has":
            person, thing = roles["A"], roles["t"]
            return self.holder[thing] == person if thing in self.holder else False if thing in self.place else None
        order = {"friends": "AB", "ahead": "AB", "home": "tA", "whole": "t", "clean": "t"}.get(relation, "A")
        known = [value for key, value in self.matters.items() if key[0] == relation and _agrees(key[1:], order, roles)]
        return known[-1] if known else None


def _agrees(names: tuple[str, ...], order: str, roles: dict[str, str]) -> bool:
    """Whether the names of a matter are those of a statement, as far as the statement names them."""
    return all(roles.get(role, name) == name for role, name in zip(order, names, strict=True))


@dataclass(frozen=True)
class Understood:
    """A text read back: the sentences that tell no event, the events in order, and how things stand after them."""

    other: list[str]
    events: list[Happening]
    books: Books


def understand(text: str) -> Understood:
    reader, books = Reader(), Books({}, {}, {})
    other, events = [], []
    for sentence in re.findall(r"[^.]+\.", text):
        sentence = sentence.strip()
        happening = reader.event(sentence)
        if happening is None:
            first = re.sub(f"^{LINKS}", "", sentence).split()[0]
            reader.subject = reader.subject if first.lower() in PRONOUNS else first
            other.append(sentence)
        else:
            books.note(happening)
            events.append(happening)
    return Understood(other, events, books)


@pytest.fixture(name="understand")
def _understand():  # type: ignore[no-untyped-def]
    """A function that reads a text back: `understand("Ann found the kite by the river.").events`."""
    return understand


@pytest.fixture
def read_fact():  # type: ignore[no-untyped-def]
    """A function that reads a plain statement back: relation, roles, and whether it is said to hold."""
    return lambda sentence: Reader().fact(sentence)
