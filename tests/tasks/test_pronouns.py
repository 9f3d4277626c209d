"""Where the pronoun in question stands, and what takes its place."""

from __future__ import annotations

import pytest

from foretext.errors import DataError
from foretext.tasks.pronouns import around_pronoun, put_in_place


def test_a_sentence_falls_into_what_stands_before_the_pronoun_and_what_behind() -> None:
    assert around_pronoun("When Ann saw Bo, she ran.", "she", ["Ann", "Bo"]) == ("When Ann saw Bo, ", " ran.")


def test_of_several_pronouns_the_first_behind_both_candidates_is_meant() -> None:
    sentence = "Foxes think they beat dogs, but they hope they win."
    assert around_pronoun(sentence, "they", ["Foxes", "dogs"]) == (
        "Foxes think they beat dogs, but ",
        " hope they win.",
    )
    assert around_pronoun("They said the dogs they met bark.", "they", ["cats", "bark"])[0] == "They said the dogs "


def test_a_pronoun_is_a_word_and_not_a_part_of_one() -> None:
    assert around_pronoun("The heir met the king when he hid.", "he", ["The heir", "the king"])[1] == " hid."
    with pytest.raises(DataError, match="'it' does not occur in"):
        around_pronoun("A bit of bait.", "it", ["A", "B"])


def test_the_blank_of_a_sentence_without_a_pronoun_counts_as_one() -> None:
    assert around_pronoun("The cup fell off the desk as _ shook.", "_", ["cup", "desk"])[1] == " shook."


def test_who_takes_the_place_of_a_possessive_is_one_too() -> None:
    assert put_in_place("the cat", "Its") == "the cat's"
    assert put_in_place("the cat", "it") == "the cat"
