"""What happens to a text before it is cut into words: broken characters repaired, punctuation and lines set apart.

    repair       the whole text   Don’t  ->  Don't      (ftfy, line by line)
    chunks       the whole text   what stands between white space, and a mark for each run of line breaks
    spaced       one chunk        say--"no!"  ->  say -- " no !  "

Source: `text_utils.py` of the code released with Radford et al. 2018.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import ftfy

LINE_BREAK = "\0"  # no repaired text has this character: ftfy takes control characters out
CLEANING_VERSION = 1  # raise it when a change here or in the word rules changes ids; it is part of the fingerprint

# What ftfy does to a line of printable ASCII, tabs, curly quotes, dashes and ellipses is known: it makes the quotes
# straight. None of these characters belongs to text in a broken encoding, as ftfy sees it, but beside others. The one
# exception is `&`, which may begin an HTML entity.
_NEEDS_FTFY = re.compile("[^\t\n -%'-~‘’“”–—―…´]")
_STRAIGHT = (("‘", "'"), ("’", "'"), ("“", '"'), ("”", '"'))
_LINE_BREAKS = re.compile(r"\n\s*")
_REPLACED = str.maketrans({"—": "-", "–": "-", "―": "-", "…": "...", "´": "'"})
_SPACED_MARKS = '-~!";?+,)(/*[]}{|_'  # no backslash: in the released code it only escapes the `+` after it
_SPACED_PARTS = re.compile(
    "|".join(f"{re.escape(mark)}+" for mark in _SPACED_MARKS) + f"|[^{re.escape(_SPACED_MARKS)}]+"
)


def repair(text: str) -> str:
    """`ftfy.fix_text(text)`, handing to ftfy only the lines in which it could find more to do than curly quotes."""
    return "".join(repaired for _, repaired in repaired_parts(text))


def repaired_parts(text: str) -> Iterator[tuple[str, str]]:
    """The parts of a text and what each becomes: single lines that ftfy looked at, and all lines between two such.

    ftfy works on one line after the other and carries one thing along: once a `<` was seen, HTML entities are kept.
    """
    tag, start = text.find("<"), 0
    while found := _NEEDS_FTFY.search(text, start):
        line = text.rfind("\n", start, found.start()) + 1 or start
        end = text.find("\n", found.end()) + 1 or len(text)
        if line > start:
            yield text[start:line], _straight(text[start:line])
        entities = False if 0 <= tag < line else "auto"
        yield text[line:end], ftfy.fix_text(text[line:end], unescape_html=entities)
        start = end
    if start < len(text):
        yield text[start:], _straight(text[start:])


def _straight(text: str) -> str:
    if not text.isascii():
        for curly, straight in _STRAIGHT:
            text = text.replace(curly, straight)
    return text


def chunks(repaired: str) -> list[str]:
    """What stands between white space in a repaired text, with `LINE_BREAK` for each run of line breaks inside it."""
    return _LINE_BREAKS.sub(f" {LINE_BREAK} ", repaired.strip()).split()


def spaced(chunk: str) -> list[str]:
    """A chunk with dashes and quotes made plain, cut at both sides of every run of one punctuation mark."""
    if chunk.isascii() and chunk.isalpha():
        return [chunk]
    return _SPACED_PARTS.findall(replaced(chunk))


def replaced(text: str) -> str:
    """The text with dashes, ellipses and acute accents in ASCII; three full stops take the place of one ellipsis."""
    return text if text.isascii() else text.translate(_REPLACED)
