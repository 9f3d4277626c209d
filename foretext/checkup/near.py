"""Rows that are nearly equal, of a sample: shown, never removed. Under two labels they are a contrast, which is sound.

Rows are nearly equal if each of their texts is equal to or like the other's. "not", "no" and numbers count as words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from foretext.checkup.finding import EXAMPLES, PLACES, Finding, Severity
from foretext.checkup.rows import Part, Sampled, told
from foretext.tasks.examples import Label
from foretext.texts.alike import CROWD, alike_pairs
from foretext.texts.words import plain

Named = tuple[Part, Sampled]


def check_near(parts: Sequence[Part]) -> list[Finding]:
    """Pairs of nearly equal rows within and across parts: copies, and contrasts."""
    order = {part.name: k for k, part in enumerate(parts)}
    rows = [(part, one) for part in parts for one in part.sample if all(text.strip() for text in one.example.texts)]
    pairs = [sorted(pair, key=lambda one: (order[one[0].name], one[1].place)) for pair in _near(rows)]
    pairs.sort(key=lambda pair: [(order[part.name], one.place) for part, one in pair])
    contrasts = [pair for pair in pairs if _says(pair[0][1]) != _says(pair[1][1])]
    copies = [pair for pair in pairs if _says(pair[0][1]) == _says(pair[1][1])]
    across = [pair for pair in copies if pair[0][0] is not pair[1][0]]
    within = [pair for pair in copies if pair[0][0] is pair[1][0]]
    found = []
    if within:
        found.append(_finding("sound", "pairs of rows of one part that are nearly equal, with the same label", within))
    if across:
        says = "pairs of rows of two parts that are nearly equal, with the same label; the score may be too good"
        found.append(_finding("doubtful", says, across))
    if contrasts:
        says = "contrasts: pairs of rows that are nearly equal, under different labels; sound if that is meant"
        found.append(_finding("sound", says, contrasts))
    return found


def _finding(severity: Severity, says: str, pairs: Sequence[Sequence[Named]]) -> Finding:
    rows = {(part.name, one.place) for pair in pairs for part, one in pair}
    places = tuple(f"{one[0].places(one[1].place)} and {other[0].places(other[1].place)}" for one, other in pairs)
    examples = [text for pair in pairs[:EXAMPLES] for text in (told(pair[0][1]), told(pair[1][1]))]
    counts = {"pairs": len(pairs), "rows": len(rows)}
    return Finding("near repeats", severity, says, counts, places[:PLACES], tuple(examples))


def _near(rows: Sequence[Named]) -> list[tuple[Named, Named]]:
    """Pairs of rows each of whose texts is like the other's, one of them at least not plainly equal."""
    texts: dict[str, int] = {}
    codes = [tuple(texts.setdefault(plain(text), len(texts)) for text in one.example.texts) for _, one in rows]
    like: dict[int, set[int]] = defaultdict(set)
    for first, second in alike_pairs(list(texts)):
        like[first].add(second)
        like[second].add(first)
    rows_with: dict[tuple[int, int], list[int]] = defaultdict(list)  # by the place of a text in the row, and the text
    for row, code in enumerate(codes):
        for place, text in enumerate(code):
            if text in like:
                rows_with[place, text].append(row)
    found = {
        (min(a, b), max(a, b))
        for (place, text), these in rows_with.items()
        for other in like[text]
        for a in these[:CROWD]
        for b in rows_with.get((place, other), ())[:CROWD]
        if _all_like(codes[a], codes[b], like) and _answers(rows[a][1]) == _answers(rows[b][1])
    }
    return [(rows[a], rows[b]) for a, b in found]


def _answers(row: Sampled) -> list[str]:
    return sorted(map(plain, row.example.choices))


def _says(row: Sampled) -> Label | None:
    """What its label says; of answers which one is right, wherever it stands."""
    return plain(row.label) if row.example.choices else row.example.label


def _all_like(one: tuple[int, ...], other: tuple[int, ...], like: dict[int, set[int]]) -> bool:
    return all(b == a or b in like.get(a, ()) for a, b in zip(one, other, strict=True))
