"""Settings of `foretext prepare`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from foretext.corpus.preparer import SHARD_TOKENS
from foretext.corpus.shared.filters import FilterName
from foretext.corpus.shared.job import Executor
from foretext.errors import SettingsError
from foretext.paths import NameOrPath
from foretext.settings import Settings, flag, refuse_without


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
    executor: Executor | None = None
    """Share the files among tasks: in processes here (local), as jobs of Slurm, or on a cluster of Ray. The corpus is
    the same. docs/scale.md shows each."""
    tasks: int = Field(0, ge=0)
    """Tasks that the files are shared among; 0 means with local one a worker. Each has files in a row, none a part of
    one."""
    filters: tuple[FilterName, ...] = ()
    """Filters of datatrove for English that a document must pass, in this order: gopher-quality, gopher-repetition,
    c4-quality, c4-paragraph, fineweb-quality. What they leave out is counted by reason."""
    minhash: bool = False
    """Of documents that are much alike by MinHash keep one; the others are counted."""
    sbatch: str = ""
    """Options for the jobs of Slurm: --sbatch="--partition cpu --time 4:00:00"."""
    dry_run: bool = False
    """Write the script that submits the jobs of Slurm, and submit nothing."""

    @model_validator(mode="after")
    def _fit_together(self) -> PrepareSettings:
        refuse_without(self, ("sbatch", "dry_run"), "executor", "slurm")
        if self.executor is None:
            for name in ("tasks", "filters", "minhash"):
                if getattr(self, name):
                    raise SettingsError(f"{flag(name)} is for work in tasks: give --executor local, slurm or ray too")
        for name in ("dedup", "clean"):
            if self.executor is not None and getattr(self, name):
                raise SettingsError(
                    f"{flag(name)} compares each document with all before it, in one process; with --executor there "
                    "are --minhash and --filters"
                )
        if self.executor == "slurm" and self.copy_to:
            raise SettingsError(
                "--copy-to copies a corpus that is done, and Slurm's jobs make it later; the same command with "
                "--executor local copies it when they are through"
            )
        if len(set(self.filters)) < len(self.filters):
            raise SettingsError(f"--filters names one twice: {', '.join(self.filters)}")
        return self
