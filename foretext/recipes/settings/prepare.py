"""Settings of `foretext prepare`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from foretext.corpus.preparer import SHARD_TOKENS
from foretext.paths import NameOrPath
from foretext.settings import Settings


class PrepareSettings(Settings):
    """What to read, with which tokenizer, and how to lay it out."""

    inputs: tuple[NameOrPath, ...] = Field(min_length=1)
    """Files (.txt, .jsonl, also .gz, .bz2, .xz or .zst; .parquet), folders of them, or - for standard input."""
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
    dedup: bool = False
    """Leave out documents that say the same as an earlier one that stays; they are counted."""
    clean: bool = False
    """Repair damaged characters where nothing else can be meant, and leave out lines of passages of 20 words or more
    that already stood in three documents; all is counted."""
    copy_to: NameOrPath | None = None
    """URL of a folder in an object store, as s3://bucket/corpus, to which the finished corpus is copied: `foretext
    pretrain` reads it from there. --out keeps it, too."""
    allow_unknown: bool = False
    """Go on though more than half of the text is of characters that the vocabulary has no piece for."""
