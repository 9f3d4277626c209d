"""A whole file as one JSON value, and what to say when it is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from foretext.errors import DataError


def read_json_text(path: Path) -> Any:
    """The value that `path` holds; a byte-order mark before it is passed over.

    Raises:
        DataError: it is not UTF-8 or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8: byte 0x{error.object[error.start]:02X} at {error.start}") from None
    except RecursionError:
        raise DataError(f"{path}: not JSON that can be read: its brackets are nested too deep") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not JSON: {error.msg} at character {error.colno}") from None
