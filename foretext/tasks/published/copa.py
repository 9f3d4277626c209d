"""COPA (Roemmele et al. 2011): XML of premises with two alternatives, one the likelier cause or effect.

What is asked for becomes a word behind the premise, "because" or "so", so that a language model reads one sentence;
the alternatives follow the delimiter as answers do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from foretext.errors import DataError
from foretext.tasks.examples import Example
from foretext.tasks.published.splits import SplitReader

JOINING_WORD = {"cause": "because", "effect": "so"}


def read(path: Path) -> Iterator[Example]:
    """The items of one split: premise and joining word, then two alternatives.

    Raises:
        DataError: the file is not as published.
    """
    try:
        items = ElementTree.parse(path).getroot().iter("item")
    except ElementTree.ParseError as error:
        raise DataError(f"{path}:{error.position[0]}: not XML: {error}") from error
    for item in items:
        where = f"{path}: item {item.get('id')}"
        premise, *answers = ((item.findtext(name) or "").strip() for name in ("p", "a1", "a2"))
        word, right = JOINING_WORD.get(item.get("asks-for", "")), item.get("most-plausible-alternative")
        if word is None or not premise or not all(answers) or right not in (None, "1", "2"):
            raise DataError(f"{where} is not a premise with two alternatives, one of them right")
        yield Example((premise, word), tuple(answers), None if right is None else int(right) - 1, where)


READER = SplitReader(
    {"train": ("copa-dev.xml",), "test": ("copa-test.xml",)},  # the development set is what one trains on
    read,
)
