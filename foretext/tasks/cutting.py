"""Making an example fit the context: which of its fields lose tokens, and at which end.

    equal       a field keeps at most (context - special tokens) // fields tokens: 254 of a pair at context 512
    fill        room that a short field does not need goes to the longer ones, so nothing is cut while there is room
    beginning   question and answers stay whole; the document before them keeps the beginning that fits
    end         the same, but the document keeps its end

Under `equal` and `fill` every field loses its right end. A document, its question and the answers are three fields; of
any other example the first text is the document. All answers of a question share one limit, set by the longest, so the
context before them is cut to the same tokens for each.

Source: recipe point 13; `equal` is the released code (`n_ctx // 2 - 2`), which never has more than two fields. What is
done with three is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from foretext.errors import SettingsError
from foretext.tasks.transforms import Ids

Cutting = Literal["equal", "fill", "beginning", "end"]

IN_WORDS: dict[Cutting, str] = {
    "equal": "every field keeps an equal share",
    "fill": "the longest fields lose their right end",
    "beginning": "question and answers stay whole, the document keeps its beginning",
    "end": "question and answers stay whole, the document keeps its end",
}


def usual_cutting(texts: int, *, has_answers: bool) -> Cutting:
    """The rule where none is named: the released code's, unless there are three fields: texts and the answers."""
    return "beginning" if has_answers and texts > 1 else "equal"


def limits(lengths: Sequence[int], room: int, rule: Cutting, *, documents: Sequence[int] = (0,)) -> list[int]:
    """How many tokens each field may keep, given the lengths of all; their kept lengths add up to `room` at most.

    `documents` are the places of those that give way to all others under the rules `beginning` and `end`.
    """
    count = len(lengths)
    if rule == "equal":
        return [room // count] * count
    result = [0] * count
    if rule in ("beginning", "end"):
        others = [field for field in range(count) if field not in documents]
        whole = limits([lengths[field] for field in others], room - len(documents), "fill")
        left = limits([lengths[field] for field in documents], room - sum(whole), "fill")
        for field, limit in zip((*others, *documents), (*whole, *left), strict=True):
            result[field] = limit
        return result
    for done, field in enumerate(sorted(range(count), key=lengths.__getitem__)):
        result[field] = min(lengths[field], room // (count - done))
        room -= result[field]
    return result


def cut(
    fields: Sequence[Ids],
    answers: Sequence[Ids],
    *,
    context: int,
    special_tokens: int,
    rule: Cutting,
    times_read: int = 1,
) -> tuple[list[Ids], list[Ids], int]:
    """The fields and answers as far as they fit beside the special tokens, and how many tokens were cut from them.

    `fields` are the texts, one after the other, so many times.

    Raises:
        SettingsError: the context has no room for one token of each field.
    """
    lengths = [len(field) for field in fields]
    if answers:
        lengths.append(max(map(len, answers)))
    room = context - special_tokens
    if room < len(lengths):
        raise SettingsError(
            f"context {context} is too short: {len(lengths)} fields and their special tokens need "
            f"{special_tokens + len(lengths)} at least"
        )
    documents = range(0, len(fields), len(fields) // times_read)
    most = limits(lengths, room, rule, documents=documents)
    at_end = documents if rule == "end" else ()
    kept = [
        field[max(0, len(field) - most[place]) :] if place in at_end else field[: most[place]]
        for place, field in enumerate(fields)
    ]
    kept_answers = [answer[: most[-1]] for answer in answers]
    lost = sum(map(len, fields)) + sum(map(len, answers)) - sum(map(len, kept)) - sum(map(len, kept_answers))
    return kept, kept_answers, lost
