"""Raw text becomes a corpus of token ids, ready to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from foretext.corpus.preparer import SHARD_TOKENS
from foretext.settings import Settings

if TYPE_CHECKING:
    from foretext.corpus import Corpus


class PrepareSettings(Settings):
    """What to read, with which tokenizer, and how to lay it out."""

    inputs: tuple[str, ...] = Field(min_length=1)
    """Files (.txt, .jsonl, also .gz, .xz or .zst; .parquet), folders of them, or - for standard input."""
    out: Path
    """Folder to make; an interrupted run goes on when started again."""
    tokenizer: Path
    """Folder with the tokenizer (tokenizer.json), or the name of an installed model, whose tokenizer it then is."""
    field: str = "text"
    """Field of JSON lines, or column of Parquet, that holds the text."""
    validation: float = Field(0.01, ge=0, lt=1)
    """Share of the documents, chosen by the hash of their text, that is held out."""
    strict: bool = False
    """Make the first bad byte or bad record an error instead of counting it."""
    workers: int = Field(0, ge=0)
    """Processes that share the work; 0 means one a core. The result does not depend on it."""
    shard_tokens: int = Field(SHARD_TOKENS, ge=1)
    """Most tokens of one shard file."""
    separator: Literal["newline", "none"] = "newline"
    """What follows each document: the line-break piece of the tokenizer, or nothing."""
    line_breaks: Literal["keep", "paragraphs"] = "keep"
    """keep every line break, or only those between paragraphs: for books wrapped at a column."""


def prepare(settings: PrepareSettings) -> Corpus:
    """The corpus that `settings.out` now holds.

    Raises:
        DataError: an input is missing or wrong, or has no text, or `out` holds something else.
        UnknownName: there is no folder or installed model `settings.tokenizer`.
        ModelError: there is no tokenizer in it, or it is damaged.
        DiskFull: there is no space left; what is finished is kept.
    """
    from foretext import corpus
    from foretext.checkpoints.names import find_model
    from foretext.tokenizer import Tokenizer

    return corpus.prepare(
        settings.inputs,
        settings.out,
        tokenizer=Tokenizer.load(find_model(settings.tokenizer)),
        field=settings.field,
        validation=settings.validation,
        strict=settings.strict,
        workers=settings.workers,
        shard_tokens=settings.shard_tokens,
        separator=settings.separator,
        line_breaks=settings.line_breaks,
    )
