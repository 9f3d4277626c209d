"""What a model does not get to see of examples: tokens cut to fit, characters without a piece, texts that are empty."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from foretext.tasks.examples import Encoded, Example
from foretext.tasks.files.problems import counted
from foretext.tasks.schema import TaskSchema
from foretext.tokenizer.unknown import Reads, Unknown, UnknownCount

log = logging.getLogger(__name__)


class Unread:
    """Counts it over examples as they are encoded, to be said when the last one is.

    `schema` says how the sequences were made; None where a text stands alone, as for a language model.
    """

    def __init__(self, tokenizer: Reads, schema: TaskSchema | None) -> None:
        self.rows = self.empty_rows = self.cut_rows = self.cut_tokens = self.most_cut = 0
        self._unknown = UnknownCount(tokenizer)
        self._special = 0 if schema is None else schema.task_kind.special_tokens(len(schema.text) * schema.times_read)

    def add(self, examples: Sequence[Example], encoded: Sequence[Encoded]) -> None:
        """Counts some examples and what they were encoded to."""
        for example, item in zip(examples, encoded, strict=True):
            self.rows += 1
            self.empty_rows += not all(text.strip() for text in example.texts)
            self.cut_rows += item.cut > 0
            self.cut_tokens += item.cut
            self.most_cut = max(self.most_cut, item.cut)
            self._unknown.add_all(item.sequences, (*example.texts, *example.choices), special=self._special)

    @property
    def unknown(self) -> Unknown:
        """The tokens that are unknown among all that are read, one that stands in several sequences in each."""
        return self._unknown.found()

    def lines(self) -> list[str]:
        """How many examples were cut, and by how much, and how many hold an empty text; nothing where none does."""
        found = []
        if self.cut_rows:
            average = f"{self.cut_tokens / self.cut_rows:,.0f} tokens on average, {self.most_cut:,} at most"
            found.append(f"{self._some(self.cut_rows, 'was', 'were')} cut to fit the context, by {average}")
        if self.empty_rows:
            found.append(f"{self._some(self.empty_rows, 'has', 'have')} an empty text")
        return found

    def _some(self, rows: int, one: str, several: str) -> str:
        return f"{rows:,} of {counted(self.rows, 'example')} {one if rows == 1 else several}"

    def say(self, what: str, *, allowed: bool) -> None:
        """Warns of what was cut, of what is empty and of what is unknown.

        Raises:
            DataError: more than half of the tokens are unknown, and that is not `allowed`.
        """
        for line in self.lines():
            log.warning("%s: %s", what, line)
        self.unknown.say(what, allowed=allowed)

    def to_json(self) -> dict[str, int]:
        """The counts."""
        unknown = self.unknown
        return {
            "cut": self.cut_rows,
            "cut_tokens": self.cut_tokens,
            "empty": self.empty_rows,
            "tokens": unknown.tokens,
            "unknown_tokens": unknown.unknown,
        }
