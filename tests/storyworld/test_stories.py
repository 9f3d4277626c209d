"""The corpus: as many different stories as asked for, the same from the same seed, in decent English."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from foretext.storyworld.stories import SENTENCES, WORDS, Story, generate

COUNT = 1_500
ASKING = "True or false?"
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


def test_claims_and_events_told_again_are_called_what_they_are(
    stories: list[Story], understand: Any, read_fact: Any
) -> None:
    checked: Counter[tuple[str, str]] = Counter()
    for story in stories:
        start = story.sentences.index(ASKING)
        told = understand(" ".join(story.sentences[: _end_of_truth(story)]))
        for claim, verdict in _single_claims(story.sentences[start + 1 :]):
            if event := understand(claim).events:
                is_true = _who_and_what(event[0]) in map(_who_and_what, told.events)
                assert verdict == ("True." if is_true else "False."), (claim, story.text)
                checked["event", verdict] += 1
            elif (fact := read_fact(claim)) and fact[0] != "at":
                relation, roles, said = fact
                value = told.books.value(relation, roles)
                right = {None: "Nobody knows.", True: "True.", False: "False."}
                assert verdict == right[None if value is None else value == said], (claim, story.text)
                checked["fact", verdict] += 1
    assert min(checked[kind, verdict] for kind in ("event", "fact") for verdict in ("True.", "False.")) > 50
    assert checked["fact", "Nobody knows."] > 50


def test_it_is_said_how_much_of_a_story_told_again_is_true(stories: list[Story], understand: Any) -> None:
    checked: Counter[str] = Counter()
    for story in stories:
        end, start = _end_of_truth(story), story.sentences.index(ASKING)
        if end == start:
            continue
        told = [_who_and_what(event) for event in understand(" ".join(story.sentences[:end])).events]
        *again, verdict = story.sentences[end + 1 : start]
        true = [_who_and_what(event) in told for event in understand(" ".join(again)).events]
        assert len(true) == len(again) <= len(told)
        amount = "All" if all(true) else "Some" if any(true) else "None"
        assert verdict == f"{amount} of it was true.", story.text
        checked[amount] += 1
    assert min(checked[amount] for amount in ("All", "Some", "None")) > 20


def _end_of_truth(story: Story) -> int:
    """Where the story is told again, in which there may be lies, or the questions begin."""
    again = [number for number, sentence in enumerate(story.sentences) if sentence.endswith("told it again.")]
    return again[0] if again else story.sentences.index(ASKING)


def _single_claims(sentences: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What stands alone before a verdict, and the verdict; questions with their answers are left out."""
    held: list[str] = []
    for sentence in sentences:
        if sentence not in ("True.", "False.", "Nobody knows."):
            held.append(sentence)
            continue
        if len(held) == 1:
            yield held[0], sentence
        held.clear()


def _who_and_what(event: Any) -> tuple[str, tuple[tuple[str, str], ...]]:
    """An event without the roles that say which piece of luck it was."""
    return event[0], tuple((role, name) for role, name in event[1] if role in ("A", "B", "t", "p"))
