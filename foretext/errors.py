"""Every error Foretext raises on purpose, as one tree.

    ForetextError                  exit code 1: the work failed
    ├── UsageError                 exit code 2: what was given cannot be used
    │   ├── SettingsError          a setting is unknown, out of range, or contradicts another
    │   │   └── UnknownName        a name that is not in a table, with the nearest one that is
    │   ├── DataError              a data file is missing, empty or wrong: file, line, column and problem
    │   ├── ModelError             a model folder is missing, incomplete, damaged or of another kind
    │   │   └── FingerprintMismatch   two things made with different tokenizers meet
    │   ├── InUse                  another process is at work in the folder
    │   ├── Refused                an estimator of `foretext.sklearn` cannot use what it was given; a ValueError too
    │   └── DiskFull               a file could not be written for want of space
    ├── UnsoundRun                 the watch stopped a training that came to no good
    ├── LostProcess                one of the processes that share the work is gone, or does not come
    ├── OthersFailed               another of them failed, and says why
    └── Unreachable                what was asked for is on the network, and that cannot be reached

The command line prints the message alone and leaves with `exit_code`; anything else that is raised is a bug of ours.
`Stopped` stands apart: nothing failed, somebody asked the work to end.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ForetextError(Exception):
    """The root: catch this to catch every error that Foretext raises on purpose."""

    exit_code = 1


class UsageError(ForetextError):
    """What the user gave cannot be used as it is."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting is unknown, out of range, or contradicts another one."""


class UnknownName(SettingsError):
    """A name that is in no table; the message offers the nearest one.

    `kind` is what was looked for ("preset", "column", …), `known` the names there are.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], advice: str = "") -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        listing = f" Known: {', '.join(names)}." if names and len(names) <= 40 else ""
        super().__init__(f"no {kind} called {name!r}{hint}{listing}{' ' + advice if advice else ''}")


class DataError(UsageError):
    """A data file is missing, empty or wrong; the message names file, line, column and problem."""


class ModelError(UsageError):
    """A model folder is missing, incomplete, damaged or of another kind than asked for."""


class FingerprintMismatch(ModelError):
    """Two things that must share a tokenizer were made with different ones; both are named."""


class InUse(UsageError):
    """Another process is at work in the folder, or may be; the message names it, and says what to do."""


class DiskFull(UsageError):
    """A file could not be written for want of space; what was there before is untouched."""


class Refused(UsageError, ValueError):
    """What an estimator was given cannot be used as it is; a `ValueError` as well, which scikit-learn raises then."""


class UnsoundRun(ForetextError):
    """The watch stopped a training that failed again after it went back; the message says when and why."""


class LostProcess(ForetextError):
    """One of the processes that share the work ended without a word, or does not come; the message names it."""


class OthersFailed(ForetextError):
    """Another of the processes that share the work failed or was asked to end; it says why, this one only ends."""

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Unreachable(ForetextError):
    """What was asked for is on the network, and that cannot be reached; the message says how to do without."""


class Stopped(KeyboardInterrupt):
    """The work was asked to end, by a signal or because its time is over; a KeyboardInterrupt, as Ctrl-C gives.

    `exit_code` is 128 and the number of the signal.
    """

    def __init__(self, message: str, *, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
