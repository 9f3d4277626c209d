"""A request's body to a job for the worker, and the job's answers to the body of the response.

    {"examples": ["a text", …]}                  {"model": "scenes", "answers": [{"prediction": "sea", …}, …], …}
    {"example": ["a premise", "a hypothesis"]}   {"model": "pairs", "answer": {"prediction": "follows", …}, …}
    {"examples": [{"story": "…", "answers": ["…", "…"]}]}

An example is what `Predictor.predict` takes, and its answer what `foretext predict` writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foretext.server.hosted import Hosted, chosen
from foretext.server.refusals import Refused, invalid, too_large
from foretext.server.worker import Job, is_finite
from foretext.serving.predictor import Prediction
from foretext.tasks.examples import Example
from foretext.tasks.files.cells import CellError
from foretext.tasks.files.json_value import json_value
from foretext.tasks.given import example_given
from foretext.tasks.labels.form import DIGITS, LabelForm
from foretext.tasks.schema import TaskSchema

FIELDS = ("model", "example", "examples", "allow_unknown")


@dataclass(frozen=True)
class Question:
    """What is asked of which model; `alone` says that one example was given and no list."""

    model: str
    job: Job
    alone: bool

    def answered(self) -> dict[str, Any]:
        """The body of the response, once the job is done."""
        job = self.job
        assert job.unread is not None, "it was read"
        answers = [
            answer(prediction, job.predictor.schema.labels) | ({"cut_tokens": item.cut} if item.cut else {})
            for prediction, item in zip(job.predictions(), job.encoded, strict=True)
        ]
        said = {"answer": answers[0]} if self.alone else {"answers": answers}
        return {"model": self.model, **said, "unread": job.unread.to_json()}


def question(body: bytes, hosted: Hosted, *, most_examples: int) -> Question:
    """What a request asks.

    Raises:
        Refused: it is not JSON, or cannot be answered; the field is named.
    """
    asked = _object(body)
    unknown = next((name for name in asked if name not in FIELDS), None)
    if unknown is not None:
        raise invalid(f"there is no such field; there are: {', '.join(FIELDS)}", unknown[:60])
    model, predictor = chosen(asked.get("model"), hosted)
    allowed = asked.get("allow_unknown", False)
    if not isinstance(allowed, bool):
        raise invalid("it is true or false", "allow_unknown")
    if ("example" in asked) == ("examples" in asked):
        raise invalid('give either "example" or "examples"', "examples")
    alone = "example" in asked
    values = [asked["example"]] if alone else _list(asked["examples"], most_examples)
    examples = [
        _example(value, predictor.schema, "example" if alone else f"examples[{place}]")
        for place, value in enumerate(values)
    ]
    return Question(model, Job(predictor, examples, allow_unknown=allowed), alone)


def _object(body: bytes) -> dict[str, Any]:
    try:
        asked = json_value(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Refused(400, "not_json", f"the body is not UTF-8 at byte {error.start}") from None
    except ValueError as error:
        raise Refused(400, "not_json", f"the body is {error}") from None
    if not isinstance(asked, dict):
        raise invalid('the body is no object; give {"examples": ["a text"]}')
    return asked


def _list(given: Any, most: int) -> list[Any]:
    if isinstance(given, str):
        raise invalid('it is one text; give a list of them, or the text as "example"', "examples")
    if not isinstance(given, list):
        raise invalid("it is no list of examples", "examples")
    if not given:
        raise invalid("the list is empty; give one example at least", "examples")
    if len(given) > most:
        raise too_large(f"{len(given):,} examples; one request takes {most:,} at most: send several", "examples")
    return given


def _example(value: Any, schema: TaskSchema, field: str) -> Example:
    try:
        return example_given(value, schema)
    except CellError as problem:
        raise invalid(f"column {problem.column!r}: {problem}", _field(field, value, problem.column)) from None
    except (ValueError, TypeError) as problem:
        raise invalid(str(problem), field) from None


def _field(field: str, value: Any, column: str) -> str:
    return f"{field}.{column}" if isinstance(value, Mapping) else field


def answer(prediction: Prediction, labels: LabelForm) -> dict[str, Any]:
    """An answer as JSON: the cell `prediction` of `foretext predict`, and probabilities by class or by answer.

    Where the model gives what is no number, prediction is null and `error` says so.
    """
    probabilities = prediction.probabilities
    if not is_finite(prediction):
        return {"prediction": None, "error": "the model's numbers are not finite for this example"}
    said = {"prediction": labels.columns(prediction.label, list((probabilities or {}).values()))["prediction"]}
    if probabilities is None:
        return said
    rounded = {name: round(value, DIGITS) for name, value in probabilities.items()}
    return said | {"probabilities": rounded if labels.classes else [*rounded.values()]}


def as_json(value: Any) -> bytes:
    """`value` as UTF-8; what is not finite is an error here, and never reaches a client."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
