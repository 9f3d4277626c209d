"""Labels that may be wrong: suspects, ranked, beside the number that shuffled labels would give.

Source: Northcutt et al. 2021, "Confident Learning", over out-of-fold predictions of word counts. People confirmed about
half of such suspects, so they are shown, and no more.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from foretext.checkup.finding import Finding
from foretext.checkup.rows import Part, name_of, told
from foretext.checkup.word_counts import FEWEST_TEXTS, Judged, Probabilities

BETTER = 0.25  # of the way from chance to perfect that a model must have gone for its doubts to mean something
MANY = 0.5  # of the suspects under shuffled labels: with as many, doubts mean nothing
LISTED = 20  # suspects that are named
SURE = 0.9  # probability of another label from which on, if the model is seldom wrong, the label itself is doubtful
SELDOM = 0.9  # balanced accuracy of such a model


def check_noise(part: Part, judged: Judged | None) -> list[Finding]:
    """The most doubtful labels of the sampled rows of a part, or that nothing can be said."""
    if not part.one_class:
        return []
    if judged is None:
        return [_cannot(part, "the rows are too few, of one class, or without words")]
    found = list[Finding]()
    if judged.left_out:
        says = f"classes whose labels are not judged: fewer than {FEWEST_TEXTS} different texts in the rows looked at"
        names = (", ".join(map(name_of, judged.left_out)),)
        found.append(Finding("label noise", "sound", says, {"classes": len(judged.left_out)}, (), names))
    probabilities = judged.out_of_fold(judged.truth)
    balanced, chance = judged.balanced(probabilities, judged.truth), 1 / len(judged.classes)
    if balanced - chance < BETTER * (1 - chance):
        return [*found, _cannot(part, f"word counts answer {balanced:.1%} of the rows of a class, chance {chance:.1%}")]
    shuffled = np.random.Generator(np.random.Philox(0)).permutation(judged.truth)
    by_chance = len(suspects(judged.out_of_fold(shuffled), shuffled))
    suspected = suspects(probabilities, judged.truth)
    if len(suspected) >= MANY * max(by_chance, 1):
        return [*found, _cannot(part, f"{len(suspected):,} labels are in doubt, {by_chance:,} if they are shuffled")]
    if len(suspected):
        found.append(_suspects(part, judged, probabilities, suspected, by_chance, balanced))
    return found


def suspects(probabilities: Probabilities, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The rows whose label is in doubt, the most doubtful first.

    Another class must be at least as probable as it is, on average, for the rows that have its label.
    """
    rows = np.arange(len(labels))
    usual = np.array(
        [probabilities[labels == k, k].mean() if (labels == k).any() else 2.0 for k in range(probabilities.shape[1])]
    )
    confident = np.where(probabilities >= usual, probabilities, 0.0)
    others = confident.copy()
    others[rows, labels] = 0.0
    margin = others.max(axis=1) - probabilities[rows, labels]
    doubted = np.flatnonzero((others.max(axis=1) > 0) & (margin > 0))
    return doubted[np.argsort(-margin[doubted], kind="stable")]


def _cannot(part: Part, why: str) -> Finding:
    return Finding("label noise", "sound", f"cannot judge whether labels of {part.name} are right: {why}")


def _suspects(
    part: Part,
    judged: Judged,
    probabilities: Probabilities,
    suspected: npt.NDArray[np.int64],
    by_chance: int,
    balanced: float,
) -> Finding:
    first = suspected[:LISTED]
    sure = int((probabilities[suspected].max(axis=1) >= SURE).sum())
    doubtful = balanced >= SELDOM and sure > 0
    says = (
        f"suspects: rows of {part.name} that word counts answer otherwise ({balanced:.1%} right of a class on average)"
        ". About half of such rows turn out to be labelled rightly; look at the first ones"
    )
    counts = {"suspects": len(suspected), "if labels were shuffled": by_chance, "rows looked at": len(judged.rows)}
    examples = tuple(
        f"{told(judged.rows[row])}, not {name_of(judged.classes[int(probabilities[row].argmax())])}?" for row in first
    )
    places = part.at([judged.rows[row].place for row in first])
    return Finding("label noise", "doubtful" if doubtful else "sound", says, counts, places, examples)
