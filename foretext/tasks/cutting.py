"""Making an example fit the context: fields lose tokens at their right end, each down to its share.

Two rules, the same when every field is too long:

    equal   a field keeps at most (context - special tokens) // fields tokens: 254 of a pair at context 512
    fill    room that a short field does not need goes to the longer ones, so nothing is cut while there is room

A document, its question and the answers are three fields. All answers of a question share one limit, set by the
longest, so the context before them is cut to the same tokens for each.

Source: recipe point 13; `equal` is the released code (`n_ctx // 2 - 2`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from foretext.errors import SettingsError
from foretext.tasks.transforms import Ids

Cutting = Literal["fill", "equal"]


def limits(lengths: Sequence[int], room: int, rule: Cutting) -> list[int]:
    """How many tokens each field may keep, given the lengths of all; their kept lengths add up to `room` at most."""
    count = len(lengths)
    if rule == "equal":
        return [room // count] * count
    result = [0] * count
    for done, field in enumerate(sorted(range(count), key=lengths.__getitem__)):
        result[field] = min(lengths[field], room // (count - done))
        room -= result[field]
    return result


def cut(
    fields: Sequence[Ids], answers: Sequence[Ids], *, context: int, special_tokens: int, rule: Cutting
) -> tuple[list[Ids], list[Ids], int]:
    """The fields and answers as far as they fit beside the special tokens, and how many tokens were cut from them.

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
    most = limits(lengths, room, rule)
    kept = [field[:limit] for field, limit in zip(fields, most, strict=False)]
    kept_answers = [answer[: most[-1]] for answer in answers]
    lost = sum(map(len, fields)) + sum(map(len, answers)) - sum(map(len, kept)) - sum(map(len, kept_answers))
    return kept, kept_answers, lost
