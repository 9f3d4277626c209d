"""The frame of every benchmark here: contenders take turns, ratios are taken within a round, the machine is named.

    def ours(turn: int) -> Work:                      # `turn`: the number of the round, 0 for the one that is not timed
        train(batches[turn])
        return Work(32, flops=training_flops(lengths, layers=12, width=768))

    given = parser(__doc__).parse_args()              # has --rounds and --json already
    measured = measure({"foretext": ours, "HF": theirs}, rounds=given.rounds, peaks=("bf16", "fp32"))
    show(report("finetune", measured, unit="examples/s", ratios={"bf16": ("foretext", "HF")}, dtype="bf16"), given.json)

A round runs every contender once, each round starting with another, so that a machine that slows down slows all of
them. Speeds are work per second; shown are the median over rounds, the lowest and the highest. A ratio is that of two
speeds of one round, and so is utilisation: useful floating-point operations per second by the speed of a bare matrix
product (`peaks`), which takes its turn in every round like a contender.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

BODY_PRODUCT = (2_048, 768, 3_072)  # tokens × width × hidden units of the paper's model: what a peak is measured with
PEAK_PRODUCTS = 15  # products a turn, after two that are not timed; the turn's peak is their median
CPU_FEATURES = ("avx512_bf16", "amx_bf16", "avx512_vnni", "amx_int8", "bf16", "i8mm")


class Work(NamedTuple):
    """What a turn did: an amount (examples, tokens, megabytes) and, where it matters, useful operations.

    `seconds` is for a contender that holds the clock itself, as where another process starts.
    """

    amount: float
    flops: float = 0.0
    seconds: float | None = None


Contender = Callable[[int], Work]


@dataclass(frozen=True)
class Measured:
    """Amounts and operations per second, one entry a round, by contender; `peaks` by the name of the dtype."""

    speeds: dict[str, list[float]]
    flops: dict[str, list[float]]
    peaks: dict[str, list[float]]

    def utilisation(self, name: str) -> list[float]:
        """Of a contender, round by round, against the fastest dtype whose peak was measured."""
        best = max(self.peaks.values(), key=statistics.median)
        return [rate / peak for rate, peak in zip(self.flops[name], best, strict=True)]


def parser(document: str | None, *, rounds: int = 5) -> argparse.ArgumentParser:
    """Flags that every benchmark has; the module's docstring is its help."""
    made = argparse.ArgumentParser(description=document, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rounds", type=int, default=rounds, help=f"rounds of all contenders (default: {rounds})")
    made.add_argument("--json", action="store_true", help="one line of JSON instead of the table")
    return made


def add_precision(flags: argparse.ArgumentParser) -> None:
    """`--precision`, for what trains; `precision` says what auto comes to."""
    flags.add_argument(
        "--precision",
        choices=["auto", "bf16", "fp32"],
        default="auto",
        help="of products (default: auto, bf16 where the processor computes in it)",
    )


def precision(given: argparse.Namespace) -> str:
    """bf16 or fp32, as `--precision auto` of the program finds it on a CPU."""
    import torch

    from foretext.model.devices import find_precision

    return find_precision(given.precision, torch.device("cpu"))


def measure(
    contenders: Mapping[str, Contender], *, rounds: int, peaks: Sequence[str] = (), device: str = "cpu"
) -> Measured:
    """Runs all contenders once untimed, then in `rounds` rounds with the peaks of the dtypes `peaks` among them."""
    turns = {**contenders, **{f"peak {dtype}": _product(dtype, device) for dtype in peaks}}
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in turns}
    names = list(turns)
    for turn in range(rounds + 1):
        print(f"round {turn} of {rounds}" if turn else "once before the first round", file=sys.stderr)
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            began = time.perf_counter()
            work = turns[name](turn)
            _wait()
            seconds = work.seconds or time.perf_counter() - began
            if turn:
                rates[name].append((work.amount / seconds, work.flops / seconds))
    speeds = {name: [rate[0] for rate in rates[name]] for name in contenders}
    flops = {name: [rate[1] for rate in rates[name]] for name in contenders if all(rate[1] for rate in rates[name])}
    return Measured(speeds, flops, {dtype: [rate[1] for rate in rates[f"peak {dtype}"]] for dtype in peaks})


