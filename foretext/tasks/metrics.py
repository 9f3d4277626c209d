"""The metrics of the paper's tasks: one number from true and predicted labels, higher is better.

Classes and answers are integers counted from 0. Where a metric is not defined, its value is 0, to count with, and
`why_undefined` says why: a correlation when one side is constant or there are fewer than two examples, kappa when
both are one and the same class, F1 when the class is neither true nor predicted anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[Any]  # (examples,): indices of classes or answers, or scores; (examples, labels): which are there
Metric = Callable[[Numbers, Numbers], float]


def accuracy(truth: Numbers, predicted: Numbers) -> float:
    """Share of labels that are right."""
    return float(np.mean(truth == predicted))


def f1(truth: Numbers, predicted: Numbers) -> float:
    """F1 of the positive class, which is class 1."""
    from sklearn.metrics import f1_score

    return float(f1_score(truth == 1, predicted == 1, zero_division=0))


def f1_macro(truth: Numbers, predicted: Numbers) -> float:
    """Mean of the F1 of each class that is true or predicted anywhere; of sets of labels, of each label."""
    from sklearn.metrics import f1_score

    if truth.ndim == 1:
        return float(f1_score(truth, predicted, average="macro", zero_division=0))
    seen = (truth | predicted).any(axis=0)
    return float(f1_score(truth[:, seen], predicted[:, seen], average="macro", zero_division=0)) if seen.any() else 0.0


def f1_micro(truth: Numbers, predicted: Numbers) -> float:
    """F1 of all labels of all examples together; 0 where nothing is true or predicted."""
    both = 2 * float((truth & predicted).sum())
    return both / max(1.0, float(truth.sum() + predicted.sum()))


def exact_match(truth: Numbers, predicted: Numbers) -> float:
    """Share of examples whose set of labels, or of spans, is right to the last one."""
    return float(np.mean((truth == predicted).reshape(len(truth), -1).all(axis=1)))


def matthews(truth: Numbers, predicted: Numbers) -> float:
    """Matthews correlation, for any number of classes; 0 where one side is constant."""
    if len(np.unique(truth)) < 2 or len(np.unique(predicted)) < 2:
        return 0.0
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(truth, predicted))


def pearson(truth: Numbers, predicted: Numbers) -> float:
    """Pearson's linear correlation; 0 where one side is constant."""
    if _constant(truth) or _constant(predicted):
        return 0.0
    from scipy.stats import pearsonr

    return float(pearsonr(truth, predicted).statistic)


def spearman(truth: Numbers, predicted: Numbers) -> float:
    """Spearman's correlation of ranks, ties sharing their mean rank; 0 where one side is constant."""
    if _constant(truth) or _constant(predicted):
        return 0.0
    from scipy.stats import spearmanr

    return float(spearmanr(truth, predicted).statistic)


def quadratic_kappa(truth: Numbers, predicted: Numbers) -> float:
    """Agreement beyond chance on positions in an order, a miss counting by the square of its distance; at most 1.

    0 where both sides are one and the same class. Source: Cohen 1968, "Weighted kappa", with quadratic weights.
    """
    true, said = truth.astype(np.float64), predicted.astype(np.float64)
    by_chance = true.var() + said.var() + (true.mean() - said.mean()) ** 2  # of two drawn apart from each other
    return 1 - float(np.mean((true - said) ** 2) / by_chance) if by_chance else 0.0


def entity_f1(truth: Numbers, predicted: Numbers) -> float:
    """F1 of all spans of all examples together, `(examples,)` of sets; a span is right if edges and label are.

    0 where there is none. Source: Tjong Kim Sang and De Meulder 2003, CoNLL-2003.
    """
    hits = sum(len(true & said) for true, said in zip(truth, predicted, strict=True))
    both = sum(len(true) + len(said) for true, said in zip(truth, predicted, strict=True))
    return 2 * hits / max(1, both)


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "f1": f1,
    "f1_macro": f1_macro,
    "f1_micro": f1_micro,
    "exact_match": exact_match,
    "matthews": matthews,
    "pearson": pearson,
    "spearman": spearman,
    "quadratic_kappa": quadratic_kappa,
    "entity_f1": entity_f1,
}


CORRELATIONS = ("matthews", "pearson", "spearman")


def why_undefined(metric: str, truth: Numbers, predicted: Numbers) -> str:
    """Why the metric has no value between these labels; nothing where it has one."""
    if metric in CORRELATIONS:
        return _why_no_correlation(truth, predicted)
    if metric == "quadratic_kappa" and len(truth) and (truth[0] == truth).all() and (truth[0] == predicted).all():
        return "all targets and predictions are one class"
    if metric == "f1" and not ((truth == 1) | (predicted == 1)).any():
        return "neither a target nor a prediction is the positive class"
    if metric in ("f1_micro", "f1_macro") and truth.ndim == 2 and not (truth | predicted).any():
        return "no label is true or predicted"
    if metric == "entity_f1" and not any(len(spans) for spans in (*truth, *predicted)):
        return "no span is true or predicted"
    return ""


def why_targets_cannot_tell(metric: str, truth: Numbers) -> str:
    """Why no predictions whatever could be told apart by the metric on these targets; nothing where they can.

    Of kappa too: on equal targets it is 0 for all predictions that differ from them.
    """
    return _why_no_correlation(truth, truth) if metric == "quadratic_kappa" else why_undefined(metric, truth, truth)


def _why_no_correlation(truth: Numbers, predicted: Numbers) -> str:
    if len(truth) < 2:
        return "it takes two examples"
    if _constant(truth):
        return "all targets are equal"
    return "all predictions are equal" if _constant(predicted) else ""


def _constant(values: Numbers) -> bool:
    """Whether all values are one, so far as floating point can tell."""
    numbers = values.astype(np.float64)
    return len(numbers) < 2 or bool(np.ptp(numbers) <= 1e-12 * max(1.0, float(np.abs(numbers).max())))
