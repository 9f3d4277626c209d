"""How often each word occurs in texts: one pass in bounded memory."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping

from foretext.tokenizer.modes import Learning, learning_named

logger = logging.getLogger(__name__)

CHUNKS_HELD = 1 << 20
LONG = 64  # characters; most chunks are far shorter
LONG_HELD = 1 << 26  # characters of long chunks
WORDS_HELD = 1 << 23


def count_words(texts: Iterable[str], mode: str = "paper") -> Counter[str]:
    """How often each word occurs in the texts, in the form that pieces are learned from in `mode`.

    At most some `CHUNKS_HELD` different chunks, `LONG_HELD` characters of long ones and `WORDS_HELD` different words
    are held, and the text at hand; beyond that words seen only once so far are dropped and a warning says how many.

    Raises:
        UnknownName: there is no such mode.
    """
    chosen = learning_named(mode)
    counts: Counter[str] = Counter()
    chunks: Counter[str] = Counter()
    long = 0
    for text in texts:
        found = chosen.chunks(text)
        chunks.update(found)
        long += sum(length for length in map(len, found) if length > LONG)
        if len(chunks) > CHUNKS_HELD or long > LONG_HELD:
            _add_words(counts, chunks, chosen)
            chunks.clear()
            long = 0
            _drop_rarest(counts)
    _add_words(counts, chunks, chosen)
    return counts


def _add_words(counts: Counter[str], chunks: Mapping[str, int], mode: Learning) -> None:
    for chunk, count in chunks.items():
        for word in mode.words(chunk):
            counts[word] += count


def _drop_rarest(counts: Counter[str]) -> None:
    if len(counts) > WORDS_HELD:
        once = [word for word, count in counts.items() if count == 1]
        for word in once:
            del counts[word]
        logger.warning("more than %d different words: %d seen only once are not counted", WORDS_HELD, len(once))
