"""How much speed training and answering keep beside others who compute on the same cores.

    python benchmarks/beside.py                                   everything, 12 minutes
    python benchmarks/beside.py --also GOMP_SPINCOUNT=300000      all of it again as torch waits by itself
    python benchmarks/beside.py --seconds 0.1 --rounds 1          a rehearsal

Work runs for some seconds alone, then beside a neighbour, and each speed is divided by the one alone of its round. The
neighbours, each a process of one thread but for the last: a loop of plain arithmetic of the same priority, the same at
the lowest (nice 19), and another run of the same work. `arithmetic` is the yardstick: that loop in as many processes as
there are cores, which need not wait for each other. With `--also`, all of it again with a variable of the environment
set, and the speeds alone beside those without it.
"""

from __future__ import annotations

import argparse
import atexit
import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.pool import Pool

from rounds import Contender, Measured, Work, apart, measure, parser, report, show

STEPS = 10_000  # of plain arithmetic between two looks at the clock: a millisecond or two
LOWEST = 19
NEIGHBOURS = {"busy neighbour": ("arithmetic", 0), "neighbour at nice 19": ("arithmetic", LOWEST)}
ANOTHER = "another run"
YARDSTICK = "arithmetic"


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("--works", nargs="+", choices=[*WORKS, YARDSTICK], default=[*WORKS, YARDSTICK])
    flags.add_argument("--beside", nargs="*", choices=[*NEIGHBOURS, ANOTHER], default=[*NEIGHBOURS, ANOTHER])
    flags.add_argument("--seconds", type=float, default=6.0, help="length of a turn (default: 6)")
    flags.add_argument("--also", nargs="+", default=[], metavar="NAME=VALUE", help="again with this variable set")
    flags.add_argument("--neighbour", nargs=2, metavar=("WORK", "NICE"), help=argparse.SUPPRESS)
    given = flags.parse_args()
    if given.neighbour:
        keep_busy(given.neighbour[0], int(given.neighbour[1]))
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that neighbours end too
    with multiprocessing.get_context("spawn").Pool(len(os.sched_getaffinity(0))) as pool:
        names, contenders = {}, {}
        for setting in ("", *given.also):
            for work in given.works:
                if not (setting and work == YARDSTICK):
                    made = cases(work, given.seconds, given.beside, setting, pool)
                    names[work, setting] = list(made)
                    contenders |= made
        show(said(measure(contenders, rounds=given.rounds), names, given), given.json)


def said(measured: Measured, names: dict[tuple[str, str], list[str]], given: argparse.Namespace) -> dict[str, object]:
    ratios = {case: (case, found[0]) for found in names.values() for case in found[1:]}
    ratios |= {found[0]: (found[0], names[work, ""][0]) for (work, setting), found in names.items() if setting}
    return report("beside", measured, unit="updates, batches or loops/s", ratios=ratios, seconds=given.seconds)


def cases(work: str, seconds: float, beside: list[str], setting: str, pool: Pool) -> dict[str, Contender]:
    """The work alone, and beside each neighbour; first comes the one alone."""
    with environment(setting):
        if work == YARDSTICK:
            turn: Contender = functools.partial(arithmetic_everywhere, pool, seconds)
        else:
            turn = apart(timed, work, seconds)[work]
        places = {name: neighbour(*({ANOTHER: (work, 0)} | NEIGHBOURS)[name]) for name in beside}
    label = f"{work}, {setting}" if setting else work
    return {f"{label}, alone": turn, **{f"{label}, {name}": place(turn) for name, place in places.items()}}


@contextmanager
def environment(setting: str) -> Iterator[None]:
    """NAME=VALUE in the environment of processes that start meanwhile."""
    name, _, value = setting.partition("=")
    if name:
        os.environ[name] = value
    yield
    os.environ.pop(name, None)


def timed(work: str, seconds: float) -> dict[str, Contender]:
    """The work as a contender that goes on for so many seconds."""
    step = WORKS[work]()

    def turn(_: int) -> Work:
        began, steps = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            step()
            steps += 1
        return Work(steps, seconds=time.perf_counter() - began)

    return {work: turn}


