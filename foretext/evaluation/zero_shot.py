"""Tasks answered by a language model that was never fine-tuned, by the paper's heuristics.

`foretext.evaluation.prompts` says what is compared; here it is scored, and scores become answers:

    acceptability        the second class where the mean log-probability of a token is above a threshold
    sentiment            the class whose word is likeliest
    question-answering   the answer of the highest mean log-probability of a token
    winograd             the candidate with which the rest of the sentence has it

The softmax runs over the vocabulary alone (recipe point 9); the first token of a sequence is read, never predicted.

Source: Radford et al. 2018, section 5, "Zero-shot Behaviors".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from foretext.evaluation.intervals import RESAMPLES
from foretext.evaluation.prompts import EncodedTask, Question
from foretext.evaluation.scoring import Evaluation, score_examples
from foretext.evaluation.statistics import OF_COUNTS
from foretext.model.gpt import GPT
from foretext.model.kernels.likelihood import token_log_probabilities
from foretext.model.sequences import Sequences
from foretext.progress import Progress
from foretext.tasks.batching import TOKENS_PER_BATCH, length_sorted
from foretext.tasks.examples import Example
from foretext.tasks.predictions import Predictions, of_classes, softmax
from foretext.tasks.schema import TaskSchema

Array = npt.NDArray[np.float64]


def score_zero_shot(
    model: GPT, encoded: EncodedTask, *, resamples: int = RESAMPLES, bar: Progress | None = None
) -> Evaluation:
    """How good the model's answers are, with the metrics of the task."""
    task = encoded.task
    return score_examples(
        task.examples, answer_zero_shot(model, encoded, bar=bar), schema=task.schema, resamples=resamples
    )


def answer_zero_shot(model: GPT, encoded: EncodedTask, *, bar: Progress | None = None) -> Predictions:
    """What the model answers, by the task's heuristic."""
    task = encoded.task
    found = log_likelihoods(model, encoded.questions, bar=bar)
    if task.heuristic == "sentiment":
        totals = np.stack([totals for totals, _ in found])
        return of_classes(softmax(totals), task.schema.classes)
    means = [totals / counts for totals, counts in found]
    if task.heuristic != "acceptability":
        return Predictions(tuple(int(row.argmax()) for row in means))
    sentences = np.concatenate(means)
    if encoded.training:
        known = np.concatenate([totals / counts for totals, counts in log_likelihoods(model, encoded.training)])
        threshold = best_threshold(known, task.training, task.schema)
    else:
        threshold = float(np.median(sentences))
    no, yes = task.schema.classes
    return Predictions(tuple(yes if value > threshold else no for value in sentences), classes=task.schema.classes)


def best_threshold(values: Array, examples: Sequence[Example], schema: TaskSchema) -> float:
    """The value above which to say the second class, for the highest main metric on `examples`.

    It lies halfway between two neighbours, or beyond all of them.
    """
    order = np.argsort(values, kind="stable")
    positive = schema.labels.numbers([str(example.label) for example in examples])[order]
    below = np.concatenate([[0], np.cumsum(positive)])  # of the second class among the lowest 0, 1, …
    total, all_positive = len(values), int(positive.sum())
    said_no = np.arange(total + 1)
    counts = np.stack(
        [said_no - below, total - all_positive - (said_no - below), below, all_positive - below], axis=1
    ).reshape(-1, 2, 2)
    ranked = values[order]
    between = np.concatenate([[ranked[0] - 1.0], (ranked[:-1] + ranked[1:]) / 2, [ranked[-1] + 1.0]])
    apart = np.concatenate([[True], ranked[:-1] < ranked[1:], [True]])  # equal values cannot be told apart
    return float(between[np.argmax(np.where(apart, _metric_of_counts(schema.metrics()[0])(counts), -np.inf))])


def log_likelihoods(
    model: GPT, questions: Sequence[Question], *, tokens_per_batch: int = TOKENS_PER_BATCH, bar: Progress | None = None
) -> list[tuple[Array, Array]]:
    """For each question the summed log-probability of the scored tokens of each sequence, and how many they are.

    Neither depends on what else is in a batch.
    """
    results: list[tuple[Array, Array]] = [(np.empty(0), np.empty(0))] * len(questions)
    with model.evaluating():
        for indices, batch in length_sorted([question.encoded for question in questions], tokens_per_batch):
            starts = np.concatenate([questions[index].starts for index in indices])
            totals, counts = _totals(model, model.sequences(batch), starts)
            ends = np.cumsum([len(questions[index].starts) for index in indices])[:-1]
            pairs = zip(np.split(totals, ends), np.split(counts, ends), strict=True)
            for index, pair in zip(indices, pairs, strict=True):
                results[index] = pair
            if bar is not None:
                bar.advance(len(indices))
    return results


def _totals(model: GPT, sequences: Sequences, starts: npt.NDArray[np.int64]) -> tuple[Array, Array]:
    first = torch.from_numpy(starts).to(sequences.tokens.device)
    owners = sequences.owners()
    scored = sequences.unjoined(sequences.positions) >= first.clamp(min=1)[owners]  # (tokens of all sequences,)
    places = sequences.unjoined(torch.arange(len(sequences.tokens), device=first.device))[scored]
    # What sequences share is scored once.
    targets, of_targets = torch.unique(places, return_inverse=True)
    with torch.no_grad():
        hidden = model(sequences)
        vocabulary, states = hidden.matrix[: model.settings.vocabulary], hidden.states[sequences.before(targets)]
        values = token_log_probabilities(states, vocabulary, sequences.tokens[targets]).double()[of_targets]
    zeros = torch.zeros(sequences.sequence_count, dtype=torch.float64, device=values.device)
    totals = zeros.index_add(0, owners[scored], values)
    counts = zeros.index_add(0, owners[scored], torch.ones_like(values))
    return totals.cpu().numpy(), counts.cpu().numpy()


def _metric_of_counts(name: str) -> Callable[[npt.NDArray[np.int64]], Array]:
    if name == "accuracy":
        return lambda counts: np.trace(counts, axis1=1, axis2=2) / counts.sum(axis=(1, 2))
    return OF_COUNTS[name]
