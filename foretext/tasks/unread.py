"""What a model does not get to see of examples: tokens cut off to fit the context, characters without a piece."""

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
        self.rows = self.cut_rows = self.cut_tokens = self.most_cut = 0
        self._unknown = UnknownCount(tokenizer)
        self._special = 0 if schema is None else schema.task_kind.special_tokens(len(schema.text) * schema.times_read)

    def add(self, examples: Sequence[Example], encoded: Sequence[Encoded]) -> None:
        """Counts some examples and what they were encoded to."""
        for example, item in zip(examples, encoded, strict=True):
            self.rows += 1
            self.cut_rows += item.cut > 0
            self.cut_tokens += item.cut
            self.most_cut = max(self.most_cut, item.cut)
            self._unknown.add_all(item.sequences, (*example.texts, *example.choices), special=self._special)

    @property
    def unknown(self) -> Unknown:
        """The tokens that are unknown among all that are read, one that stands in several sequences in each."""
        return self._unknown.found()

    def cut_lines(self) -> list[str]:
        """How many examples were cut, and by how much; nothing where none was."""
        if not self.cut_rows:
            return []
        some = f"{self.cut_rows:,} of {counted(self.rows, 'example')}"
        average = f"{self.cut_tokens / self.cut_rows:,.0f} tokens on average, {self.most_cut:,} at most"
        return [f"{some} {'was' if self.cut_rows == 1 else 'were'} cut to fit the context, by {average}"]

    def say(self, what: str, *, allowed: bool) -> None:
        """Warns of what was cut and of what is unknown.

        Raises:
            DataError: more than half of the tokens are unknown, and that is not `allowed`.
        """
        for line in self.cut_lines():
            log.warning("%s: %s", what, line)
        self.unknown.say(what, allowed=allowed)

    def to_json(self) -> dict[str, int]:
        """The counts."""
        unknown = self.unknown
        return {
            "cut": self.cut_rows,
            "cut_tokens": self.cut_tokens,
            "tokens": unknown.tokens,
            "unknown_tokens": unknown.unknown,
        }
