"""What OpenAPI says of the routes: of each body and each response the schema."""

from __future__ import annotations

from typing import Any

from foretext.server.hosted import Hosted, example_of
from foretext.server.uploads import ENDINGS
from foretext.tasks.schema import TaskSchema

JSON, BYTES = "application/json", "application/octet-stream"
ABOUT = (
    "An answer has what `foretext predict` writes. A part of a text is from `start` to `end`, "
    "counted in Unicode code points, the end exclusive (JavaScript counts UTF-16 units)."
)
REFUSALS = {
    400: "the body is not JSON",
    401: "the token is missing or wrong",
    403: "a web page of another origin asks",
    408: "the body came too slowly",
    413: "the body, or the list of examples, is too large",
    415: "the body is not declared as it should be",
    421: "the server is not called by this name",
    422: "what is asked cannot be answered; `field` names it",
    429: "too much waits already; Retry-After says when to come again",
    503: "no answer came in time, or the server is being stopped",
}
STRANGERS = (401, 403, 421, 429)  # what any route but /health may say
LATER = {"Retry-After": {"description": "seconds", "schema": {"type": "string", "pattern": "^[0-9]+$"}}}
TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}

Said = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]


def predict_body(hosted: Hosted, most_examples: int) -> Said:
    """The body of /predict: what each model takes, with an example of it."""
    several = len(hosted) > 1
    asked = [_asked(name, one.schema, most_examples, named=several) for name, one in hosted.items()]
    examples = {
        name: {
            "summary": f"{name}, {one.schema.kind}",
            "value": {**({"model": name} if several else {}), "examples": [example_of(one.schema)]},
        }
        for name, one in hosted.items()
    }
    schema = {"oneOf": asked} if several else asked[0]
    return {"required": True, "content": {JSON: {"schema": schema, "examples": examples}}}


def table_asked(hosted: Hosted) -> Said:
    """What /table takes: a file's bytes, and in the query how to read them."""
    named = {"in": "query", "required": True}
    endings = "|".join(ending.removeprefix(".") for ending in ENDINGS)
    return {
        "requestBody": {"required": True, "content": {BYTES: {"schema": {"type": "string", "format": "binary"}}}},
        "parameters": [
            {"name": "name", "description": "the file's", "schema": _said(pattern=rf"[^.]\.({endings})$"), **named},
            {"name": "model", "schema": _said(enum=list(hosted)), **named, "required": len(hosted) > 1},
            {"name": "delimiter", "schema": _said(maxLength=20), "in": "query"},
        ],
    }


def answered() -> Responses:
    """What /predict says."""
    answer = _object(
        {
            "prediction": {"description": "a class, several, a score, spans, or the number of an answer from 0"},
            "probabilities": {
                "description": "by class, or for each answer in order; none for scores and spans",
                "anyOf": [
                    {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}},
                    {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}},
                ],
            },
            "cut_tokens": {**COUNT, "description": "how many tokens did not fit into the context"},
            "error": {**TEXT, "description": "why prediction is null"},
        },
        required=("prediction",),
    )
    unread = dict.fromkeys(("cut", "cut_tokens", "empty", "tokens", "unknown_tokens"), COUNT)
    answers = _object(
        {
            "model": TEXT,
            "answer": answer,
            "answers": {"type": "array", "items": answer},
            "unread": {**_object(unread), "description": "how much was cut, empty or unknown to the model"},
            "request_id": TEXT,
        },
        required=("model", "unread", "request_id"),
    )
    either = {**answers, "oneOf": [{"required": ["answer"]}, {"required": ["answers"]}]}
    return {**_ok("the answers, in order", either), **refusals(*REFUSALS)}


def table_read() -> Responses:
    """What /table says."""
    read = _object({"columns": _list(TEXT), "rows": _list({"type": "object"}), "how": {"type": "object"}})
    return {**_ok("the rows, and how they were read", read), **refusals(*STRANGERS, 408, 413, 415, 422)}


def state(*words: str, known: bool = True, otherwise: str = "") -> Responses:
    """What /health and /ready say: one of these words; with status 503 the word `otherwise`."""
    found = _ok("it is so", _object({"status": _said(enum=list(words))}))
    if otherwise:
        found[503] = _ok("it is not so", _object({"status": _said(enum=[otherwise])}))[200]
    return {**found, **refusals(*(STRANGERS if known else (403, 421)))}


def models() -> Responses:
    """What /models says."""
    of_a_model = dict.fromkeys(("kind", "precision"), TEXT) | {"context": COUNT, "example": {"type": "object"}}
    of_a_model |= {name: _list(TEXT) for name in ("text", "choices", "classes")}
    limits = {"examples": COUNT, "bytes": COUNT, "seconds": {"type": "number"}}
    listed = {"type": "object", "additionalProperties": _object(of_a_model)}
    return {**_ok("all there are", _object({"models": listed, "limits": _object(limits)})), **refusals(*STRANGERS)}


def refusals(*statuses: int) -> Responses:
    """What is said when there is no answer."""
    error = _object(dict.fromkeys(("code", "message", "field"), TEXT), required=("code", "message"))
    schema = _object({"error": error, "request_id": TEXT})
    found: Responses = {}
    for status in statuses:
        headers = {"headers": LATER} if status in (429, 503) else {}
        found[status] = {"description": REFUSALS[status], "content": {JSON: {"schema": schema}}, **headers}
    return found


def _asked(name: str, schema: TaskSchema, most_examples: int, *, named: bool) -> Said:
    example = _example(schema)
    return {
        "title": name,
        "type": "object",
        "additionalProperties": False,
        "required": ["model"] if named else [],
        "properties": {
            "model": {**_said(enum=[name]), "description": "needed where there are several"},
            "example": example,
            "examples": {"type": "array", "items": example, "minItems": 1, "maxItems": most_examples},
            "allow_unknown": {
                "type": "boolean",
                "default": False,
                "description": "answer though more than half of the tokens are unknown to the model",
            },
        },
        "oneOf": [{"required": ["example"]}, {"required": ["examples"]}],
    }


def _example(schema: TaskSchema) -> Said:
    """An example as this model takes it: an object by columns, a list in their order, or its one text."""
    words = {"description": "the words of a text", **_list({**TEXT, "pattern": r"^\S+$"})}
    cell: Said = {"anyOf": [TEXT, words]} if schema.task_kind.takes_words else TEXT
    listed = len(schema.choices) == 1
    answer = {**TEXT, "pattern": r"\S"}
    cells = [cell] * len(schema.text)
    several = {**_list(answer), "minItems": 2, **({} if listed else {"maxItems": len(schema.choices)})}
    in_order = [*cells, *([several] if schema.choices else [])]
    columns = dict.fromkeys(schema.text, cell)
    columns |= dict.fromkeys(schema.choices, several if listed else answer)
    as_list = {"type": "array", "prefixItems": in_order, "minItems": len(in_order), "maxItems": len(in_order)}
    forms = [_object(columns, required=(*schema.text, *schema.choices[:2])), as_list]
    return {"anyOf": [TEXT, *forms] if len(in_order) == 1 else forms}


def _ok(about: str, schema: Said) -> Responses:
    return {200: {"description": about, "content": {JSON: {"schema": schema}}}}


def _object(properties: Said, required: tuple[str, ...] | None = None) -> Said:
    return {"type": "object", "properties": properties, "required": list(properties if required is None else required)}


def _list(items: Said) -> Said:
    return {"type": "array", "items": items}


def _said(**options: Any) -> Said:
    return {"type": "string", **options}