def apart(build: Callable[..., Mapping[str, Contender]], *arguments: Any) -> dict[str, Contender]:
    """The contenders that `build(*arguments)` makes, in a process of their own, which ends with this one.

    There memory is allocated as they are used to: Foretext's training tells glibc to keep what is freed, and everything
    in its process gains by that, or pays for it.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    context.Process(target=_serve, args=(there, build, arguments), daemon=True).start()
    there.close()  # so that the end of that process is noticed here
    return {name: _asked(here, name) for name in here.recv()}


def _asked(connection: Any, name: str) -> Contender:
    def turn(number: int) -> Work:
        try:
            connection.send((name, number))
            return connection.recv()  # type: ignore[no-any-return]
        except (EOFError, OSError):
            sys.exit(f"the process of {name} has ended in turn {number}; perhaps memory was short")

    return turn


def _serve(connection: Any, build: Callable[..., Mapping[str, Contender]], arguments: Sequence[Any]) -> None:
    contenders = build(*arguments)
    connection.send(list(contenders))
    with suppress(EOFError, KeyboardInterrupt):  # the other side has ended
        while True:
            name, number = connection.recv()
            connection.send(contenders[name](number))


def _product(dtype: str, device: str) -> Contender:
    """The turn that measures what the machine can do at `BODY_PRODUCT` in fp32, bf16 or fp16."""
    import torch

    kind = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[dtype]
    rows, inner, columns = BODY_PRODUCT
    left, right = (
        torch.randn(rows, inner, dtype=kind, device=device),
        torch.randn(columns, inner, device=device).to(kind),
    )

    def turn(_: int) -> Work:
        times = []
        for _number in range(PEAK_PRODUCTS + 2):
            began = time.perf_counter()
            torch.nn.functional.linear(left, right)
            _wait()
            times.append(time.perf_counter() - began)
        return Work(1, flops=2.0 * rows * inner * columns, seconds=statistics.median(times[2:]))

    return turn


def _wait() -> None:
    """Until an accelerator has done what it was given."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def forward_flops(
    lengths: Iterable[int],
    *,
    layers: int,
    width: int,
    feed_forward: int = 0,
    logits: int = 0,
    rows: int = 0,
    block: int = 0,
    queries: int = 0,
) -> float:
    """Useful operations of a forward pass over sequences of so many real tokens each; padding counts nothing.

    tokens · layers · 2 · (4·width² + 2·width·feed_forward)       2 × the parameters of a block that a token uses
    + layers · 4·width · Σ length·(length + 1)/2                  scores and mixing, of the causal half alone
    + logits · 2 · width · rows                                   the output layer, for the tokens that need it

    Of other forms than the paper's `block` is how many parameters the matrices of a block have, and `queries` the width
    of all heads' queries together.
    """
    counts = list(lengths)
    block = 2 * (block or 4 * width**2 + 2 * width * (feed_forward or 4 * width))
    attention = 4 * (queries or width) * sum(count * (count + 1) / 2 for count in counts)
    return float(layers * (sum(counts) * block + attention) + logits * 2 * width * rows)


def training_flops(lengths: Iterable[int], **sizes: int) -> float:
    """Of forward and backward pass, three times `forward_flops`: 6 × the parameters used per token, and attention.

    What is computed twice to save memory counts once.
    """
    return 3 * forward_flops(lengths, **sizes)


def report(
    benchmark: str,
    measured: Measured,
    *,
    unit: str,
    ratios: Mapping[str, tuple[str, str]],
    packages: Iterable[str] = (),
    dtype: str = "",
    **more: Any,
) -> dict[str, Any]:
    """All that is said of a run. `ratios`: name to the two contenders, the first so many times as fast as the second.

    `packages` are the peers whose versions count; `more` is what else the figures depend on (data, sizes).
    """
    speeds = measured.speeds
    return {
        "benchmark": benchmark,
        "machine": machine(packages),
        **({"dtype": dtype} if dtype else {}),
        **more,
        "rounds": len(next(iter(speeds.values()))),
        "unit": unit,
        "speeds": {name: spread(values) for name, values in speeds.items()},
        "ratios": {
            name: spread([one / other for one, other in zip(speeds[first], speeds[second], strict=True)])
            for name, (first, second) in ratios.items()
        },
        "peak_gflops": {name: spread([value / 1e9 for value in values]) for name, values in measured.peaks.items()},
        "utilisation": {name: spread(measured.utilisation(name)) for name in measured.flops} if measured.peaks else {},
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    figures = {"median": statistics.median(values), "low": min(values), "high": max(values)}
    return {name: float(f"{value:.4g}") for name, value in figures.items()}


def machine(packages: Iterable[str] = ()) -> dict[str, Any]:
    """What the figures depend on: processor, cores and load, threads, versions."""
    described = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    facts = dict(reversed(re.findall(r"(?m)^([^\t:]+)\t*: (.*)", described)))  # of the first processor
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch = sys.modules.get("torch")
    accelerator = torch.cuda.get_device_name() if torch is not None and torch.cuda.is_available() else None
    return {
        "processor": facts.get("model name") or platform.processor(),
        "cores": cores,
        "features": [feature for feature in CPU_FEATURES if feature in flags],
        "accelerator": accelerator,
        "load": [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "threads": torch.get_num_threads() if torch is not None else os.environ.get("OMP_NUM_THREADS", cores),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in ("foretext", *(["torch"] if torch else []), *packages)},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # run from a copy of the repository
        return "not installed"


def show(report: Mapping[str, Any], as_json: bool) -> None:
    """Prints the report, as one line of JSON or as a table."""
    print(json.dumps(report) if as_json else "\n".join(table(report)))


def table(report: Mapping[str, Any]) -> list[str]:
    about, known = report["machine"], {"benchmark", "machine", "unit", "speeds", "ratios", "peak_gflops", "utilisation"}
    lines = [
        f"{about['processor']}, {about['cores']} cores ({' '.join(about['features']) or 'no bf16'}), "
        + (f"{about['accelerator']}, " if about["accelerator"] else "")
        + f"load {about['load']}, {about['threads']} threads",
        f"Python {about['python']}, " + ", ".join(f"{name} {number}" for name, number in about["versions"].items()),
        ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in report.items() if name not in known),
    ]
    for title, key in (
        (report["unit"], "speeds"),
        ("times as fast", "ratios"),
        ("GFLOP/s of a bare product", "peak_gflops"),
        ("useful FLOP/s by the peak", "utilisation"),
    ):
        if report[key]:
            lines += ["", f"{title:48}{'median':>10}{'low':>10}{'high':>10}"]
            lines += [
                f"{name:48}" + "".join(f"{part:10.4g}" for part in row.values()) for name, row in report[key].items()
            ]
    return lines
