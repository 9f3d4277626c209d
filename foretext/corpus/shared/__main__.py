"""What a job of Slurm calls: `python -m foretext.corpus.shared FOLDER STAGE TASK`, or `… FOLDER join`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from foretext.corpus.shared.job import STAGES
from foretext.corpus.shared.preparing import join
from foretext.corpus.shared.task import attempted
from foretext.disk import system_error
from foretext.errors import ForetextError
from foretext.streams import say


def main(arguments: Sequence[str]) -> int:
    """Does a task, or makes the corpus of all, and gives the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("foretext").setLevel(logging.INFO)
    match arguments:
        case [folder, stage, task] if stage in STAGES and task.isdecimal():
            code, message = attempted(folder, stage, int(task))
        case [folder, "join"]:
            code, message = _join(Path(folder))
        case _:
            code, message = 2, f"what to do is FOLDER STAGE TASK or FOLDER join, not {' '.join(arguments)}"
    if message:
        say(f"foretext: {message}")
    return code


def _join(parts: Path) -> tuple[int, str]:
    try:
        print(*join(parts).lines(), sep="\n")
    except OSError as error:
        ours = system_error(error)
        if ours is None:
            raise
        return ours.exit_code, str(ours)
    except ForetextError as error:
        return error.exit_code, str(error)
    return 0, ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
