"""Settings of `foretext serve`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from foretext.errors import SettingsError
from foretext.model.settings import AnswerPrecision
from foretext.paths import NameOrPath
from foretext.settings import Settings


class ServeSettings(Settings):
    """Which models answer, where, for whom, and how much at a time."""

    SHOWN: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Where and for whom": ("host", "port", "token"),
        "Computing": ("device", "precision"),
    }

    models: tuple[NameOrPath, ...]
    """Folders of fine-tuned runs, or NAME=RUN; RUN@500, RUN@best or RUN@last is a checkpoint of one."""
    host: str = "127.0.0.1"
    """Address to listen at; 0.0.0.0 lets other machines ask."""
    port: int = Field(8000, ge=0, le=65_535)
    """Port to listen at; 0 is any free one, which the log says."""
    token: SecretStr | None = None
    """What whoever asks must know. Better given as FORETEXT_TOKEN: others on the machine can read a command line."""
    host_name: tuple[str, ...] = ()
    """A name by which the server is called, besides localhost, this machine's name and addresses."""
    origin: tuple[str, ...] = ()
    """A web page's origin (https://example.org) that may ask from a browser; * for any. Not given: none but its own."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    precision: AnswerPrecision = "auto"
    """fp32, bf16, int8 or auto, as in `foretext predict`."""
    tokens_per_batch: int = Field(0, ge=0)
    """How many tokens go through the model at once. 0: 1,024 on a CPU, else 8,192."""
    batch_wait: float = Field(5.0, ge=0, le=1_000)
    """Milliseconds that a batch which is not full waits for more examples, unless requests come one at a time."""
    max_examples: int = Field(1_000, ge=1)
    """How many examples one request may have."""
    max_bytes: int = Field(4_000_000, ge=1_000)
    """How large the body of a request may be."""
    max_waiting: int = Field(4_000, ge=1)
    """How many examples may wait; who comes then gets status 429 and is told when to come again."""
    answer_seconds: float = Field(30.0, gt=0)
    """Seconds within which a request is answered, or refused with status 503."""
    grace: float = Field(30.0, ge=0)
    """Seconds for what was taken on, when the server is to stop."""

    @field_validator("token")
    @classmethod
    def _is_a_token(cls, token: SecretStr | None) -> SecretStr | None:
        """Refuses what would let anybody in, or cannot stand in a header."""
        text = token.get_secret_value() if token else ""
        if token is not None and not text.strip("*"):
            raise SettingsError("the token is empty; leave it out for a server without one")
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise SettingsError("the token has a blank or a letter that no header can have; take letters and digits")
        return token
