"""Damage to the characters of a text: UTF-8 that was read in another encoding, and characters that are lost.

    cafÃ©   was   café       repaired: it decodes without loss, and nothing else can be meant
    caf\ufffd    was   ?          never filled: what stood there is not known

Only the damaged characters change. What may be sound stays: a capital before a closing quotation mark (CAFÉ»), and a
text that speaks of such damage.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LOST = "\ufffd"
ROUNDS = 4  # how often a text may have been damaged, one damage on the other

# What the bytes of UTF-8 look like when they are read as Windows-1252, or as Latin-1 where that has no character.
_SEEN = {byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0x100)}
_BYTE = {character: byte for byte, character in _SEEN.items()} | {chr(byte): byte for byte in range(0x80, 0x100)}
_LATER = "".join(character for character, byte in _BYTE.items() if byte < 0xC0)  # behind the first byte of a character


def _one_of(first: int, last: int) -> str:
    return "[" + "".join(re.escape(_SEEN[byte]) for byte in range(first, last + 1)) + "]"


_THEN = f"[{re.escape(_LATER)}]"
_DAMAGED = re.compile(
    f"(?:{_one_of(0xC2, 0xDF)}{_THEN}|{_one_of(0xE0, 0xEF)}{_THEN}{{2}}|{_one_of(0xF0, 0xF4)}{_THEN}{{3}})+"
)
_ABOUT_IT = re.compile(r"mojibake|utf-?8|latin-?1|iso-8859|cp-?125\d|windows-125\d|\bencod(?:ed|ing)", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_CLOSING = frozenset("«»“”‘’„‚…‹›")  # what may stand behind a sound letter
_COMMON = frozenset("ÃÂ")  # what the letters of western Europe begin with, once damaged


@dataclass(frozen=True)
class Damage:
    """What is damaged in a text."""

    repaired: str  # the text with what can be repaired
    sure: tuple[tuple[str, str], ...]  # damaged characters, and what they were
    doubtful: tuple[str, ...]  # what looks damaged, and stays
    lost: int  # characters U+FFFD


def damage_of(text: str) -> Damage:
    """What is damaged in a text; to repair what `repaired` is changes nothing."""
    if text.isascii():
        return Damage(text, (), (), 0)
    sure: list[tuple[str, str]] = []
    doubtful: list[str] = []
    repaired = text
    for _ in range(ROUNDS):
        doubtful = []
        before, repaired = repaired, _repaired(repaired, sure, doubtful)
        if repaired == before:
            break
    return Damage(repaired, tuple(sure), tuple(doubtful), text.count(LOST))


def has_control(text: str) -> bool:
    """Whether there are control characters in a text, other than tabs, line and page breaks."""
    return not text.isprintable() and _CONTROL.search(text) is not None


def _repaired(text: str, sure: list[tuple[str, str]], doubtful: list[str]) -> str:
    about = _ABOUT_IT.search(text) is not None

    def repair(found: re.Match[str]) -> str:
        damaged = found[0]
        try:
            was = bytes(_BYTE[character] for character in damaged).decode()
        except UnicodeDecodeError:
            return damaged
        if about or not _is_sure(found, was):
            if damaged[0] in _COMMON or damaged[-1] not in _CLOSING:
                doubtful.append(damaged)
            return damaged
        sure.append((damaged, was))
        return was

    return _DAMAGED.sub(repair, text)


def _is_sure(found: re.Match[str], was: str) -> bool:
    """Whether characters that decode as UTF-8 can be nothing but damage."""
    damaged, text = found[0], found.string
    if len(damaged) >= 4 or (len(damaged) == 3 and len(was) == 1):
        return was.isprintable()
    before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
    if damaged[-1] in _CLOSING:
        return damaged[0] in _COMMON and after.isalpha() and was.isalpha()
    inside_a_word = was.isalpha() and (before.isalpha() or after.isalpha())
    return was.isprintable() and (inside_a_word or (damaged[0] == "Â" and not (before.isupper() or after.isalpha())))
