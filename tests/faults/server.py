"""Starts `foretext` again and again in a fraction of the time: all is loaded once, and each run is a fork of that.

A process of its own, `python server.py`: requests come as lines of JSON on stdin, answers go as such to stdout. Nothing
is computed before a fork, since threads do not survive one.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from planted import Events, Fault

LOADED = (
    *("torch", "lightning_fabric", "lightning_fabric.plugins", "safetensors.torch", "sklearn.metrics", "pyarrow"),
    *("cyclopts", "rich.progress", "jinja2", "foretext.cli", "foretext.recipes.pretrain", "foretext.recipes.finetune"),
    *("foretext.recipes.prepare", "foretext.recipes.learn_tokenizer", "foretext.recipes.predict"),
    *("foretext.flags", "foretext.evaluation.figures", "foretext.evaluation.pages"),
)
LONGEST_SECONDS = 300.0  # nothing here takes so long, even where the machine stops for a minute
LOOK_SECONDS = 0.002  # between two looks at a run


def serve() -> dict[str, Any] | None:
    """Answers requests until there are no more; in a fork it returns the request that is to be run there."""
    for line in sys.stdin:
        request = json.loads(line)
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            return dict(request)
        code = watch(pid, request["killed_after"], started)
        print(json.dumps({"code": code, "seconds": time.monotonic() - started}), flush=True)
    return None


def watch(pid: int, killed_after: float | None, started: float) -> int:
    """The exit code of a run as a shell shows it; SIGKILL comes `killed_after` so many seconds."""
    due = started + (LONGEST_SECONDS if killed_after is None else killed_after)
    killed = False
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        if not killed and time.monotonic() >= due:
            os.kill(pid, signal.SIGKILL)
            killed = True
        time.sleep(LOOK_SECONDS)


def run(request: dict[str, Any]) -> int:
    """Becomes `foretext` with the request's arguments, folder and fault."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # which may be ignored here, as under nohup
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.chdir(request["folder"])
    for descriptor, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, request["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, request["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        os.dup2(os.open(name, flags, 0o644), descriptor)
    if request["largest_file"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest_file"], resource.RLIM_INFINITY))
    fault = Fault(**request["fault"]) if request["fault"] else None
    Events(Path(request["folder"]), Path(request["events"]), fault).install()
    from foretext.cli import main

    sys.argv = ["foretext", *request["arguments"]]
    try:
        return main()
    except SystemExit as asked:
        return asked.code if isinstance(asked.code, int) else int(asked.code is not None)


def leave(code: int) -> NoReturn:
    """Ends the process as Python does, but for taking all modules apart, which takes longer than a small run."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # a thread of Arrow's memory
    for module in LOADED:
        importlib.import_module(module)
    sys.modules["foretext.evaluation.figures"].svg = lambda figure: "<svg/>"  # drawing takes longer than such a run
    assert threading.active_count() == 1, "threads do not survive a fork"
    print(json.dumps("ready"), flush=True)
    wanted = serve()
    if wanted is not None:
        leave(run(wanted))
