"""The models that a server answers with, by name, and what a client must know of each to ask it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foretext.checkpoints.model_at_update import load_named
from foretext.errors import SettingsError
from foretext.server.refusals import invalid
from foretext.serving.int8_report import require
from foretext.serving.predictor import Predictor
from foretext.tasks.schema import TaskSchema

NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._@-]*)=(.+)")

Hosted = Mapping[str, Predictor]


def load_hosted(runs: Sequence[str], *, device: str, precision: str) -> Hosted:
    """The models of these runs by name: `NAME=RUN`, or the last part of the run's path.

    Raises:
        SettingsError: two have one name; int8, and what that changes was not measured for a model.
        ModelError: a model is missing, damaged, or has no task.
    """
    found: dict[str, Predictor] = {}
    for given in runs:
        name, run = split_name(given)
        if name in found:
            raise SettingsError(f"two models are called {name!r}; name one of them: other-name={run}")
        saved = load_named(run)
        found[name] = Predictor.of(saved, device=device, precision=precision)
        if precision == "int8":
            require(saved)
    return found


def split_name(given: str) -> tuple[str, str]:
    """The name and the run of `NAME=RUN`, or of a run alone."""
    match = None if Path(given).exists() else NAMED.fullmatch(given)
    return (match[1], match[2]) if match else (Path(given).resolve().name or given, given)


def chosen(name: Any, hosted: Hosted) -> tuple[str, Predictor]:
    """The model of that name; without a name the only one.

    Raises:
        Refused: there is no such model, or none was named of several.
    """
    names = ", ".join(map(repr, hosted))
    if name is None and len(hosted) == 1:
        return next(iter(hosted.items()))
    if name is None:
        raise invalid(f"the request names no model; there are: {names}", "model")
    if not isinstance(name, str) or name not in hosted:
        raise invalid(f"no model is called {json.dumps(name)[:60]}; there are: {names}", "model")
    return name, hosted[name]


def described(predictor: Predictor) -> dict[str, Any]:
    """What a client must know of a model: its kind, the columns of an example, the classes."""
    schema = predictor.schema
    return {
        "kind": schema.kind,
        "text": list(schema.text),
        "choices": list(schema.choices),
        "classes": list(schema.labels.classes),
        "context": predictor.gpt.settings.context,
        "precision": predictor.precision,
        "example": example_of(schema),
    }


def example_of(schema: TaskSchema) -> dict[str, Any]:
    """An example as this model takes it, made up."""
    texts = {name: f"The {name} of an example." for name in schema.text}
    if len(schema.choices) == 1:
        return {**texts, schema.choices[0]: ["the first answer", "the second answer"]}
    return {**texts, **{name: f"answer {number}" for number, name in enumerate(schema.choices, start=1)}}
