"""A value of JSON as other programs write it: read once and for all, and what is wrong with it said in words."""

from __future__ import annotations

import json
from typing import Any, NoReturn

TOO_DEEP = "not JSON that can be read: its brackets are nested too deep"


def json_value(text: str) -> Any:
    """The value that a line or a cell holds, all of it; a `ValueError` says why there is none."""
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        torn = error.pos >= len(text.rstrip())
        hint = ", where the line ends; an object stands on one line" if torn else ""
        raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1}{hint}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(refusal(error)) from None


def refusal(error: ValueError | RecursionError) -> str:
    """Why JSON that is well formed is not read: too deep, a number too long, or what this file says itself."""
    if isinstance(error, RecursionError):
        return TOO_DEEP
    if "integer string conversion" in str(error):
        return "not JSON that can be read: a whole number has thousands of digits"
    return str(error)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"not JSON: {name} is not a number that JSON knows")


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different: of two values under one name Python would keep the last, unsaid."""
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"an object names {twice!r} twice; take one of them out")
    return values


DECODER = json.JSONDecoder(parse_constant=_no_number, object_pairs_hook=_named_once)
