"""How a result looks where nobody prints it: in a session of Python, in a notebook, as a tree of plain values."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, TypeVar

Result = TypeVar("Result")


def shows_itself(cls: type[Result]) -> type[Result]:
    """A class of results that has `lines` and `to_json`, with `repr`, `to_dict` and a notebook's view made of them."""
    plainly = cls.__repr__
    methods: dict[str, Callable[[Any], Any]] = {
        "__repr__": lambda self: "\n".join(self.lines()) or plainly(self),
        "to_dict": _to_dict,
        "_repr_html_": lambda self: f"<pre>{escape(repr(self))}</pre>",
    }
    for name, method in methods.items():
        setattr(cls, name, method)
    return cls


def _to_dict(self: Any) -> dict[str, Any]:
    """The result as a tree of plain values, as `--json` prints it."""
    found: dict[str, Any] = self.to_json()
    return found