def neighbour(work: str, niceness: int) -> Callable[[Contender], Contender]:
    """A process at work that stands still but for the turns of the contenders it is put beside."""
    command = [sys.executable, __file__, "--neighbour", work, str(niceness)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    atexit.register(process.kill)
    assert process.stdout is not None
    process.stdout.readline()  # it is ready
    os.kill(process.pid, signal.SIGSTOP)

    def beside(turn: Contender) -> Contender:
        def disturbed(number: int) -> Work:
            os.kill(process.pid, signal.SIGCONT)
            try:
                return turn(number)
            finally:
                os.kill(process.pid, signal.SIGSTOP)

        return disturbed

    return beside


def keep_busy(work: str, niceness: int) -> None:
    """What a neighbour does until the process that started it is gone."""
    parent = os.getppid()
    os.nice(niceness)
    step = arithmetic if work == YARDSTICK else WORKS[work]()
    step()
    print("ready", flush=True)
    while os.getppid() == parent:
        step()
    sys.exit()


def arithmetic() -> None:
    total = 0
    for number in range(STEPS):
        total += number * number


def arithmetic_everywhere(pool: Pool, seconds: float, _: int) -> Work:
    cores = len(os.sched_getaffinity(0))
    return Work(sum(pool.map(arithmetic_for, [seconds] * cores, chunksize=1)), seconds=seconds)


def arithmetic_for(seconds: float) -> float:
    """Loops within so many seconds."""
    began, loops = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        arithmetic()
        loops += 1
    return loops * seconds / (time.perf_counter() - began)


def pretraining_of(size: str) -> Callable[[], object]:
    """An update of eight windows, without dropout as the presets have it."""
    from foretext_loop import SHAPES, pretraining

    from foretext.training.engine import Engine

    shape = replace(SHAPES[size], embedding_dropout=0.0, attention_dropout=0.0, residual_dropout=0.0)
    return pretraining(shape, 8, Engine.start("cpu")).update


def finetuning_of(size: str) -> Callable[[], object]:
    """An update of eight sentences of 10 to 40 tokens."""
    from foretext_loop import SHAPES, finetuning, sentences

    from foretext.training.engine import Engine

    batches = [sentences(SHAPES[size], lengths(8, seed), seed) for seed in range(16)]
    return finetuning(SHAPES[size], lambda update: batches[update % 16], Engine.start("cpu")).update


def answering_of(size: str) -> Callable[[], object]:
    """64 sentences, as `foretext predict` answers them."""
    from types import SimpleNamespace

    import numpy as np
    import torch
    from foretext_loop import HEAD, SHAPES, sentences

    from foretext.model.answering import for_answering
    from foretext.model.devices import find_precision
    from foretext.model.gpt import GPT
    from foretext.serving.predictor import outputs
    from foretext.tasks.examples import Encoded

    gpt = GPT(SHAPES[size], SimpleNamespace(**HEAD)).eval()  # type: ignore[arg-type]
    gpt = for_answering(gpt, find_precision("auto", torch.device("cpu")))
    whole = sentences(SHAPES[size], lengths(64, 0))
    encoded = [Encoded([ids.tolist()]) for ids in np.split(whole.tokens, np.cumsum(whole.lengths)[:-1])]
    return lambda: outputs(gpt, encoded)


def lengths(count: int, seed: int) -> list[int]:
    import numpy as np

    return np.random.default_rng(seed).integers(10, 41, count).tolist()  # type: ignore[no-any-return]


WORKS: dict[str, Callable[[], Callable[[], object]]] = {
    "pretrain mini": functools.partial(pretraining_of, "mini"),
    "pretrain tiny": functools.partial(pretraining_of, "tiny"),
    "finetune mini": functools.partial(finetuning_of, "mini"),
    "predict mini": functools.partial(answering_of, "mini"),
}


if __name__ == "__main__":
    main()
