"""The corpus: as many different stories as asked for, the same from the same seed, in decent English."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise, takewhile
from typing import Any

import pytest

from foretext.storyworld.stories import SENTENCES, WORDS, Story, generate

COUNT = 1_500
DASH = re.compile("- ")
VERDICT = re.compile(
    r"(?:(?P<before>Luckily|Sadly) )?(?P<verdict>[Tt]rue|[Ff]alse|Nobody knows)(?:, (?P<after>luckily|sadly))?\."
)
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
            assert DASH.sub("", sentence, count=1).lstrip('"')[0].isupper(), sentence
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


def test_sayings_are_called_what_they_are(stories: list[Story], understand: Any, read_fact: Any) -> None:
    checked: Counter[tuple[str, str]] = Counter()
    for story in stories:
        told = understand(" ".join(_events(story)))
        for saying, verdict, _ in _sayings(story):
            if event := understand(saying).events:
                is_true = _who_and_what(event[0]) in map(_who_and_what, told.events)
                assert verdict == ("true" if is_true else "false"), (saying, story.text)
                checked["event", verdict] += 1
            elif (fact := _fact(saying, read_fact)) and fact[0] != "at":
                value = told.books.value(*fact[:2])
                right = {None: "nobody knows", True: "true", False: "false"}
                assert verdict == right[None if value is None else value == fact[2]], (saying, story.text)
                checked["end" if saying.startswith("In the end") else "fact", verdict] += 1
    assert min(checked[kind, verdict] for kind in ("event", "fact", "end") for verdict in ("true", "false")) > 50
    assert min(checked[kind, "nobody knows"] for kind in ("fact", "end")) > 50


def test_the_mood_of_a_verdict_is_how_lucky_the_truth_is(stories: list[Story], understand: Any, read_fact: Any) -> None:
    checked: Counter[str] = Counter()
    for story in stories:
        told = understand(" ".join(_events(story)))
        for saying, _, mood in _sayings(story):
            fact = _fact(saying, read_fact)
            if mood and fact:
                assert told.books.value(*fact[:2]) is (mood == "luckily"), (saying, story.text)
                checked[mood] += 1
    assert min(checked["luckily"], checked["sadly"]) > 50


def test_an_answer_from_the_story_follows_its_question(stories: list[Story]) -> None:
    asked = 0
    for story in stories:
        for question, said in pairwise(story.sentences):
            if question.endswith("?"):
                answer = DASH.sub("", said).removesuffix(".")
                assert said != answer, story.text
                noun = answer.split()[-1]  # it may have had an adjective
                assert noun.lower() in " ".join(_events(story)).lower(), story.text
                asked += 1
    assert asked > 500


def _events(story: Story) -> list[str]:
    """The sentences before anybody says or asks something."""
    return list(takewhile(lambda sentence: not DASH.match(sentence) and sentence[-1] != "?", story.sentences))


def _sayings(story: Story) -> Iterator[tuple[str, str, str]]:
    """What is said, but for answers to questions, with its verdict and its mood, which may be empty."""
    for before, said, verdict in zip(story.sentences, story.sentences[1:], story.sentences[2:], strict=False):
        if DASH.match(said) and before[-1] != "?":
            judged = VERDICT.fullmatch(verdict)
            assert judged, story.text
            mood = judged["before"] or judged["after"] or ""
            yield DASH.sub("", said), judged["verdict"].lower(), mood.lower()


def _fact(saying: str, read_fact: Any) -> tuple[str, Any, bool] | None:
    """What is claimed, or said to be so in the end."""
    if ending := re.fullmatch(r"In the end (.*), and [^,]*", saying):
        saying = f"{ending[1][0].upper()}{ending[1][1:]}."
    return read_fact(saying)  # type: ignore[no-any-return]


def _who_and_what(event: Any) -> tuple[str, tuple[tuple[str, str], ...]]:
    """An event without the roles that say which piece of luck it was."""
    return event[0], tuple((role, name) for role, name in event[1] if role in ("A", "B", "t", "p"))
