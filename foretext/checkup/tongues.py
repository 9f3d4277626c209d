"""The languages of a sample of the texts; short texts and those without letters are in none of the shares."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from foretext.checkup.finding import Finding
from foretext.checkup.rows import Part
from foretext.texts.language import LONGEST, languages

MAIN = 0.8  # share of one language from which on the others are strangers
WHOLE = 0.9  # share of the letters of a row from which on it is of one language
FEWEST_LETTERS = 20  # of a row in another language


def check_languages(part: Part) -> list[Finding]:
    """The shares of languages, by letters, and rows in another one than nearly all."""
    shares: Counter[str] = Counter()
    rows: dict[str, list[int]] = defaultdict(list)
    undetermined = 0
    for one in part.sample:
        found = Counter[str]()
        for text in (*one.example.texts, *one.example.choices):
            found.update(languages(text))
        shares.update(found)
        undetermined += not found
        if (strange := whole(found, "".join((*one.example.texts, *one.example.choices)))) is not None:
            rows[strange].append(one.place)
    if not shares:
        return []
    says = f"languages of {part.name}, by letters where the language is known: {said(shares)}"
    counts = {"rows looked at": len(part.sample), "undetermined": undetermined}
    return [Finding("languages", "sound", says, counts), *_strangers(part, shares, rows)]


def whole(found: Counter[str], text: str) -> str | None:
    """The language in which nearly all of a text is, by the letters in each; None where there is none."""
    letters = sum(map(str.isalpha, text[:LONGEST]))
    name, most = found.most_common(1)[0] if found else ("", 0)
    return name if most >= max(FEWEST_LETTERS, WHOLE * letters) else None


def said(shares: Counter[str]) -> str:
    """Languages with their shares, in words."""
    total = shares.total()
    ordered = sorted(shares.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{name} {count / total:.1%}" for name, count in ordered)


def _strangers(part: Part, shares: Counter[str], rows: Mapping[str, Sequence[int]]) -> list[Finding]:
    main, letters = max(shares.items(), key=lambda one: (one[1], one[0]))
    others = sorted(place for name, places in rows.items() if name != main for place in places)
    if letters < MAIN * shares.total() or not others:
        return []
    says = f"rows of {part.name} that are in another language than nearly all, which are in {main}"
    return [Finding("languages", "doubtful", says, {"rows": len(others)}, part.at(others), part.examples(others))]
