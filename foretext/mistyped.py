"""What is wrong with what was typed, on one line, with what to type instead."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from cyclopts import (
    ArgumentOrderError,
    CycloptsError,
    MissingArgumentError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from foretext.flags import unshielded
from foretext.settings import flag


def mistyped(error: CycloptsError, positionals: Sequence[str] = ()) -> str:
    """What cyclopts found, in our words where it may not help; `positionals` may stand without a flag."""
    if isinstance(error, UnusedCliTokensError):
        return _too_many(error, positionals)
    if isinstance(error, ArgumentOrderError):
        return _out_of_order(error)
    said = str(unshielded(" ".join(str(error).split())))
    if isinstance(error, UnknownOptionError):
        return said + _behind_dashes(error)
    if isinstance(error, MissingArgumentError):
        return said + _behind_equals(error)
    return said


def _too_many(error: UnusedCliTokensError, positionals: Sequence[str]) -> str:
    words = " ".join(map(unshielded, error.unused_tokens or ()))
    twice = _flagged(error, positionals)
    if not twice:
        return f"too many arguments: {words}"
    names, flags = (" and ".join(map(form, twice)) for form in (str.upper, flag))
    return f"{names} given twice, with {flags} and without ({words}); leave one out"


def _out_of_order(error: ArgumentOrderError) -> str:
    assert error.argument is not None  # that which the word would have been
    given, wanted = error.prior_positional_or_keyword_supplied_as_keyword_arguments[0].name, error.argument.name
    word, name = unshielded(error.token), given.removeprefix("--").upper()
    return (
        f"{given} gives {name} already: if {word!r} is {name} too, it is given twice, leave one out; "
        f"if it is {wanted.removeprefix('--').upper()}, write {wanted} {word}"
    )


def _flagged(error: CycloptsError, positionals: Sequence[str]) -> list[str]:
    """Those positionals that were given with their flag."""
    typed = {argument.split("=")[0] for argument in error.root_input_tokens or ()}
    return [name for name in positionals if flag(name) in typed]


def _behind_dashes(error: UnknownOptionError) -> str:
    option = error.token.keyword or error.token.value
    return "" if option.startswith("--") else f" For a text that begins with a dash, write -- before it: -- {option!r}."


def _behind_equals(error: MissingArgumentError) -> str:
    for before, after in pairwise(error.root_input_tokens or ()):
        if before == error.keyword and after.startswith("-"):
            return f" For a value that begins with a dash, write {before}={after}."
    return ""
