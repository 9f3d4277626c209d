"""What an estimator cannot use is refused by errors of ours that are scikit-learn's too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from foretext.errors import Refused, UsageError


@contextmanager
def refusals() -> Iterator[None]:
    """Has what the block refuses be `Refused`; the message stays.

    Raises:
        Refused: in place of any other `UsageError`.
    """
    try:
        yield
    except UsageError as error:
        raise Refused(str(error)) from error
