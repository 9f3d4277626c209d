"""From examples to what the model reads: ids, cut to the context, arranged as in Figure 1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, islice
from typing import Protocol

from foretext.batch import UNTAGGED
from foretext.progress import Progress
from foretext.tasks.cutting import cut
from foretext.tasks.examples import Encoded, Example
from foretext.tasks.files.problems import Problems
from foretext.tasks.schema import TaskSchema
from foretext.tasks.transforms import NOWHERE, Marks

CHUNK = 2_048  # examples tokenised together: equal texts in a chunk (a premise with three hypotheses) are encoded once


class Encoder(Marks, Protocol):
    """What encoding needs of a tokenizer."""

    def encode_batch(self, texts: list[str], /) -> list[list[int]]:
        """The ids of each text."""

    def encode_with_offsets(self, text: str, /) -> tuple[list[int], list[tuple[int, int]]]:
        """The ids of a text, and of each the first character and the one behind the last."""


def encode(
    examples: Sequence[Example], schema: TaskSchema, tokenizer: Encoder, context: int, *, bar: Progress | None = None
) -> list[Encoded]:
    """The examples as sequences of at most `context` tokens, in their order.

    Raises:
        DataError: a label is none of the schema's classes, or spans do not fit the tokens; all of these are named.
        SettingsError: the context is too short for the task.
    """
    encoded, problems = [], Problems("the examples")
    for item in encode_stream(examples, schema, tokenizer, context, problems=problems):
        encoded.append(item)
        if bar is not None:
            bar.advance(1)
    problems.check()
    return encoded


def encode_stream(
    examples: Iterable[Example],
    schema: TaskSchema,
    tokenizer: Encoder,
    context: int,
    *,
    problems: Problems | None = None,
) -> Iterator[Encoded]:
    """The same as `encode`, one at a time with bounded memory; labels that do not fit go to `problems`."""
    source, problems = iter(examples), problems or Problems("the examples", stop=True)
    read = _with_offsets if schema.task_kind.reads else _without_offsets
    rows = count(1)
    while chunk := list(islice(source, CHUNK)):
        ids = {} if schema.task_kind.reads else _ids_of_texts(chunk, tokenizer)
        for example, row in zip(chunk, rows, strict=False):
            try:
                yield read(example, schema, tokenizer, context, ids)
            except ValueError as error:
                problems.add(row, str(error), place=example.where)


def _without_offsets(
    example: Example, schema: TaskSchema, tokenizer: Encoder, context: int, ids: Mapping[str, list[int]]
) -> Encoded:
    """An example whose label is of it as a whole."""
    kind = schema.task_kind
    fields, answers, lost = cut(
        [ids[text] for text in example.texts] * schema.times_read,
        [ids[text] for text in example.choices],
        context=context,
        special_tokens=kind.special_tokens(len(example.texts) * schema.times_read),
        rule=schema.cutting,
        times_read=schema.times_read,
    )
    label = None if example.label is None else schema.labels.target(example.label)
    return Encoded(kind.transform(fields, answers, tokenizer), label, lost, weight=example.weight)


def _with_offsets(
    example: Example, schema: TaskSchema, tokenizer: Encoder, context: int, ids: Mapping[str, list[int]]
) -> Encoded:
    """An example whose tokens are tagged, those of its text where it is read last.

    What a token is read for goes the way of the token: the same transformation arranges both.
    """
    kind, labels, (text,) = schema.task_kind, schema.labels, example.texts
    tokens, offsets = tokenizer.encode_with_offsets(text)
    offsets = [_without_blanks(text, *offset) for offset in offsets]
    tags = None if example.label is None else labels.tags(example.label, offsets, text)
    special_tokens = kind.special_tokens(schema.times_read)
    fields, _, lost = cut(
        [range(len(tokens))] * schema.times_read,
        [],
        context=context,
        special_tokens=special_tokens,
        rule=schema.cutting,
        times_read=schema.times_read,
    )
    unread = [[UNTAGGED] * len(field) for field in fields[:-1]]
    places = kind.transform([*unread, fields[-1]], [], NOWHERE)
    return Encoded(
        kind.transform([[tokens[k] for k in field] for field in fields], [], tokenizer),
        cut=lost,
        offsets=[[None if k == UNTAGGED else offsets[k] for k in sequence] for sequence in places],
        tags=None
        if tags is None
        else [[UNTAGGED if k == UNTAGGED else tags[k] for k in sequence] for sequence in places],
        weight=example.weight,
    )


def _without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    """The characters of a token without white space at its ends: tokens of bytes begin with the blank before a word."""
    piece = text[start:end]
    if not piece.strip():
        return start, end
    return end - len(piece.lstrip()), start + len(piece.rstrip())


def _ids_of_texts(examples: Sequence[Example], tokenizer: Encoder) -> dict[str, list[int]]:
    """The ids of every different text of the examples."""
    texts = list(dict.fromkeys(text for example in examples for text in (*example.texts, *example.choices)))
    return dict(zip(texts, tokenizer.encode_batch(texts), strict=True))
