"""Worker processes end with their parent, whatever ends that and whenever."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

LONGEST_SECONDS = 60
# A signal comes when the first of two workers waits for work, before anything else knows of it.
SIGNALLED = """
    import functools, multiprocessing.context, os, signal, sys, time
    from pathlib import Path
    from foretext.processes import pool
    from foretext.signals import ENDING, end_at_once, heard

    ready, number = Path(sys.argv[1]), int(sys.argv[2])
    start = multiprocessing.context.SpawnProcess.start

    def signalled(process):
        start(process)
        while not ready.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    if __name__ == "__main__":
        signal.signal(number, signal.SIG_DFL)  # it may be ignored here, as under nohup
        multiprocessing.context.SpawnProcess.start = signalled
        try:
            with heard(ENDING, end_at_once), pool(2, verb="test", start=ready.touch) as workers:
                print(workers.submit(int).result())
        except KeyboardInterrupt as stopped:
            sys.exit(stopped.exit_code)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_while_workers_start_ends_them_all(tmp_path: Path, name: str) -> None:
    (tmp_path / "program.py").write_text(textwrap.dedent(SIGNALLED))
    number = getattr(signal, name)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "ready"), str(int(number))],
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "")
