"""What can happen in the world: each kind of event with what it needs, what it changes, and several ways to tell it.

Needs and effects are written as `relation subject object` over the roles of the event, with `not` in front where the
relation stops to hold. A need is met unless the state says the opposite. The roles:

    A    the person it is about    "{A}" subject   "{A_obj}" object   "{A_s}" owner   "{he}" "{him}" "{his}" again
    B    somebody else             "{B}" subject   "{B_obj}" object   "{B_s}" owner
    t    a thing or an animal      "{T}" subject   "{t}" object       "{it}" "{them}" again   "{was}" its verb
    p    a place                   "{p}"
    g    something welcome         "{g}"
    h    something unwelcome       "{h}"

All tellings of a kind mean the same, in other words; so one can stand for another where only the meaning counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from foretext.storyworld.facts import Fact
from foretext.storyworld.words import Entity

Roles = Mapping[str, Entity]  # "A", "B", "t", "p", "g", "h" to who or what it is


@dataclass(frozen=True)
class Pattern:
    """A fact over roles instead of people and things, and whether it holds."""

    relation: str
    roles: tuple[str, ...]
    holds: bool

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """The pattern in a text such as "not has A t"."""
        words = text.split()
        holds = words[0] != "not"
        relation, *roles = words if holds else words[1:]
        return cls(relation, tuple(roles), holds)

    def fact(self, roles: Roles) -> Fact:
        """The fact about those who fill the roles."""
        return Fact(self.relation, *(roles[role] for role in self.roles))


@dataclass(frozen=True)
class Kind:
    """A kind of event. `about` is the relation whose fate it decides; `changes` is False for attempts that fail."""

    name: str
    about: str
    needs: str
    effects: str
    tellings: tuple[str, ...]
    questions: Mapping[str, str]  # role to the question that it answers

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """The roles that somebody or something must fill, read off the first telling."""
        found = re.findall(r"{([ABTtpgh])", self.tellings[0])
        return tuple(sorted({role.replace("T", "t") for role in found}))

    @cached_property
    def need_patterns(self) -> tuple[Pattern, ...]:
        """What must hold before it can happen."""
        return tuple(Pattern.parse(text) for text in self.needs.split(", ") if text)

    @cached_property
    def effect_patterns(self) -> tuple[Pattern, ...]:
        """What holds once it has happened."""
        return tuple(Pattern.parse(text) for text in self.effects.split(", ") if text)


KINDS: dict[str, Kind] = {}


def _kind(
    name: str, about: str, needs: str, effects: str, *tellings: str, questions: Mapping[str, str] | None = None
) -> None:
    KINDS[name] = Kind(name, about, needs, effects, tellings, questions or {})


# Having: things found, lost, given and taken.
_kind(
    *("find", "has", "not has A t, at t p", "has A t"),
    "{A} found {t} {p}.",
    "{A} saw {t} {p} and picked {them} up.",
    "{A} came across {t} {p} and took {them} along.",
    "{A} got hold of {t} {p}.",
    questions={"p": "Where did {A} find {t}?", "A": "Who found {t}?", "t": "What did {A} find?"},
)
_kind(
    *("lose", "has", "has A t", "at t p"),
    "{A} lost {t} {p}.",
    "{A} dropped {t} {p} and did not notice.",
    "{A} walked off and left {t} {p}.",
    "{T} fell out of {A_s} bag {p}.",
    questions={"p": "Where did {A} lose {t}?", "A": "Who lost {t}?", "t": "What did {A} lose?"},
)
_kind(
    *("give", "has", "has B t, not has A t", "has A t"),
    "{B} gave {t} to {A_obj}.",
    "{A} got {t} from {B_obj}.",
    "{B} let {A_obj} have {t}.",
    "{B} put {t} into {A_s} hands.",
    questions={"B": "Who gave {t} to {A_obj}?", "A": "Who got {t}?", "t": "What did {B} give to {A_obj}?"},
)
_kind(
    *("take", "has", "has B t, not has A t", "has A t"),
    "{A} took {t} away from {B_obj}.",
    "{A} pulled {t} out of {B_s} hands.",
    "{B} had to hand over {t} to {A_obj}.",
    "{A} grabbed {t} from {B_obj} and ran off.",
    questions={"A": "Who took {t}?", "B": "From whom did {A} take {t}?", "t": "What did {A} take?"},
)
_kind(
    *("search", "has", "not has A t, not at t p", ""),
    "{A} looked for {t} {p}, but {it} {was} not there.",
    "{A} could not find {t} {p}.",
    "{A} searched for {t} {p} and came back without {them}.",
    questions={"p": "Where did {A} look for {t}?", "A": "Who looked for {t}?"},
)
_kind(
    *("nearly lose", "has", "has A t", ""),
    "{A} nearly lost {t} {p}, but held on to {them}.",
    "{T} almost fell out of {A_s} bag {p}, but {he} noticed in time.",
    "{A} did not leave {t} {p}, for {he} remembered {them} in time.",
)

# Things that are whole or broken, clean or dirty. They are with A all the time.
_kind(
    *("break", "whole", "whole t", "not whole t"),
    "{A} broke {t}.",
    "{A} sat down on {t} and heard a crack.",
    "{T} fell on a stone in front of {A_obj} and came apart.",
    "{A} bent {t} until {it} snapped.",
)
_kind(
    *("mend", "whole", "not whole t", "whole t"),
    "{A} mended {t}.",
    "{A} fixed {t} with a little glue.",
    "{A} put {t} back together.",
    "{A} worked on {t} until {it} {was} as good as new.",
)
_kind(
    *("fail to mend", "whole", "not whole t", ""),
    "{A} tried to mend {t}, but the glue did not hold.",
    "{A} could not put {t} back together.",
)
_kind(
    *("nearly break", "whole", "whole t", ""),
    "{A} almost broke {t}, but stopped in time.",
    "{A} nearly sat down on {t}, but saw {them} in time.",
)
_kind(
    *("dirty", "clean", "clean t", "not clean t"),
    "{A} got {t} dirty.",
    "{A} let {t} fall in the mud.",
    "{A} spilled ink all over {t}.",
    "{A} put {t} down in a puddle.",
)
_kind(
    *("wash", "clean", "not clean t", "clean t"),
    "{A} washed {t}.",
    "{A} wiped every spot off {t}.",
    "{A} scrubbed {t} with soap.",
    "{A} held {t} under the pump until {it} shone.",
)
_kind(
    *("fail to wash", "clean", "not clean t", ""),
    "{A} tried to wash {t}, but the spots stayed.",
    "{A} could not get the mud off {t}.",
)
_kind(
    *("nearly dirty", "clean", "clean t", ""),
    "{A} almost let {t} fall in the mud, but caught {them} in time.",
    "{A} nearly spilled ink on {t}, but missed.",
)

# How A feels: dry, fed, warm, well, rested.
_kind(
    *("get wet", "dry", "dry A", "not dry A"),
    "{A} got wet.",
    "The rain poured down on {A_obj}.",
    "{A} fell into the pond.",
    "{A} walked through the storm with no umbrella.",
)
_kind(
    *("dry off", "dry", "not dry A", "dry A"),
    "{A} dried off.",
    "{A} changed out of {his} dripping clothes.",
    "{A} sat in front of the fire until {his} clothes stopped dripping.",
    "{A} rubbed {him_self} with a big towel.",
)
_kind(
    *("fail to dry", "dry", "not dry A", ""),
    "{A} looked for a towel, but there was none.",
    "{A} tried to dry off, but the fire was out.",
)
_kind(
    *("nearly wet", "dry", "dry A", ""),
    "{A} almost got wet, but reached a roof in time.",
    "{A} nearly fell into the pond, but did not.",
)
_kind(
    *("go hungry", "fed", "fed A", "not fed A"),
    "{A} got hungry.",
    "{A} had to go without supper.",
    "There was no bread left for {A_obj}.",
    "{A} heard {his} empty stomach growl.",
)
_kind(
    *("eat", "fed", "not fed A", "fed A"),
    "{A} ate well.",
    "{A} had a large bowl of soup.",
    "{A} filled {his} stomach with pie.",
    "There was plenty of meat and cake for {A_obj}.",
)
_kind(
    *("fail to eat", "fed", "not fed A", ""),
    "{A} asked for some bread, but got none.",
    "{A} wanted soup, but the pot was empty.",
)
_kind(
    *("nearly hungry", "fed", "fed A", ""),
    "{A} nearly had to go without supper, but some was left.",
    "{A} almost got no bread, but came in time.",
)
_kind(
    *("get cold", "warm", "warm A", "not warm A"),
    "{A} got cold.",
    "The icy wind blew right through {A_obj}.",
    "{A} began to shiver in the snow.",
    "{A} could not feel {his} frozen fingers.",
)
_kind(
    *("warm up", "warm", "not warm A", "warm A"),
    "{A} got warm.",
    "{A} crept under a thick blanket.",
    "{A} drank hot tea by the stove.",
    "{A} put on a coat of wool and no longer shivered.",
)
_kind(
    *("fail to warm", "warm", "not warm A", ""),
    "{A} wanted to light the stove, but there was no wood.",
    "{A} asked for a blanket, but got none.",
)
_kind(
    *("nearly cold", "warm", "warm A", ""),
    "{A} nearly got cold, but went inside in time.",
    "{A} felt the icy wind coming, but closed the door.",
)
_kind(
    *("get hurt", "well", "well A", "not well A"),
    "{A} got hurt.",
    "{A} fell off a wall and cut {his} knee.",
    "A bee stung {A_obj}.",
    "{A} hit {his} thumb with a hammer.",
)
_kind(
    *("heal", "well", "not well A", "well A"),
    "{A} got well.",
    "{A} felt the pain go away.",
    "The nurse put on a bandage and made {A_obj} well.",
    "Nothing hurt {A_obj} any more.",
)
_kind(
    *("fail to heal", "well", "not well A", ""),
    "{A} waited for the nurse, but nobody came.",
    "{A} put on a bandage, but the pain stayed.",
)
_kind(
    *("nearly hurt", "well", "well A", ""),
    "{A} almost fell off a wall, but held on.",
    "A bee flew at {A_obj}, but did not sting.",
)
_kind(
    *("get tired", "rested", "rested A", "not rested A"),
    "{A} got tired.",
    "{A} worked until {he} could hardly stand.",
    "{A} walked so far that {his} legs were heavy.",
    "The baby next door kept {A_obj} awake all night.",
)
_kind(
    *("rest", "rested", "not rested A", "rested A"),
    "{A} had a good rest.",
    "{A} lay down and slept for hours.",
    "{A} took a long nap.",
    "A deep sleep gave {A_obj} new strength.",
)
_kind(
    *("fail to rest", "rested", "not rested A", ""),
    "{A} lay down, but could not sleep.",
    "{A} wanted to take a nap, but there was too much noise.",
)
_kind(
    *("nearly tired", "rested", "rested A", ""),
    "{A} nearly had to work all night, but did not.",
    "{A} almost walked too far, but turned back in time.",
)

# Friends, races and animals.
_kind(
    *("quarrel", "friends", "friends A B", "not friends A B"),
    "{A} had a quarrel with {B_obj}.",
    "{A} and {B_name} shouted at each other.",
    "{A} stopped speaking to {B_obj}.",
    "{A} said something mean to {B_obj}.",
)
_kind(
    *("make up", "friends", "not friends A B", "friends A B"),
    "{A} made up with {B_obj}.",
    "{A} and {B_name} shook hands.",
    "{A} said sorry, and {B_name} hugged {him}.",
    "{A} put an arm around {B_obj}.",
)
_kind(
    *("pass", "ahead", "not ahead A B", "ahead A B, not ahead B A"),
    "{A} ran past {B_obj}.",
    "{A} pulled in front of {B_obj} in the race.",
    "{B} was too slow, and {A_name} went by.",
    "{B} fell behind {A_obj} in the race.",
)
_kind(
    *("run away", "home", "home t A", "not home t A"),
    "{T} ran away from {A_obj}.",
    "{A} left the door open, and {t} slipped out.",
    "{A} called, but {t} went off and did not stop.",
    "{T} jumped over the fence and left {A_obj} behind.",
)
_kind(
    *("come back", "home", "not home t A", "home t A"),
    "{T} came back to {A_obj}.",
    "{A} whistled, and {t} came running.",
    "{A} heard {t} at the door and let {them} in.",
    "{T} was waiting for {A_obj} on the steps.",
)

# Luck: something comes one's way, and only the word for it tells whether it is welcome.
_kind(
    *("good luck", "lucky", "not lucky A", "lucky A"),
    "{A} got {g}.",
    "{A} was given {g}.",
    "Somebody brought {A_obj} {g}.",
    "{A} came home with {g}.",
    questions={"g": "What was good for {A_obj}?"},
)
_kind(
    *("bad luck", "lucky", "lucky A", "not lucky A"),
    "{A} got {h}.",
    "{A} was given {h}.",
    "Somebody brought {A_obj} {h}.",
    "{A} came home with {h}.",
    questions={"h": "What was bad for {A_obj}?"},
)

# Neither good nor bad: things are put somewhere, people go somewhere.
_kind(
    *("put", "at", "not at t p", "at t p"),
    "{A} put {t} {p}.",
    "{A} hid {t} {p}.",
    "{A} carried {t} away and set {them} down {p}.",
    "{A} kept {t} {p}.",
    questions={"A": "Who put {t} {p}?", "t": "What did {A} put {p}?"},
)
_kind(
    *("go", "at", "not at A p", "at A p"),
    "{A} was {p}.",
    "{A} spent an hour {p}.",
    "{A} stayed {p}.",
    "{A} took a walk and stopped {p}.",
    questions={"A": "Who was {p}?", "p": "Where was {A}?"},
)
