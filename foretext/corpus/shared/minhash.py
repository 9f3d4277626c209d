"""Near copies by MinHash, in datatrove's steps: signatures, pairs in each bucket, clusters; one of each cluster stays.

The first stages are the tasks `sign`, `match` and `cluster`. Their files get their names when they are whole. Documents
are known by task and number; since tasks have documents in a row, which one stays does not depend on their number.
"""

from __future__ import annotations

import contextlib
import io
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foretext.corpus.cleaning import Removed
from foretext.corpus.shared.job import BUCKETS
from foretext.errors import DataError
from foretext.files import atomic_folder

REASON = "minhash: document much like another one (left out)"
_BUFFERED = 1000  # signatures that are read at a time
_DIGITS = 64  # bits of a hash


def signing(parts: Path) -> Any:
    """A step that writes the signatures of the documents it is given."""

    def run(documents: Any, task: int, tasks: int) -> None:
        from datatrove.pipeline.dedup import MinhashDedupSignature

        with _moved(parts, f"sign-{task:05d}", parts / "signatures") as folder:
            MinhashDedupSignature(str(folder), _config()).run(documents, task, tasks)

    return run


def matching(parts: Path) -> Any:
    """A step that writes which signatures of a bucket are equal."""

    def run(documents: Any, task: int, tasks: int) -> None:
        from datatrove.pipeline.dedup import MinhashDedupBuckets

        given, config = str(parts / "signatures"), _config()
        with _moved(parts, f"match-{task:05d}", parts / "pairs") as folder:
            MinhashDedupBuckets(given, str(folder), config=config, lines_to_buffer=_BUFFERED).run(None, task, tasks)

    return run


def clustering(parts: Path) -> Any:
    """A step that writes which documents of each task are left out."""

    def run(documents: Any, task: int, tasks: int) -> None:
        from datatrove.pipeline.dedup import MinhashDedupCluster

        given, config = str(parts / "pairs"), _config()
        quiet = contextlib.redirect_stderr(io.StringIO())  # it draws a bar
        with atomic_folder(parts / "left-out") as folder, quiet:
            MinhashDedupCluster(given, str(folder), config, lines_to_buffer=_BUFFERED).run(None, task, tasks)

    return run


def leaving_out(parts: Path, removed: Removed) -> Any:
    """A step that hands on the documents which stay; the others are counted in `removed`.

    Raises:
        DataError: which they are is not known.
    """
    if not (parts / "left-out").is_dir():  # datatrove would let all documents stay
        raise DataError(f"{parts / 'left-out'} is not there any more; delete {parts} and begin anew")
    from datatrove.pipeline.dedup import MinhashDedupFilter

    class Counting:
        def __enter__(self) -> Counting:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def write(self, document: Any, task: int) -> None:
            removed.add(REASON, 1, document.id)

    return MinhashDedupFilter(str(parts / "left-out"), exclusion_writer=Counting(), lines_to_buffer=_BUFFERED)


def _config() -> Any:
    from datatrove.pipeline.dedup import MinhashConfig
    from datatrove.utils.hashing import HashConfig

    return MinhashConfig(num_buckets=BUCKETS, hash_config=HashConfig(_DIGITS, "sha1"))


@contextlib.contextmanager
def _moved(parts: Path, name: str, target: Path) -> Iterator[Path]:
    """A folder to fill, whose files are then moved to their places below `target`, whole, over earlier ones."""
    made = parts / "made" / f"{name}-{secrets.token_hex(4)}"  # the same task may be at work elsewhere
    with atomic_folder(made) as folder:
        yield folder
    for file in sorted(path for path in made.rglob("*") if path.is_file()):
        place = target / file.relative_to(made)
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)
