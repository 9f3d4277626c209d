"""What happens to a text before it is cut into words: broken characters repaired, punctuation and lines set apart.

    repair       the whole text   Don’t  ->  Don't      (ftfy, line by line)
    lines        the whole text   a list of white-space chunks for every line that is not blank
    spaced       one chunk        say--"no!"  ->  say -- " no !  "

Source: `text_utils.py` of the code released with Radford et al. 2018.
"""

from __future__ import annotations

import re

import ftfy

CLEANING_VERSION = 1  # raise it when a change here or in the word rules changes ids; it is part of the fingerprint

# ftfy leaves printable ASCII, tabs and line feeds alone, with one exception: `&`, which may begin an HTML entity.
_MAY_NEED_REPAIR = re.compile(r"[^\t\n -%'-~]")
_REPLACED = str.maketrans({"—": "-", "–": "-", "―": "-", "…": "...", "´": "'"})
_SPACED_MARKS = '-~!";?+,)(/*[]}{|_'  # no backslash: in the released code it only escapes the `+` after it
_SPACED_PARTS = re.compile(
    "|".join(f"{re.escape(mark)}+" for mark in _SPACED_MARKS) + f"|[^{re.escape(_SPACED_MARKS)}]+"
)


def repair(text: str) -> str:
    """`ftfy.fix_text(text)`, handing to ftfy only the lines in which it could find something to do.

    ftfy works on one line after the other and carries one thing along: once a `<` was seen, HTML entities are kept.
    """
    if not _MAY_NEED_REPAIR.search(text):
        return text
    *ended, last = text.split("\n")
    repaired = []
    entities: bool | str = "auto"
    for line in (*(line + "\n" for line in ended), last):
        repaired.append(ftfy.fix_text(line, unescape_html=entities) if _MAY_NEED_REPAIR.search(line) else line)
        if "<" in line:
            entities = False
    return "".join(repaired)


def lines(text: str) -> list[list[str]]:
    """The white-space chunks of every line of a repaired text; blank lines are left out."""
    return [chunks for line in text.split("\n") if (chunks := line.split())]


def spaced(chunk: str) -> list[str]:
    """A chunk with dashes and quotes made plain, cut at both sides of every run of one punctuation mark."""
    if chunk.isascii() and chunk.isalpha():
        return [chunk]
    return _SPACED_PARTS.findall(chunk.translate(_REPLACED))


def standardise(text: str) -> str:
    """The text as the word rules see it: single spaces, line breaks with a space at both sides, no blank lines."""
    cleaned = (" ".join(part for chunk in line for part in spaced(chunk)) for line in lines(repair(text)))
    return " \n ".join(cleaned)
