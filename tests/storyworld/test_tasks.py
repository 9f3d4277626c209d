"""The tasks: balanced, held out, not solved by word counts, and every label as the text itself says it."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from random import Random
from typing import Any

import pytest

from foretext.storyworld import events
from foretext.storyworld.plots import HELD_OUT
from foretext.storyworld.stories import generate, invent
from foretext.storyworld.tasks import TASKS, Labelled
from foretext.storyworld.words import PEOPLE

COUNT = 240
NAMES = {person.name for person in PEOPLE}
LONGEST = 100  # words of the texts of an example together
TRAIN, TEST = 400, 400
# How far above chance word counts may come: four standard errors over TEST examples, and some for what they do see.
ABOVE_CHANCE = {"ending": 0.12, "grammar": 0.2, "follows": 0.12, "alike": 0.25, "cloze": 0.15, "reading": 0.2}


@cache
def examples(task: str) -> list[Labelled]:
    """The examples that most tests look at."""
    return TASKS[task].examples(COUNT, 1)


@pytest.mark.parametrize("task", TASKS)
def test_the_same_seed_gives_the_same_examples_and_a_smaller_count_the_first_of_them(task: str) -> None:
    assert TASKS[task].examples(30, 1) == examples(task)[:30]


@pytest.mark.parametrize("task", TASKS)
def test_no_example_repeats(task: str) -> None:
    assert len({example.texts for example in examples(task)}) == COUNT


@pytest.mark.parametrize("task", ["ending", "grammar", "follows", "alike"])
def test_every_label_has_its_equal_share(task: str) -> None:
    counts = Counter(example.label for example in examples(task))
    assert max(counts.values()) - min(counts.values()) <= 1
    assert len(counts) == (2 if task in ("ending", "grammar") else 3)


@pytest.mark.parametrize(("task", "fewest", "most"), [("cloze", 2, 4), ("reading", 3, 5)])
def test_the_right_answer_stands_anywhere_among_two_to_five(task: str, fewest: int, most: int) -> None:
    for example in examples(task):
        assert fewest <= len(example.answers) <= most
        assert len(set(example.answers)) == len(example.answers)
        assert 0 <= int(example.label) < len(example.answers)
    assert {example.label for example in examples(task)} >= set(range(fewest + 1))
    assert {len(example.answers) for example in examples(task)} >= {fewest, fewest + 1}


UNSTOPPED = {"follows": (1,), "alike": (0, 1)}  # texts that the extract token closes


@pytest.mark.parametrize("task", TASKS)
def test_texts_are_short_and_clean(task: str) -> None:
    for example in examples(task):
        assert sum(len(text.split()) for text in example.texts) <= LONGEST
        for number, text in enumerate(example.texts):
            stop = "[a-z]" if number in UNSTOPPED.get(task, ()) else "[.?]"
            assert re.fullmatch(f"[A-Z].*{stop}", text), text
            assert not re.search(r"  |[{}]", text), text


def test_no_task_text_stands_in_a_corpus() -> None:
    stories = "\n".join(story.text for story in generate(1_500, seed=1))
    for task in ("ending", "cloze", "reading"):
        assert not any(example.texts[0] in stories for example in examples(task))


def test_one_plot_in_so_many_is_held_out() -> None:
    random = Random(0)
    share = sum(invent(random).held_out for _ in range(1_000)) / 1_000
    assert share == pytest.approx(1 / HELD_OUT, abs=0.06)  # four standard errors


def test_better_or_worse_is_how_the_first_matter_of_the_first_person_comes_out(understand: Any) -> None:
    for example in examples("ending"):
        text = understand(example.texts[0])
        hero = next(word for word in re.findall(r"[A-Z][a-z]+", text.other[0]) if word in NAMES)
        value = _outcome(text, hero)
        assert value is (example.label == "better"), example


def _outcome(text: Any, hero: str) -> bool | None:
    """How the matter of the first event stands in the end for `hero`."""
    kind, filled = text.events[0]
    roles = dict(filled)
    others = [roles[role] for role in ("A", "B") if role in roles and roles[role] != hero]
    asked = {"A": hero, "t": roles.get("t", ""), "B": others[0] if others else ""}
    return text.books.value(events.KINDS[kind].about, asked)  # type: ignore[no-any-return]


def test_no_ending_says_how_anybody_feels() -> None:
    feelings = re.compile(r"\b(?:glad|happy|unhappy|sad|smiled|laughed|cried|sighed|tears)\b")
    assert not any(feelings.search(example.texts[0]) for example in examples("ending"))


def test_good_sentences_tell_events_and_bad_ones_tell_nothing(understand: Any) -> None:
    for example in examples("grammar"):
        assert example.texts[0].count(". ") == 1, example  # two sentences: of one alone word pairs tell too much
        assert bool(understand(example.texts[0]).other) == (example.label == "bad"), example


def test_what_follows_is_true_what_contradicts_is_false_the_rest_is_open(understand: Any, read_fact: Any) -> None:
    for example in examples("follows"):
        premise, hypothesis = example.texts
        relation, roles, said = read_fact(f"{hypothesis}.")
        value = understand(premise).books.value(relation, roles)
        label = "neutral" if value is None else "entailment" if value == said else "contradiction"
        assert label == example.label, example


def test_the_score_of_two_texts_is_the_share_of_events_that_both_tell(understand: Any) -> None:
    for example in examples("alike"):
        first, second = (understand(f"{text}.") for text in example.texts)
        assert first.other == second.other == []
        shared = {_who_and_what(event) for event in first.events} & {_who_and_what(event) for event in second.events}
        assert 5 * len(shared) / len(first.events) == example.label, example


def _who_and_what(event: Any) -> tuple[str, tuple[tuple[str, str], ...]]:
    """An event without the roles that say which piece of luck it was."""
    return event[0], tuple((role, name) for role, name in event[1] if role in ("A", "B", "t", "p"))


def test_only_the_right_ending_is_true(understand: Any, read_fact: Any) -> None:
    for example in examples("cloze"):
        books = understand(example.texts[0]).books
        truths = [_truth(answer, books, read_fact) for answer in example.answers]
        assert [truth is True for truth in truths].index(True) == example.label, example
        assert truths.count(True) == 1, example


def _truth(ending: str, books: Any, read_fact: Any) -> bool | None:
    """Whether "In the end the kite was with Ann, and Ann smiled." is true."""
    how = ending.removeprefix("In the end ").rsplit(", and ", 1)[0] + "."
    relation, roles, said = read_fact(how[0].upper() + how[1:])
    value = books.value(relation, roles)
    return None if value is None else value == said


def test_every_answer_to_choose_from_stands_in_the_document() -> None:
    for example in examples("reading"):
        for answer in example.answers:
            assert answer.lower() in example.texts[0].lower(), example


def test_questions_about_the_end_are_answered_by_the_facts(understand: Any) -> None:
    checked = 0
    for example in TASKS["reading"].examples(600, 2):
        asked = re.fullmatch(r"(Who had|Where was|Where were) (.*) in the end\?", example.texts[1])
        if asked:
            books = understand(example.texts[0]).books
            known = books.holder if asked[1] == "Who had" else books.place
            assert known[asked[2]].lower() == example.answers[int(example.label)].lower(), example
            checked += 1
    assert checked


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_word_counts_do_not_solve_a_task(task: str) -> None:
    from foretext.evaluation.baselines import tfidf_baseline
    from foretext.tasks.examples import Example
    from foretext.tasks.files.columns import Columns
    from foretext.tasks.kinds import KINDS
    from foretext.tasks.schema import learn_schema

    kind = TASKS[task].kind
    rows = [Example(row.texts, row.answers, row.label) for row in TASKS[task].examples(TRAIN + TEST, 0)]
    train, test = rows[:TRAIN], rows[TRAIN:]
    columns = Columns(tuple(map(str, range(len(train[0].texts)))), ("answers",) if train[0].choices else ())
    said = tfidf_baseline(train, test, learn_schema(train, kind=KINDS[kind], columns=columns)).labels
    assert _score(said, test, kind) < _chance(test, kind) + ABOVE_CHANCE[task]


def _score(said: tuple[Any, ...], test: list[Any], kind: str) -> float:
    if kind == "similarity":
        import numpy as np

        return float(np.corrcoef(said, [example.label for example in test])[0, 1])
    return sum(answer == example.label for answer, example in zip(said, test, strict=True)) / len(test)


def _chance(test: list[Any], kind: str) -> float:
    if kind == "similarity":
        return 0.0
    if kind == "choice":
        return sum(1 / len(example.choices) for example in test) / len(test)
    return 1 / len({example.label for example in test})
