"""The labels: how many rows each has, and names that are hardly different."""

from __future__ import annotations

import unicodedata
from collections import defaultdict

import numpy as np

from foretext.checkup.finding import EXAMPLES, Finding
from foretext.checkup.rows import Part, name_of
from foretext.tasks.files.cells import as_score
from foretext.tasks.labels.form import LabelForm

FEWEST = 5  # rows with different texts that a class needs for anything to be known of it
LISTED = 20  # classes that are listed by name

# Letters of other scripts, and digits, that look like a letter of the Latin one.
_LOOKS = {
    "а": "a", "е": "e", "о": "o", "р": "p", "с": "c", "у": "y", "х": "x", "і": "i", "ј": "j", "ѕ": "s", "ԁ": "d",
    "һ": "h", "ӏ": "l", "в": "b", "м": "m", "н": "h", "к": "k", "т": "t", "α": "a", "ο": "o", "ρ": "p", "ν": "v",
    "τ": "t", "ι": "i", "κ": "k", "υ": "u", "χ": "x", "β": "b", "ε": "e", "η": "n", "ı": "i",
}  # fmt: skip
_LOOKALIKES = str.maketrans(_LOOKS)


def check_labels(part: Part, form: LabelForm | None) -> list[Finding]:
    """What is to be known of the labels of a part."""
    return [*_balance(part, form), *_rare(part), *_hardly_different(part)]


def looks_like(name: str) -> str:
    """What a name looks like, without regard to case, blanks, hyphens, width and what cannot be seen or told apart.

    Of a number it is the number: 1 and 1.0 look alike, 1 and -1 do not.
    """
    folded = unicodedata.normalize("NFKC", name).casefold().translate(_LOOKALIKES)
    seen = "".join(one for one in folded if not (one.isspace() or unicodedata.category(one) == "Cf"))
    if (number := as_score(seen)) is not None:
        return str(number)
    return "".join(one for one in seen if one not in "-_")


def _balance(part: Part, form: LabelForm | None) -> list[Finding]:
    labels = [part.names[code] for code in part.labels if code >= 0]
    if not labels or form is None:
        return []
    total, counts = len(labels), {name: count for name, count in form.balance(labels).items() if count}
    says = f"labels of {part.name}"
    numbers = {"rows": total, "different labels": len(part.classes or part.names)}
    if counts:
        numbers |= {"rows of the most frequent": max(counts.values()), "rows of the rarest": min(counts.values())}
    ordered = sorted(counts.items(), key=lambda one: (-one[1], str(one[0])))[:LISTED]
    listed = ", ".join(f"{name_of(name)} {count:,} ({count / total:.0%})" for name, count in ordered)
    return [Finding("labels", "sound", says, numbers, (), (listed,) if listed else ())]


def _rare(part: Part) -> list[Finding]:
    """Classes of training with so few different texts that nothing can be known of them."""
    if part.name != "training" or not part.classes:
        return []
    different = _different_texts(part)
    rare = [name for name, texts in different.items() if texts < FEWEST]
    if not rare:
        return []
    rows = part.with_classes(rare)
    names = ", ".join(f"{name_of(name)} ({different[name]})" for name in rare[:LISTED])
    says = (
        f"classes with fewer than {FEWEST} different texts: too few to learn, and whether they are right is not judged"
    )
    return [Finding("labels", "doubtful", says, {"classes": len(rare), "rows": len(rows)}, part.at(rows), (names,))]


def _different_texts(part: Part) -> dict[str, int]:
    """The different texts of each class, of one with many of them at least as many as one of its labels has."""
    pairs = np.unique(np.stack([part.plain_keys, part.labels.astype(np.uint64)], axis=1), axis=0)[:, 1]
    each = np.bincount(pairs[pairs < len(part.names)].astype(np.int64), minlength=len(part.names))
    most = {name: int(each[codes].max()) for name, codes in part.classes.items()}
    return {
        name: len(np.unique(part.plain_keys[part.with_classes([name])]))
        if len(codes) > 1 and most[name] < FEWEST
        else most[name]
        for name, codes in part.classes.items()
    }


def _hardly_different(part: Part) -> list[Finding]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in part.classes:
        groups[looks_like(name)].append(name)
    alike = [names for names in groups.values() if len(names) > 1]
    if not alike:
        return []
    rows_of = _rows_of(part)
    rows = part.with_classes(name for names in alike for name in sorted(names, key=lambda name: -rows_of[name])[1:])
    examples = tuple(
        " / ".join(f"{name_of(name)!r} ({rows_of[name]:,})" for name in names) for names in alike[:EXAMPLES]
    )
    how = "case, blanks, hyphens, letters that look alike or the writing of a number"
    says = f"labels of {part.name} that differ only by {how}"
    numbers = {"groups": len(alike), "labels": sum(map(len, alike)), "rows of the rarer ones": len(rows)}
    return [Finding("labels", "doubtful", says, numbers, part.at(rows), examples)]


def _rows_of(part: Part) -> dict[str, int]:
    """The rows of each class, in the order in which the classes first stand there."""
    counts = np.bincount(part.labels[part.labels >= 0], minlength=len(part.names))
    return {name: int(counts[codes].sum()) for name, codes in part.classes.items()}
