"""Where a fine-tuned model and word counts are right: with a negation and without, short and long, rare words and not.

    foretext finetune mini --task SST-2 --train-rows 10000 --keep last --out run
    python benchmarks/errors.py run --task SST-2 --rows 10000 --books $FORETEXT_DATA/corpus/books-train-00.jsonl.xz

For tasks of one text and one of some classes, scored as `pretraining_gain.py` scores. Word counts see the rows that the
run saw: --rows and --seed are the run's. Texts are sorted by their lengths in words and cut into three parts of one
size; a word is rare that stands in the books fewer than a hundred times. Accuracies x 100 with 95 % intervals over the
examples, as a Markdown table; the last two columns say how many only the one or the other got right.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from foretext.corpus.readers import read_documents
from foretext.evaluation.baselines import tfidf_baseline
from foretext.evaluation.score_intervals import metric_estimate
from foretext.recipes.settings.study import StudySettings
from foretext.recipes.studies.runner import read_studied_tasks
from foretext.serving.predictor import Predictor
from foretext.tasks.encode import encode
from foretext.tasks.examples import Example
from foretext.tasks.labelled import limited
from foretext.tasks.predictions import Predictions
from foretext.texts.words import NEGATIONS, words

RARE = 100  # times in the books
Chosen = npt.NDArray[np.bool_]  # which of the texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a fine-tuned run")
    parser.add_argument("--task", required=True)
    parser.add_argument("--rows", type=int, default=0, help="training rows of the run (default: 0, all)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the run (default: 0)")
    parser.add_argument("--books", type=Path, nargs="+", required=True, help="some of what the model has read")
    given = parser.parse_args()
    (task,) = read_studied_tasks(StudySettings(model=str(given.run), out=given.run, tasks=(given.task,)))
    asked, predictor = task.data.valid, Predictor.load(given.run, precision="fp32")
    encoded = encode(asked, predictor.schema, predictor.saved.tokenizer, predictor.gpt.settings.context)
    train = limited(task.data, given.rows, given.seed).train
    model = right(asked, predictor.answer(encoded))
    counts = right(asked, tfidf_baseline(train, asked, task.data.schema))
    texts = [words(" ".join(example.texts)) for example in asked]
    read = Counter(word for document in read_documents(given.books) for word in words(document.text))
    print(f"{task.name}: {task.scored_on}; {read.total():,} words of books\n")
    print("| texts | | model | word counts | model alone | counts alone |\n|---|---|---|---|---|---|")
    truth = np.ones(len(asked), dtype=bool)
    for name, chosen in groups(texts, read):
        cells = [str(metric_estimate("accuracy", truth[chosen], kind[chosen], resamples=1)) for kind in (model, counts)]
        alone = [(one & ~other)[chosen].sum() for one, other in ((model, counts), (counts, model))]
        print(f"| {name} | {chosen.sum():,} | {' | '.join(cells)} | {alone[0]:,} | {alone[1]:,} |")


def right(asked: Sequence[Example], said: Predictions) -> Chosen:
    """Which of the examples are answered as they are labelled."""
    return np.array([example.label == label for example, label in zip(asked, said.labels, strict=True)])


def groups(texts: Sequence[list[str]], read: Counter[str]) -> Iterator[tuple[str, Chosen]]:
    """All texts, and parts of them by what may decide whether one is understood."""
    yield "all", np.ones(len(texts), bool)
    negated = np.array([any(negates(found)) for found in texts])
    yield "with a negation", negated
    yield "without one", ~negated
    lengths = np.array([len(found) for found in texts])
    for part in np.array_split(np.argsort(lengths, kind="stable"), 3):
        yield f"{lengths[part].min()} to {lengths[part].max()} words", np.isin(np.arange(len(texts)), part)
    rare = np.array([sum(read[word] < RARE for word in found) for found in texts])
    yield "no rare word", rare == 0
    yield "one to three", (rare > 0) & (rare < 4)
    yield "more", rare > 3


def negates(found: Sequence[str]) -> Iterator[bool]:
    """Of each word, whether it turns what is said into its opposite; "n't" stands as n and t, or as don and t."""
    for place, word in enumerate(found):
        yield word in NEGATIONS or (word == "t" and place > 0 and found[place - 1].endswith("n"))


if __name__ == "__main__":
    main()
