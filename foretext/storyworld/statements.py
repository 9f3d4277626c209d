"""How it is said that a fact holds or does not: plain statements, and how it makes people feel."""

from __future__ import annotations

from dataclasses import dataclass

from foretext.storyworld.facts import Fact
from foretext.storyworld.words import Entity


@dataclass(frozen=True)
class Saying:
    """The ways to say that a relation holds, and that it does not."""

    roles: tuple[str, ...]  # what stands for the subject and the object of the fact
    true: tuple[str, ...]
    false: tuple[str, ...]


SAYINGS: dict[str, Saying] = {
    "lucky": Saying(
        ("A",),
        ("{A} was lucky.", "Things went well for {A_obj}."),
        ("{A} was unlucky.", "Things went badly for {A_obj}."),
    ),
    "has": Saying(
        ("A", "t"),
        ("{A} had {t}.", "{T} {was} with {A_obj}."),
        ("{A} did not have {t}.", "{T} {was} not with {A_obj}."),
    ),
    "whole": Saying(
        ("t",),
        ("{T} {was} whole.", "{T} {was} not broken."),
        ("{T} {was} broken.", "{T} {was} not whole."),
    ),
    "clean": Saying(
        ("t",),
        ("{T} {was} clean.", "{T} {was} not dirty."),
        ("{T} {was} dirty.", "{T} {was} not clean."),
    ),
    "dry": Saying(
        ("A",),
        ("{A} was dry.", "{A} was not wet."),
        ("{A} was wet.", "{A} was not dry."),
    ),
    "fed": Saying(
        ("A",),
        ("{A} was full.", "{A} was not hungry."),
        ("{A} was hungry.", "{A} was not full."),
    ),
    "warm": Saying(
        ("A",),
        ("{A} was warm.", "{A} was not cold."),
        ("{A} was cold.", "{A} was not warm."),
    ),
    "well": Saying(
        ("A",),
        ("{A} was well.", "{A} was not in pain."),
        ("{A} was in pain.", "{A} was not well."),
    ),
    "rested": Saying(
        ("A",),
        ("{A} was wide awake.", "{A} was not tired."),
        ("{A} was tired.", "{A} was not wide awake."),
    ),
    "friends": Saying(
        ("A", "B"),
        ("{A} liked {B_obj}.", "{A} was not angry with {B_obj}."),
        ("{A} was angry with {B_obj}.", "{A} did not like {B_obj}."),
    ),
    "ahead": Saying(
        ("A", "B"),
        ("{A} was ahead of {B_obj}.", "{A} was first."),
        ("{A} was not ahead of {B_obj}.", "{A} was not first."),
    ),
    "home": Saying(
        ("t", "A"),
        ("{T} {was} at home.", "{T} {was} not gone."),
        ("{T} {was} gone.", "{T} {was} not at home."),
    ),
    "at": Saying(("E", "p"), ("{E} {was} {p}.",), ("{E} {was} not {p}.",)),
}

GLAD = (
    "{A} was glad.",
    "{A} was happy.",
    "{A} smiled.",
    "{A} laughed.",
    "{A} sang a song.",
    "{A} danced for joy.",
)
SAD = (
    "{A} was sad.",
    "{A} was unhappy.",
    "{A} cried.",
    "{A} sighed.",
    "{A} hung {his} head.",
    "{A} had tears in {his} eyes.",
)


def roles_of(fact: Fact) -> dict[str, Entity]:
    """The roles in which a fact's subject and object stand in its sayings."""
    saying = SAYINGS[fact.relation]
    entities = (fact.subject, fact.object)
    return {role: entity for role, entity in zip(saying.roles, entities, strict=False) if entity is not None}
