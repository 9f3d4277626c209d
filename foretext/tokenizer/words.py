"""The words of English text by spaCy's rules, without spaCy.

A chunk (what stands between white space) is looked up among the special cases; otherwise prefixes and suffixes are
peeled off until a special case or nothing to peel is left, and what remains is kept if it looks like a web address,
else cut at its infixes:

    ("U.S.)  ->  ( " U.S. )          don't  ->  do n't          well-known  ->  well - known

At the end special cases that came apart are put together again: `so:D` is cut at the colon, then `:D` is mended.
Matching for that runs over the whole line, so in rare cases a neighbour decides: `'em:x` gives `'em :x`, yet in
`boys' 'em:x` the two quotes match as `''`, which changes nothing across a space but keeps `'em` apart: `' ' em :x`.

Source: https://spacy.io/usage/linguistic-features#how-tokenizer-works and spaCy's `tokenizer.pyx` (MIT); the data in
word_rules.json is written by scripts/word_rules.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib.resources import files

Words = tuple[str, ...]

SUFFIX_REACH = 32  # characters before the closing full stops; the longest suffix and what it looks back at are under 10


@dataclass(frozen=True)
class WordRules:
    """Special cases and patterns; `split` and `split_alone` apply them."""

    cases: Mapping[str, Words]
    prefix: re.Pattern[str]
    suffix: re.Pattern[str]
    infix: re.Pattern[str]
    url: re.Pattern[str]
    url_with_user: re.Pattern[str]
    broken_cases: Mapping[Words, Words] = field(default_factory=dict)  # the words a case comes apart into -> its words

    def split(self, chunks: Sequence[str]) -> list[str]:
        """The words of one line, given as its chunks."""
        return self._mend([self._split_chunk(chunk) for chunk in chunks])

    def split_alone(self, chunks: Sequence[str]) -> list[str] | None:
        """The words of neighbouring chunks, the same in every line; None where other neighbours could change them.

        They could if a special case was put together again: a match across a space may keep that from happening. It
        never makes it happen, so whatever is left alone here is left alone in every line.
        """
        parts = [self._split_chunk(chunk) for chunk in chunks]
        words = [word for part in parts for word in part]
        return words if words == self._mend(parts) else None

    def _split_chunk(self, chunk: str) -> Words:
        if chunk in self.cases:
            return self.cases[chunk]
        if chunk.isascii() and chunk.isalpha():  # no pattern fits inside plain letters
            return (chunk,)
        prefixes, middle, suffixes = self._peel(chunk)
        return (*prefixes, *self._split_middle(middle), *reversed(suffixes))

    def _peel(self, text: str) -> tuple[list[str], str, list[str]]:
        """Prefixes from the outside in, what is left, and suffixes from the outside in."""
        prefixes: list[str] = []
        suffixes: list[str] = []
        low, high = 0, len(text)
        while low < high and not self._is_case(text, low, high):
            front = _length(self.prefix.match(text, low, high))
            back = 0 if self._is_case(text, low + front, high) else self._suffix_length(text, low + front, high)
            if back and self._is_case(text, low, high - back):
                front = 0
            if not front and not back:
                break
            prefixes += [text[low : low + front]] if front else []
            suffixes += [text[high - back : high]] if back else []
            low, high = low + front, high - back
        return prefixes, text[low:high], suffixes

    def _is_case(self, text: str, low: int, high: int) -> bool:
        return high - low <= self._longest_case and text[low:high] in self.cases

    def _suffix_length(self, text: str, low: int, high: int) -> int:
        """The length of the longest suffix of `text[low:high]`: full stops at the end, or at most a few characters."""
        start = high
        while start > low and text[start - 1] == ".":
            start -= 1
        return _length(self.suffix.search(text[max(low, start - SUFFIX_REACH) : high]))

    def _split_middle(self, text: str) -> Sequence[str]:
        if text in self.cases:
            return self.cases[text]
        url = self.url_with_user if "@" in text else self.url  # the part for users takes quadratic time to fail
        if not text or url.match(text):
            return (text,) if text else ()
        return list(self._split_infixes(text))

    def _split_infixes(self, text: str) -> Iterator[str]:
        start = 0
        for match in self.infix.finditer(text):
            if match.start() == 0:
                continue
            if match.start() > start:
                yield text[start : match.start()]
            if match.group():
                yield match.group()
            start = match.end()
        if start < len(text):
            yield text[start:]

    def _mend(self, parts: Sequence[Words]) -> list[str]:
        """The words of all chunks, with every special case that came apart within one chunk put together again."""
        words = [word for part in parts for word in part]
        spans = self._broken_spans(words)
        if not spans:
            return words
        chunk_of_word = [number for number, part in enumerate(parts) for _ in part]
        mended: list[str] = []
        position = 0
        while position < len(words):
            end = position + spans.get(position, 1)
            found = tuple(words[position:end])
            if position in spans and chunk_of_word[position] == chunk_of_word[end - 1]:
                found = self.broken_cases[found]
            mended += found
            position = end
        return mended

    def _broken_spans(self, words: Sequence[str]) -> dict[int, int]:
        """Start and length of each run of words that a special case may come apart into, without overlap.

        Longer runs come first, then those further left; a run that loses still takes its words from those after it.
        """
        runs = [
            (-length, start)
            for start, word in enumerate(words)
            for length in self._lengths.get(word, ())
            if start + length <= len(words) and tuple(words[start : start + length]) in self.broken_cases
        ]
        taken: set[int] = set()
        spans = {}
        for minus_length, start in sorted(runs):
            end = start - minus_length
            if start not in taken and end - 1 not in taken:
                spans[start] = -minus_length
            taken.update(range(start, end))
        return spans

    @cached_property
    def _longest_case(self) -> int:
        return max(map(len, self.cases), default=0)

    @cached_property
    def _lengths(self) -> dict[str, frozenset[int]]:
        """How long the runs are that begin with a word."""
        first_words = {run[0] for run in self.broken_cases}
        return {word: frozenset(len(run) for run in self.broken_cases if run[0] == word) for word in first_words}

    def with_broken_cases(self) -> WordRules:
        """The same rules, knowing what each case that a pattern cuts comes apart into where it is not seen whole."""
        bare = replace(self, cases={}, broken_cases={})
        broken = {tuple(bare.split([case])): words for case, words in self.cases.items() if self._cuts(case)}
        return replace(self, broken_cases=broken)

    def _cuts(self, text: str) -> bool:
        return bool(self.prefix.match(text) or self.suffix.search(text) or self.infix.search(text))


@cache
def word_rules() -> WordRules:
    """The rules for English, read from word_rules.json."""
    data = json.loads(files(__package__).joinpath("word_rules.json").read_text(encoding="utf-8"))

    def pattern(expression: str, **other: str) -> re.Pattern[str]:
        for name, part in (data["parts"] | other).items():
            expression = expression.replace(f"<{name}>", part)
        return re.compile(expression)

    whole = {text: (text,) for text in data["kept_whole"]}
    split = {text: tuple(words.split(" ")) for text, words in data["split"].items()}
    return WordRules(
        cases=whole | split,
        prefix=pattern("|".join(data["prefixes"])),
        suffix=pattern("|".join(suffix + "$" for suffix in data["suffixes"])),
        infix=pattern("|".join(data["infixes"])),
        url=pattern(data["url"], user=""),
        url_with_user=pattern(data["url"]),
    ).with_broken_cases()


def _length(match: re.Match[str] | None) -> int:
    return match.end() - match.start() if match else 0
