"""Fields that a file gives by name, such as those of a config.json, each checked as it is read."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from foretext.errors import ModelError

Value = TypeVar("Value")
_NEEDED: Any = object()

log = logging.getLogger(__name__)


class Fields:
    """The fields of `file` by name; `prefix` stands before each name there."""

    def __init__(self, values: Mapping[str, Any], file: Path, *, prefix: str = "") -> None:
        self.values, self.file, self.prefix = values, file, prefix
        self.read: set[str] = set()

    def get(self, name: str, usual: Any = None) -> Any:
        """What the file says, whatever that is; `usual` where it says nothing, or null."""
        self.read.add(name)
        found = self.values.get(self.prefix + name)
        return usual if found is None else found

    def count(self, name: str, usual: int = _NEEDED) -> int:
        """A whole number above 0.

        Raises:
            ModelError: it is another value, or it is missing and there is no `usual`.
        """
        found = self._needed(name, usual)
        if type(found) is not int or found < 1:
            raise self.wrong(name, found, "a whole number above 0")
        return found

    def number(self, name: str, usual: float = _NEEDED) -> float:
        """A number.

        Raises:
            ModelError: it is another value, or it is missing and there is no `usual`.
        """
        found = self._needed(name, usual)
        if type(found) not in (int, float):
            raise self.wrong(name, found, "a number")
        return float(found)

    def flag(self, name: str, usual: bool) -> bool:
        """True or false.

        Raises:
            ModelError: it is another value.
        """
        found = self.get(name, usual)
        if type(found) is not bool:
            raise self.wrong(name, found, "true or false")
        return found

    def named(self, name: str, known: Mapping[str, Value], usual: str = _NEEDED) -> Value:
        """What a word of the file stands for.

        Raises:
            ModelError: it is not among those `known`, or missing and there is no `usual`.
        """
        found = self._needed(name, usual)
        if not isinstance(found, str) or found not in known:
            raise self.wrong(name, found, "one of " + ", ".join(known))
        return known[found]

    def must_be(self, expected: Mapping[str, Any]) -> None:
        """Nothing if these fields are missing or have the values that are the only ones known here.

        Raises:
            ModelError: one has another.
        """
        for name, value in expected.items():
            found = self.get(name, value)
            if found != value:
                raise self.wrong(name, found, f"{value!r}, the only one that is known here")

    def say_unread(self, harmless: set[str]) -> None:
        """Warns of fields that were not read and are not among those known to change nothing."""
        own = {name.removeprefix(self.prefix) for name in self.values if name.startswith(self.prefix)}
        left = sorted(own - self.read - harmless)
        if left:
            log.warning(
                "%s: fields that are not known here were not read: %s; if one changes what the model computes, its "
                "answers will be wrong",
                self.file,
                ", ".join(left),
            )

    def wrong(self, name: str, found: Any, right: str) -> ModelError:
        """What to raise where a field has a value that cannot be used."""
        return ModelError(f"{self.file}: {self.prefix}{name} is {found!r}; it must be {right}")

    def _needed(self, name: str, usual: Any) -> Any:
        found = self.get(name)
        if found is None and usual is _NEEDED:
            raise ModelError(f"{self.file} lacks {self.prefix}{name}; add it if you know what the model was made with")
        return usual if found is None else found
