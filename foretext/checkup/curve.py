"""How many rows a class needs: word counts that learn from more and more of them."""

from __future__ import annotations

import itertools

import numpy as np

from foretext.checkup.finding import Finding
from foretext.checkup.rows import Part
from foretext.checkup.word_counts import FOLDS, Judged

PARTS = (8, 4, 2, 1)  # of the rows that a model may learn from: an eighth, a quarter, a half, all
FEWEST = 5  # rows of a class in the smallest of them
BETTER = 0.1  # of the way from chance to perfect that word counts must have gone for their curve to mean something
WEAK = "word counts do not answer these rows"
LITTLE = 0.01  # what a doubling brings where more rows are hardly worth it


def check_curve(part: Part, judged: Judged | None) -> list[Finding]:
    """The share that word counts answer rightly, of each class on average, over the rows of a class they learn from."""
    if judged is None:
        return []
    points = [(rows, score) for size in PARTS for rows, score in [_point(judged, size)] if rows >= FEWEST]
    if len(points) < 2:
        return []
    chance = 1 / len(judged.classes)
    if points[-1][1] - chance < BETTER * (1 - chance):
        return [Finding("learning curve", "sound", f"cannot judge how many rows a class needs: {WEAK}")]
    curve = ", ".join(f"{rows:,} rows: {score:.1%}" for rows, score in points)
    gain = points[-1][1] - points[-2][1]
    says = (
        f"what word counts answer rightly over the rows of a class of {part.name}: {curve}; the last doubling brings "
    )
    says += f"{100 * gain:+.1f} points"
    enough = next((rows for (rows, score), (_, then) in itertools.pairwise(points) if then - score < LITTLE), None)
    says += (
        f", from about {enough:,} rows a class on more bring little" if enough else ", more rows of a class will help"
    )
    counts = {"classes": len(judged.classes), "rows looked at": len(judged.rows)}
    return [Finding("learning curve", "sound", says, counts)]


def _point(judged: Judged, size: int) -> tuple[int, float]:
    """Rows of a class that are learned from, and the share answered rightly, over two folds."""
    scores, rows = [], []
    for fold in (0, FOLDS // 2):
        asked, others = np.flatnonzero(judged.folds == fold), np.flatnonzero(judged.folds != fold)
        learned = others[::size]
        probabilities = judged.probabilities(learned, asked, judged.truth)
        scores.append(judged.balanced(probabilities, judged.truth[asked]))
        rows.append(len(learned) // len(judged.classes))
    return rows[0], float(np.mean(scores))
