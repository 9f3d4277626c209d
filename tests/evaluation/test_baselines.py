import random

import numpy as np
import pytest

from foretext.errors import DataError
from foretext.evaluation.baselines import tfidf_baseline
from foretext.tasks.examples import Example
from foretext.tasks.files.columns import Columns
from foretext.tasks.kinds import find_kind
from foretext.tasks.schema import TaskSchema, learn_schema

CLASSES = TaskSchema(kind="classification", text=("text",), classes=("yes", "no"))
NOUNS = ["dog", "cat", "boat", "tree", "lamp", "king", "road", "fish"]


def schema(kind, text, examples):
    return learn_schema(examples, kind=find_kind(kind), columns=Columns(tuple(text)))


def accuracy(test, predictions):
    return np.mean([example.label == label for example, label in zip(test, predictions.labels, strict=True)])


def halves(make, count=400, seed=0):
    generator = random.Random(seed)
    examples = [make(generator) for _ in range(count)]
    return examples[: count // 2], examples[count // 2 :]


def told_by_a_word(generator):
    mood = generator.choice(["happy", "sad"])
    return Example((f"the {generator.choice(NOUNS)} was {mood} today",), label=mood)


def test_a_task_that_one_word_tells_is_solved():
    train, test = halves(told_by_a_word)
    predictions = tfidf_baseline(train, test, CLASSES)
    assert accuracy(test, predictions) == 1
    assert predictions.classes == ("happy", "sad")
    assert all(abs(sum(row) - 1) < 1e-9 for row in predictions.probabilities)


def shuffled_labels(generator):
    return Example((" ".join(generator.choices(NOUNS, k=5)),), label=generator.choice(["yes", "no"]))


def test_a_task_that_words_do_not_tell_stays_at_chance():
    train, test = halves(shuffled_labels, count=1200)
    assert 0.42 <= accuracy(test, tfidf_baseline(train, test, CLASSES)) <= 0.58


def equal_or_not(generator):
    first, second = generator.choice(NOUNS), generator.choice(NOUNS)
    if generator.random() < 0.5:
        second = first
    return Example((f"a {first}", f"a {second}"), label="same" if first == second else "other")


def test_entailment_sees_each_text_alone_and_similarity_sees_them_together():
    train, test = halves(equal_or_not, count=800)
    assert accuracy(test, tfidf_baseline(train, test, schema("entailment", "ab", train))) < 0.8
    assert accuracy(test, tfidf_baseline(train, test, schema("similarity", "ab", train))) == 1


def test_similarity_is_the_same_in_either_order():
    train, test = halves(equal_or_not)
    turned = [Example(example.texts[::-1], label=example.label) for example in test]
    there, back = (tfidf_baseline(train, some, schema("similarity", "ab", train)) for some in (test, turned))
    np.testing.assert_allclose(there.probabilities, back.probabilities)


def shared_words(generator):
    words = generator.sample(NOUNS, 4)
    kept = generator.randint(0, 4)
    others = [noun for noun in NOUNS if noun not in words]
    return Example((" ".join(words), " ".join(words[:kept] + others[kept:])), label=float(kept))


def test_graded_similarity_and_regression_give_scores_within_the_range_of_training():
    train, test = halves(shared_words)
    for kind in ("similarity", "regression"):
        scores = np.array(tfidf_baseline(train, test, schema(kind, "ab", train)).labels)
        assert scores.min() >= 0
        assert scores.max() <= 4
    truth = [example.label for example in test]
    assert np.corrcoef(truth, tfidf_baseline(train, test, schema("similarity", "ab", train)).labels)[0, 1] > 0.9


def named_in_the_text(generator):
    answers = generator.sample(NOUNS, generator.randint(2, 4))
    right = generator.randrange(len(answers))
    return Example((f"once there was a {answers[right]}",), choices=tuple(answers), label=right)


def test_a_choice_that_shared_words_tell_is_solved_for_any_number_of_answers():
    train, test = halves(named_in_the_text)
    predictions = tfidf_baseline(train, test, schema("choice", "a", train))
    assert accuracy(test, predictions) == 1
    assert [len(row) for row in predictions.probabilities] == [len(example.choices) for example in test]


def test_what_a_baseline_cannot_learn_from_is_refused():
    test = [Example(("a dog",))]
    with pytest.raises(DataError, match="every training label is 'yes'"):
        tfidf_baseline([Example(("a dog",), label="yes")] * 3, test, CLASSES)
    with pytest.raises(DataError, match="has none"):
        tfidf_baseline(test, test, CLASSES)
