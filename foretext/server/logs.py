"""The log of a server: a JSON object a line, of each request its id, what came of it and how long it took.

No text of a client stands in it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """A record as one JSON object; `extra={"fields": {…}}` adds to it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


@contextmanager
def json_lines() -> Iterator[None]:
    """Has every handler of this process's log write such lines until the block ends."""
    handlers = logging.getLogger().handlers
    before = [(handler, handler.formatter) for handler in handlers]
    try:
        for handler in handlers:
            handler.setFormatter(JsonLines())
        yield
    finally:
        for handler, formatter in before:
            handler.setFormatter(formatter)
