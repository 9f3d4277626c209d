"""The pieces of a vocabulary: how a word is put together from characters by byte-pair merges.

    low  ->  l o w</w>  ->  lo w</w>  ->  low</w>

A piece that ends a word carries `</w>`. Merges are tried in the order in which they were learned.

Source: Sennrich et al. 2016 (arXiv:1508.07909); the merging itself is done by the `tokenizers` library.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import models

from foretext.errors import ModelError

WORD_END = "</w>"
UNKNOWN = "<unk>"
UNKNOWN_ID = 0
NEWLINE = "\n" + WORD_END
SPECIALS = ("[s]", "[$]", "[e]")  # as the paper's Figure 1 writes start, delimiter and extract

Merge = tuple[str, str]


def merging(pieces: Sequence[str], merges: Sequence[Merge], *, where: str) -> models.BPE:
    """What turns a word into pieces, by `.tokenize(word)`.

    Raises:
        ModelError: the pieces and merges do not fit together; the message begins with `where`.
    """
    check_pieces(pieces, merges, where=where)
    ids = {piece: number for number, piece in enumerate(pieces)}
    return models.BPE(vocab=ids, merges=list(merges), unk_token=UNKNOWN, end_of_word_suffix=WORD_END, cache_capacity=0)


def check_pieces(pieces: Sequence[str], merges: Sequence[Merge], *, where: str) -> None:
    """Nothing if the vocabulary is one that can be used.

    Raises:
        ModelError: a piece comes twice or is empty, id 0 is not `<unk>`, or a merge uses or makes a piece there is not.
    """
    if not pieces or pieces[UNKNOWN_ID] != UNKNOWN or "" in pieces:
        raise ModelError(f"{where}: the first piece must be {UNKNOWN!r} and none may be empty")
    check_merges(pieces, merges, where=where)


def check_merges(pieces: Sequence[str], merges: Sequence[Merge], *, where: str) -> None:
    """Nothing if all pieces differ and merges are of pieces.

    Raises:
        ModelError: a piece comes twice, or a merge uses or makes a piece there is not.
    """
    known = set(pieces)
    if len(known) != len(pieces):
        twice = next(piece for number, piece in enumerate(pieces) if piece in pieces[:number])
        raise ModelError(f"{where}: the piece {twice!r} comes twice")
    for number, (left, right) in enumerate(merges):
        for piece in (left, right, left + right):
            if piece not in known:
                raise ModelError(
                    f"{where}: merge {number + 1} is {left!r} + {right!r}, but {piece!r} is not among the pieces"
                )


def shown(pieces: Iterable[str], *, unknown: str) -> list[str]:
    """What each id is shown as: `unknown` for 0, the other pieces as given, then the special tokens."""
    _, *others = pieces
    return [unknown, *others, *(special + " " for special in SPECIALS)]
