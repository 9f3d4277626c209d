"""From examples to what the model reads: ids, cut to the context, arranged as in Figure 1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from foretext.progress import Progress
from foretext.tasks.cutting import cut
from foretext.tasks.examples import Encoded, Example
from foretext.tasks.schema import TaskSchema
from foretext.tasks.transforms import Marks

CHUNK = 2_048  # examples tokenised together: equal texts in a chunk (a premise with three hypotheses) are encoded once


class Encoder(Marks, Protocol):
    """What encoding needs of a tokenizer."""

    def encode_batch(self, texts: list[str], /) -> list[list[int]]:
        """The ids of each text."""


def encode(
    examples: Sequence[Example], schema: TaskSchema, tokenizer: Encoder, context: int, *, bar: Progress | None = None
) -> list[Encoded]:
    """The examples as sequences of at most `context` tokens, in their order.

    Raises:
        DataError: a label is none of the schema's classes.
        SettingsError: the context is too short for the task.
    """
    encoded = []
    for item in encode_stream(examples, schema, tokenizer, context):
        encoded.append(item)
        if bar is not None:
            bar.advance(1)
    return encoded


def encode_stream(
    examples: Iterable[Example], schema: TaskSchema, tokenizer: Encoder, context: int
) -> Iterator[Encoded]:
    """The same as `encode`, one at a time with bounded memory."""
    source, kind, labels = iter(examples), schema.task_kind, schema.labels
    while chunk := list(islice(source, CHUNK)):
        ids = _ids_of_texts(chunk, tokenizer)
        for example in chunk:
            fields, answers, lost = cut(
                [ids[text] for text in example.texts],
                [ids[text] for text in example.choices],
                context=context,
                special_tokens=kind.special_tokens(len(example.texts)),
                rule=schema.cutting,
            )
            label = None if example.label is None else labels.target(example.label)
            yield Encoded(kind.transform(fields, answers, tokenizer), label, lost)


def _ids_of_texts(examples: Sequence[Example], tokenizer: Encoder) -> dict[str, list[int]]:
    """The ids of every different text of the examples."""
    texts = list(dict.fromkeys(text for example in examples for text in (*example.texts, *example.choices)))
    return dict(zip(texts, tokenizer.encode_batch(texts), strict=True))
