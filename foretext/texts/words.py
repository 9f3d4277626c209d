"""The words of a text as comparisons see them: nothing that may decide is left out."""

from __future__ import annotations

import re

# A character of a script that sets no blanks is a word; so is a mark that is no plain punctuation, such as an emoji.
WORD = re.compile(
    "[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\\W\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+"
    "|[^\\w\\s\\u0021-\\u002f\\u003a-\\u0040\\u005b-\\u0060\\u007b-\\u007e\\u2010-\\u2027\\u2030-\\u205e]"
)
# Words that turn a sentence into its opposite, in the languages that are told apart here.
NEGATIONS = frozenset(
    "not no never none nor neither cannot n't nicht kein keine keinen nie ne pas jamais aucun non nunca ningún mai "
    "nessuno não nenhum niet geen nooit inte ikke nie ei не нет без 不 没 無 ない".split()
)


def words(text: str) -> list[str]:
    """The words of a text without regard to case: one-letter words, digits, single characters and emoji are words."""
    return WORD.findall(text.casefold())


def plain(text: str) -> str:
    """The text without regard to case and blanks."""
    return " ".join(text.casefold().split())


def decisive(words: list[str]) -> list[str]:
    """Those of the words that may decide what is said, in order: numbers and negations."""
    return [
        word
        for k, word in enumerate(words)
        if word in NEGATIONS or any(map(str.isdigit, word)) or (word == "t" and k and words[k - 1].endswith("n"))
    ]
