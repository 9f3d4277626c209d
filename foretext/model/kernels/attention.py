"""Attention on a CPU: written out for some queries at a time, each with the keys up to the last of them.

Half of the square of all queries and keys is the future, and is left out so, unless rows are read both ways. torch's
own kernel is slower there with dropout, or at short lengths.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional
from torch import Tensor

from foretext.model.kernels.dropout import dropout

WRITTEN_OUT_LENGTH = 256  # tokens; up to here attention written out beats torch's kernel on a CPU (docs/log.md)
QUERIES_AT_ONCE = 128  # of attention written out; with fewer, its products get too small


def plain_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    probability: float,
    visible: Tensor | None = None,
    *,
    both_ways: bool = False,
) -> Tensor:
    """softmax(Q Kᵀ / √d) V over what each position sees, with dropout on the weights; shapes as in `attend`."""
    key, value = (for_queries(part, query.shape[-3]) for part in (key, value))
    longest, size = query.shape[-2:]
    everywhere = torch.ones(longest, longest, dtype=torch.bool, device=query.device)
    seen = (everywhere if both_ways else everywhere.tril()) if visible is None else visible[:, None]
    scores = query @ key.transpose(-2, -1) / math.sqrt(size)
    weights = scores.masked_fill(~seen, -torch.inf).softmax(-1)
    return dropout(weights, probability, training=True) @ value


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    probability: float,
    visible: Tensor | None = None,
    *,
    both_ways: bool = False,
) -> Tensor:
    """Causal attention with dropout on its weights; all `(rows, heads, longest_row, head)`.

    Keys and values may have fewer heads, each for as many neighbouring ones of the queries.
    `visible` `(rows, longest_row, longest_row)` says what each position sees where that is not all up to itself; or,
    `both_ways`, where it is not the whole row: then `(rows, 1, longest_row)` will do.
    torch's kernel does it all, save on a CPU where the weights written out are faster: with dropout, or at short
    lengths.
    """
    heads, longest = query.shape[-3:-1]
    if query.device.type != "cpu" or (longest > WRITTEN_OUT_LENGTH and not probability):
        key, value = (for_queries(part, heads) for part in (key, value))
        mask = None if visible is None else visible[:, None]
        return functional.scaled_dot_product_attention(
            query, key, value, mask, is_causal=mask is None and not both_ways, dropout_p=probability
        )
    # Queries that share a head of keys stand beside each other: (rows * heads of keys, queries' heads, longest_row, …).
    keys, values = key.flatten(0, 1), value.flatten(0, 1)
    queries = query.reshape(len(keys), -1, *query.shape[-2:])
    if longest <= QUERIES_AT_ONCE or torch.compiler.is_compiling():  # one program for all lengths
        return _written_out(queries, keys, values, probability, visible, both_ways).view(query.shape)
    parts = []
    for first in range(0, longest, QUERIES_AT_ONCE):
        last = min(longest, first + QUERIES_AT_ONCE)
        end = longest if both_ways else last
        seen = None if visible is None else visible[:, first:last, :end] if visible.shape[1] > 1 else visible
        asked = keys[:, :end], values[:, :end]
        parts.append(_written_out(queries[:, :, first:last], *asked, probability, seen, both_ways))
    return torch.cat(parts, dim=2).view(query.shape)


def for_queries(values: Tensor, heads: int) -> Tensor:
    """Keys or values `(…, their heads, tokens, head)` repeated, so that each of the queries' heads has its own."""
    each = heads // values.shape[-3]
    return values if each == 1 else values.repeat_interleave(each, dim=-3)


def _written_out(
    queries: Tensor, keys: Tensor, values: Tensor, probability: float, visible: Tensor | None, both_ways: bool
) -> Tensor:
    """`attend` written out; the queries are those of the last keys, or of any.

    They are `(rows * heads of keys, queries' heads, length, head)`, keys and values without the second of these.
    """
    *_, asking, size = queries.shape
    asked = keys.shape[1]
    scores = torch.bmm((queries / math.sqrt(size)).flatten(1, 2), keys.transpose(1, 2))
    if visible is not None or not both_ways:
        if visible is None:
            first = asked - asking  # whatever comes before all of these queries is seen by all of them
            unseen = queries.new_full((1, 1, asking, asking), -torch.inf).triu_(1)
        else:
            seen_by_all = visible.all(1).all(0)  # of each key; a compiled layer does without, since it cannot look
            first = 0 if torch.compiler.is_compiling() else int(seen_by_all.byte().argmin())
            hidden = ~visible[:, None, :, first:]
            unseen = queries.new_zeros(hidden.shape).masked_fill_(hidden, -torch.inf)
        # What is added is constant, so that no gradient has to pass by it.
        scores.detach().view(len(unseen), -1, asking, asked)[..., first:] += unseen
    return torch.bmm(dropout(scores.softmax(-1), probability, True), values).view(queries.shape)
