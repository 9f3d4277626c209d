"""What stands in single rows: damaged characters, empty texts, words that others read as nothing."""

from __future__ import annotations

from foretext.checkup.finding import EXAMPLES, Finding
from foretext.checkup.rows import Part
from foretext.texts.damage import Damage, damage_of, has_control
from foretext.texts.showing import shown

# Words that programs such as pandas read as "nothing"; here a cell is what stands in it.
READ_AS_NOTHING = frozenset(
    "na n/a nan null none <na> #n/a #na n.a. nil -nan 1.#ind 1.#qnan -1.#ind -1.#qnan #n/a n/a".split()
)


def check_cells(part: Part) -> list[Finding]:
    """What stands in single rows of a part."""
    return [*_damage(part), *_lost(part), *_control(part), *_in_labels(part), *_empty(part), *_nothing(part)]


def _damage(part: Part) -> list[Finding]:
    if not part.damaged:
        return []
    rows = list(part.damaged)
    examples = tuple(
        f"{shown(damaged, 20)} → {shown(was, 20)}" if was else f"{shown(damaged, 20)} (not sure)"
        for damaged, was in list(part.damaged.values())[:EXAMPLES]
    )
    says = f"rows of {part.name} with characters of a damaged encoding: UTF-8 that was read in another one"
    counts = {"rows": len(rows), "rows that can be repaired": sum(bool(was) for _, was in part.damaged.values())}
    return [Finding("encoding", "doubtful", says, counts, part.at(rows), examples)]


def _lost(part: Part) -> list[Finding]:
    if not part.lost:
        return []
    rows = list(part.lost)
    says = f"rows of {part.name} with the character U+FFFD, which stands for one that is lost"
    counts = {"rows": len(rows), "characters": sum(part.lost.values())}
    return [Finding("encoding", "doubtful", says, counts, part.at(rows), part.examples(rows))]


def _control(part: Part) -> list[Finding]:
    if not part.control:
        return []
    says = f"rows of {part.name} with control characters, such as those that a terminal obeys"
    counts = {"rows": len(part.control)}
    return [Finding("encoding", "doubtful", says, counts, part.at(part.control), part.examples(part.control))]


def _in_labels(part: Part) -> list[Finding]:
    """Classes whose names hold damaged, lost or control characters."""
    found = [name for name in part.classes if has_control(name) or damage_of(name) != Damage(name, (), (), 0)]
    if not found:
        return []
    rows = part.with_classes(found)
    says = f"labels of {part.name} with damaged, lost or control characters in their names"
    counts = {"labels": len(found), "rows": len(rows)}
    return [Finding("encoding", "doubtful", says, counts, part.at(rows), tuple(map(shown, found[:EXAMPLES])))]


def _empty(part: Part) -> list[Finding]:
    if not part.empty:
        return []
    says = f"rows of {part.name} with an empty text"
    counts = {"rows": len(part.empty)}
    return [Finding("empty texts", "doubtful", says, counts, part.at(part.empty), part.examples(part.empty))]


def _nothing(part: Part) -> list[Finding]:
    labels = [name for name in part.classes if name.casefold() in READ_AS_NOTHING]
    texts = [
        one.place
        for one in part.sample
        if any(text.strip().casefold() in READ_AS_NOTHING for text in one.example.texts)
    ]
    found = []
    if labels:
        says = f"labels of {part.name} that other programs read as nothing; here they are classes like others"
        found.append(Finding("words", "sound", says, {"labels": len(labels)}, (), tuple(shown(one) for one in labels)))
    if texts:
        says = f"texts of {part.name} that other programs read as nothing; here they are texts like others"
        found.append(
            Finding("words", "sound", says, {"rows": len(texts)}, part.at(sorted(texts)), part.examples(texts))
        )
    return found
