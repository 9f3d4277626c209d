"""A text of somebody else's as it may be shown: short, on one line, with nothing in it that a terminal would obey."""

from __future__ import annotations

import re

LONGEST = 80  # characters

# Control characters, line breaks of all kinds, invisible characters, those that turn the direction, halves of pairs.
_UNSEEN = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u00ad\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\ud800-\\udfff]"
)


def visible(text: str) -> str:
    """The text with an escape such as `\\x1b` or `\\u202e` for each character that cannot be seen."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def in_one_line(error: Exception) -> str:
    """What an error of another library says, its line breaks as blanks."""
    return " ".join(str(error).split())


def shown(text: str, most: int = LONGEST) -> str:
    """The same, `most` characters at most, with `…` for what is left out behind them."""
    seen = visible(text if len(text) <= most else text[:most])
    return seen if len(text) <= most and len(seen) <= most else seen[: most - 1] + "…"
