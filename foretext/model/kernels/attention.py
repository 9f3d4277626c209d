"""Causal attention on a CPU: written out for some queries at a time, each with the keys up to the last of them.

Half of the square of all queries and keys is the future, and is left out so. torch's own kernel is slower there with
dropout, or at short lengths.
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
    query: Tensor, key: Tensor, value: Tensor, probability: float, visible: Tensor | None = None
) -> Tensor:
    """softmax(Q Kᵀ / √d) V over what each position sees, with dropout on the weights; shapes as in `attend`."""
    key, value = (for_queries(part, query.shape[-3]) for part in (key, value))
    longest, size = query.shape[-2:]
    seen = query.new_ones(longest, longest).tril().bool() if visible is None else visible[:, None]
    scores = query @ key.transpose(-2, -1) / math.sqrt(size)
    weights = scores.masked_fill(~seen, -torch.inf).softmax(-1)
    return dropout(weights, probability, training=True) @ value


def attend(query: Tensor, key: Tensor, value: Tensor, probability: float, visible: Tensor | None = None) -> Tensor:
    """Causal attention with dropout on its weights; all `(rows, heads, longest_row, head)`.

    Keys and values may have fewer heads, each for as many neighbouring ones of the queries.
    `visible` `(rows, longest_row, longest_row)` says what each position sees where that is not all up to itself.
    torch's kernel does it all, save on a CPU where the weights written out are faster: with dropout, or at short
    lengths.
    """
    longest = query.shape[-2]
    key, value = (for_queries(part, query.shape[-3]) for part in (key, value))
    if query.device.type != "cpu" or (longest > WRITTEN_OUT_LENGTH and not probability):
        mask = None if visible is None else visible[:, None]
        return functional.scaled_dot_product_attention(
            query, key, value, mask, is_causal=mask is None, dropout_p=probability
        )
    queries, keys, values = (part.flatten(0, 1) for part in (query, key, value))  # (rows * heads, longest_row, …)
    if longest <= QUERIES_AT_ONCE or torch.compiler.is_compiling():  # one program for all lengths
        return _written_out(queries, keys, values, probability, visible).view(query.shape)
    parts = []
    for first in range(0, longest, QUERIES_AT_ONCE):
        last = min(longest, first + QUERIES_AT_ONCE)
        seen = None if visible is None else visible[:, first:last, :last]
        parts.append(_written_out(queries[:, first:last], keys[:, :last], values[:, :last], probability, seen))
    return torch.cat(parts, dim=1).view(query.shape)


def for_queries(values: Tensor, heads: int) -> Tensor:
    """Keys or values `(…, their heads, tokens, head)` repeated, so that each of the queries' heads has its own."""
    each = heads // values.shape[-3]
    return values if each == 1 else values.repeat_interleave(each, dim=-3)


def _written_out(queries: Tensor, keys: Tensor, values: Tensor, probability: float, visible: Tensor | None) -> Tensor:
    """`attend` written out, `(rows * heads, length, …)`; the queries are those of the last keys."""
    asking, asked = queries.shape[1], keys.shape[1]
    scores = torch.bmm(queries / math.sqrt(queries.shape[2]), keys.transpose(1, 2))
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
    return torch.bmm(dropout(scores.softmax(-1), probability, True), values)
