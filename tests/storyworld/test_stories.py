"""The corpus: as many different stories as asked for, the same from the same seed, in decent English."""

from __future__ import annotations

import re

import pytest

from foretext.storyworld.stories import SENTENCES, WORDS, Story, generate

COUNT = 1_500
WRONG_ARTICLE = re.compile(r"\b(?:a (?=[aeio])|an (?=[^aeioh]))", re.IGNORECASE)  # "an hour" has an h
PUNCTUATED = re.compile(r"[^ ](?:.*[^ ])?(?:[.?]|[.?]\")")


@pytest.fixture(scope="module")
def stories() -> list[Story]:
    return list(generate(COUNT, seed=3))


def test_a_seed_gives_the_same_stories_and_a_smaller_count_the_first_of_them(stories: list[Story]) -> None:
    again = list(generate(50, seed=3))
    assert [story.text for story in again] == [story.text for story in stories[:50]]


def test_another_seed_gives_other_stories(stories: list[Story]) -> None:
    others = {story.text for story in generate(200, seed=4)}
    assert not others & {story.text for story in stories}


def test_there_are_as_many_stories_as_asked_for_and_no_two_are_the_same(stories: list[Story]) -> None:
    assert len({story.text for story in stories}) == COUNT


@pytest.mark.slow
def test_a_large_corpus_repeats_no_story() -> None:
    assert len({story.text for story in generate(20_000, seed=0)}) == 20_000


def test_no_story_has_a_plot_that_is_held_out(stories: list[Story]) -> None:
    assert not any(story.plot.held_out for story in stories)


def test_stories_keep_to_their_length(stories: list[Story]) -> None:
    for story in stories:
        assert SENTENCES[0] <= len(story.sentences) <= SENTENCES[1], story.text
        assert WORDS[0] <= len(story.text.split()) <= WORDS[1], story.text


def test_every_sentence_begins_with_a_capital_and_ends_with_a_stop(stories: list[Story]) -> None:
    for story in stories:
        for sentence in story.sentences:
            assert sentence.lstrip('"')[0].isupper(), sentence
            assert PUNCTUATED.fullmatch(sentence), sentence
            assert not re.search(r"  |[{}]", sentence), sentence
            assert sentence.count('"') in (0, 2), sentence


def test_articles_agree_with_the_word_they_stand_before(stories: list[Story]) -> None:
    for story in stories:
        assert not WRONG_ARTICLE.search(story.text), story.text


def test_things_in_the_plural_take_a_plural_verb(stories: list[Story]) -> None:
    plural = re.compile(r"\b[Tt]he (?:boots|keys|gloves|marbles|shoes) was\b|\b(?:[Ww]as|[Ii]t was) the boots\b")
    singular = re.compile(r"\b[Tt]he (?:kite|ball|hat|drum|clock) were\b")
    text = " ".join(story.text for story in stories)
    assert not plural.search(text)
    assert not singular.search(text)
    assert re.search(r"\bwere\b", text)


def test_did_somebody_have_a_thing_is_answered_by_the_facts(stories: list[Story]) -> None:
    asked = re.compile(r"Did (\w+) have (the \w+)\?\W+(?:asked [\w ]+\. \")?(Yes|No)\b")
    checked = 0
    for story in stories:
        held = {
            (fact.subject.name, fact.object.name): holds
            for fact, holds in story.facts.items()
            if fact.relation == "has" and fact.object
        }
        for person, thing, answer in asked.findall(story.text):
            if (person, thing) in held:
                assert answer == ("Yes" if held[person, thing] else "No"), story.text
                checked += 1
    assert checked
