"""Whether an exported folder answers as the model itself does: its own answer.py, run by itself, on examples."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from foretext.checkpoints.saved_model import SavedModel
from foretext.errors import ModelError
from foretext.evaluation.scoring import score_examples
from foretext.model.sequences import Sequences
from foretext.portable.folder import ANSWER, Precision
from foretext.serving.predictor import Predictor, outputs
from foretext.tasks.batching import packed
from foretext.tasks.encode import encode
from foretext.tasks.examples import Encoded, Example, Label, Span
from foretext.tasks.predictions import Predictions
from foretext.text_table import text_table

MADE = 16  # examples
ODD = ("", " \t", "Zoë — “naïve”…", "İ ﬁ &amp; schÃ¶n\n\n <b>line</b>", "🎉 no. 3.5 % 👍🏽 don't")
# Between probabilities, scores in their steps, or log-probabilities. fp32 has seven digits; products of some thousand
# terms, summed in another order, keep five of them through a dozen layers.
GREATEST = 1e-4
# In int8 the mean over examples: a model whose probabilities move by more than a tenth on average is another model.
MEAN = 0.1
FEWEST_EQUAL = {"fp32": 0.99, "int8": 0.9}  # share of equal answers; in fp32 the rest is for ties


@dataclass(frozen=True)
class Agreement:
    """How far the folder's answers are from the model's own in fp32, and how both score where labels are known."""

    examples: int
    source: str  # the file they came from; empty: made up
    greatest: float
    mean: float
    equal: float | None  # share of equal answers; None for scores, which are never equal
    metrics: dict[str, tuple[float, float]] = field(default_factory=dict)  # the model's, the folder's

    def lines(self, precision: str) -> list[str]:
        """What to tell the person who exports."""
        what = f"labelled examples of {self.source}" if self.source else "made-up examples"
        said = f"{self.examples:,} {what}: greatest difference from our own answers {self.greatest:.2g}"
        said += f", {self.mean:.2g} on average"
        lines = [said if self.equal is None else f"{said}; {100 * self.equal:.1f} % of the answers are equal"]
        rows = [[name, f"{100 * own:.1f}", f"{100 * other:.1f}"] for name, (own, other) in self.metrics.items()]
        return [*lines, *(text_table(["score x 100", "fp32 here", f"{precision} there"], rows) if rows else [])]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def demand(self, precision: Precision) -> None:
        """Nothing, if they agree.

        Raises:
            ModelError: they do not; what was measured is said.
        """
        exact = precision == "fp32"
        apart = self.greatest > GREATEST if exact else self.mean > MEAN
        judged = exact or bool(self.source)  # what is likeliest in made-up texts may hang by a hair
        differ = judged and self.equal is not None and self.equal < FEWEST_EQUAL[precision]
        if apart or differ or not np.isfinite(self.greatest):
            limit = f"{GREATEST:g} at most" if exact else f"{MEAN:g} on average"
            equal = f"{100 * FEWEST_EQUAL[precision]:g} % equal"
            remedy = "this is an error of Foretext; please report it" if exact else "use --precision fp32"
            raise ModelError(
                f"in {precision} the exported model does not answer as this one does, and was not kept: "
                f"{self.lines(precision)[0]}; allowed are {limit}, and {equal}; {remedy}"
            )


def agreement(folder: Path, saved: SavedModel, examples: Sequence[Example] = (), source: str = "") -> Agreement:
    """How the model in `folder` agrees with `saved`, on labelled examples of `source`, or on made-up ones.

    Raises:
        ModelError: answer.py fails.
    """
    made = not examples
    examples = examples or made_up(saved)
    found = answers_of(folder, examples)
    if saved.task is None:
        own = [_loss(saved, example.texts[0]) for example in examples]
        apart = [
            abs(loss + float(np.mean(one["log_probabilities"]))) if one["log_probabilities"] else 0.0
            for loss, one in zip(own, found, strict=True)
        ]
        return Agreement(len(examples), source, float(np.max(apart)), float(np.mean(apart)), None)
    predictor = Predictor.of(saved, device="cpu", precision="fp32")
    encoded = encode(examples, saved.task, saved.tokenizer, saved.gpt.settings.context)
    said = predictor.answer(encoded)
    rows = outputs(predictor.gpt, encoded)
    step = saved.gpt.head.settings.step if saved.gpt.head else 1.0
    apart = []
    for k, (item, one) in enumerate(zip(encoded, found, strict=True)):
        if "log_probabilities" in one:
            expected = np.exp(_read_rows(rows[k], item))
            given = np.exp(np.array(one["log_probabilities"]).reshape(expected.shape))
        elif said.probabilities is not None:
            expected, given = np.array(said.probabilities[k]), _values(one["probabilities"])
        else:
            expected, given = np.array([said.labels[k]], dtype=float), np.array([one["prediction"]], dtype=float)
            apart.append(_steps_apart(expected, given, step))
            continue
        apart.append(float(np.max(np.abs(expected - given), initial=0.0)))
    labels = tuple(label_of(one["prediction"]) for one in found)
    equal, _ = saved.task.labels.agreement(said.labels, labels)
    metrics = {}
    if not made:
        scored = [
            score_examples(examples, one, schema=saved.task, resamples=0).metrics for one in (said, Predictions(labels))
        ]
        metrics = {name: (value.value, scored[1][name].value) for name, value in scored[0].items()}
    return Agreement(len(examples), source, float(np.max(apart)), float(np.mean(apart)), equal, metrics)


def answers_of(folder: Path, examples: Sequence[Example]) -> list[dict[str, Any]]:
    """What the folder's own answer.py says of each example, in a process of its own.

    Raises:
        ModelError: it fails.
    """
    lines = "".join(json.dumps(given(example)) + "\n" for example in examples)
    call = [sys.executable, str(folder / ANSWER)]
    done = subprocess.run(call, input=lines.encode(), capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise ModelError(f"the {ANSWER} of the exported model fails: {said[-1]}")
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def given(example: Example) -> Any:
    """An example as answer.py takes it."""
    if example.choices:
        return [*example.texts, list(example.choices)]
    return example.texts[0] if len(example.texts) == 1 else list(example.texts)


def label_of(value: Any) -> Label:
    """A label from what answer.py says."""
    if not isinstance(value, list):
        return value  # type: ignore[no-any-return]
    return tuple(Span(**part) if isinstance(part, dict) else part for part in value)


def made_up(saved: SavedModel) -> list[Example]:
    """Examples of random pieces, from none to more than the context holds, and of odd texts."""
    draw, tokenizer, context = np.random.default_rng(0), saved.tokenizer, saved.gpt.settings.context

    def text(length: int) -> str:
        pieces = draw.integers(0, tokenizer.size, length).tolist()
        return tokenizer.decode(pieces).encode("utf-8", "replace").decode()

    lengths = np.geomspace(1, 1.5 * context, MADE - len(ODD)).astype(int).tolist()
    texts = [*ODD, *map(text, lengths)]
    if saved.task is None:
        return [Example((one,)) for one in texts if tokenizer.encode(one)]
    count, most = len(saved.task.text), max(2, min(4, len(saved.task.choices) or 4))
    examples = []
    for k in range(MADE):
        fields = tuple(texts[(k + 3 * number) % MADE] for number in range(count))
        answers = 2 + k % (most - 1) if saved.task.task_kind.has_answers else 0
        examples.append(Example(fields, tuple(texts[(k + 5 + number) % MADE] for number in range(answers))))
    return examples


def _steps_apart(expected: Any, given: Any, step: float) -> float:
    """How far scores are from each other in steps of the head, but for what rounding them to fp32 may do.

    In steps wherever they lie: a hundredth of the number 2000 is two decades of years.
    """
    rounding = 2 * np.spacing(np.abs(expected).astype(np.float32)).astype(float)
    return float(np.max(np.maximum(0, np.abs(expected - given) - rounding))) / step


def _read_rows(rows: Any, encoded: Encoded) -> Any:
    assert encoded.offsets is not None, "tags are said of characters"
    there = [place is not None for sequence in encoded.offsets for place in sequence]
    return rows[np.array(there, dtype=bool)]


def _values(probabilities: Any) -> Any:
    return np.array([*probabilities.values()] if isinstance(probabilities, dict) else probabilities)


def _loss(saved: SavedModel, text: str) -> float:
    """The mean loss of the tokens of a text but the first, of those that are read at once."""
    gpt, ids = saved.gpt, saved.tokenizer.encode(text)
    context = gpt.settings.context
    ids = ids if len(ids) <= context else ids[-(context // 2 or 1) :]
    if len(ids) < 2:
        return 0.0
    with gpt.evaluating(), torch.inference_mode():
        batch = packed([Encoded([ids])])
        hidden = gpt(Sequences.of(batch, gpt.embedding.device))
        logits = hidden.states[:-1] @ hidden.matrix[: gpt.settings.vocabulary].T
        return float(torch.nn.functional.cross_entropy(logits.double(), torch.tensor(ids[1:])))
