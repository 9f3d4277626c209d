"""Settings of `foretext learn-tokenizer`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from foretext.paths import NameOrPath
from foretext.settings import Settings

PAPER_SIZE = 40_478  # 40,000 merges, 238 characters twice, <unk> and the line break


class LearnTokenizerSettings(Settings):
    """What to read, and how large a vocabulary to learn from it."""

    inputs: tuple[NameOrPath, ...] = Field(min_length=1)
    """Files (.txt, .jsonl, also .gz, .bz2, .xz or .zst; .parquet), folders of them, or - for standard input."""
    out: Path
    """Folder to write tokenizer.json into."""
    size: int = Field(PAPER_SIZE, ge=4)
    """Pieces of the vocabulary, the special tokens not counted; the paper has 40,478."""
    field: str = "text"
    """Field of JSON lines, or column of Parquet, that holds the text."""
    mode: Literal["paper", "hf", "bytes"] = "paper"
    """How text is read: paper (English words in lower case, as in the paper), hf (as transformers' class does it), or
    bytes (any language, case and white space kept, nothing unknown)."""
    max_megabytes: float | None = Field(None, gt=0)
    """Read no more than this many million characters, from the start of the inputs."""
    strict: bool = False
    """Make the first bad byte or bad record an error instead of counting it."""
