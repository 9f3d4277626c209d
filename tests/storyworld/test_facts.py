"""What is settled, what follows from it, and what stays open."""

from __future__ import annotations

import pytest

from foretext.storyworld.facts import Fact, State
from foretext.storyworld.words import PEOPLE, PLACES, THINGS

ANN, TOM = PEOPLE[:2]
KITE = THINGS[0]
RIVER, BARN = PLACES[:2]


@pytest.fixture
def state() -> State:
    return State()


def test_what_nothing_settles_is_open(state: State) -> None:
    assert state.value(Fact("dry", ANN)) is None
    assert state.value(Fact("has", ANN, KITE)) is None


def test_a_thing_that_somebody_has_nobody_else_has(state: State) -> None:
    state.settle(Fact("has", ANN, KITE), True)
    assert state.value(Fact("has", ANN, KITE)) is True
    assert state.value(Fact("has", TOM, KITE)) is False


def test_a_thing_that_changes_hands_leaves_the_first(state: State) -> None:
    state.apply([(Fact("has", ANN, KITE), True), (Fact("has", TOM, KITE), True)])
    assert state.value(Fact("has", ANN, KITE)) is False
    assert state.value(Fact("has", TOM, KITE)) is True


def test_a_thing_that_lies_somewhere_nobody_has_and_it_lies_nowhere_else(state: State) -> None:
    state.apply([(Fact("has", ANN, KITE), True), (Fact("at", KITE, RIVER), True)])
    assert state.value(Fact("has", ANN, KITE)) is False
    assert state.value(Fact("at", KITE, RIVER)) is True
    assert state.value(Fact("at", KITE, BARN)) is False


def test_that_one_person_is_dry_says_nothing_of_another(state: State) -> None:
    state.settle(Fact("dry", ANN), True)
    assert state.value(Fact("dry", TOM)) is None
