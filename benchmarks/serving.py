"""How many texts a second `foretext serve` answers, and how long each waits: a server and its clients, a core each.

    python benchmarks/serving.py --out serving.json     the paper's model; all of it
    python benchmarks/serving.py --preset mini
    python benchmarks/serving.py --minutes 0            without the ten minutes at the end
    python benchmarks/serving.py --dry-run              a rehearsal of all of it, pinned nowhere; no figures

FORETEXT_DATA names the folder with `tasks/SST-2` and `gpt1-bpe`. The texts are SST-2's development set, one a request;
the model has random weights. The server computes in one thread on one core, the clients share another, and nothing is
remembered, so that each answer is computed. A closed loop of 1, 8 and 64 clients takes turns with, on the server's
core: `Predictor.predict` of all texts at once, and of one after the other; and a FastAPI around transformers'
OpenAIGPT of the same weights, in fp32 and in bf16 autocast, written as one writes it, with its own tokenizer. Then, at
four times what 64 clients got, an open loop; at last 64 clients for ten minutes. Probabilities are compared with those
of `predict`, which the head is made to spread so that texts can be told apart; the peer's are not, since its tokenizer
cuts texts otherwise. `--out` has what is known after each part, and `targets` say which of them are met.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import contextlib
import json
import logging
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from clients import NEAR, Load, Reference, closed, opened
from peers import classifier, data_folder, in_transformers, sentences
from rounds import Contender, Measured, Work, apart, measure, parser, report, show, table
from targets import FLOOD, LONG, OVERLOAD, targets

from foretext.checkpoints.saved_model import SavedModel, load_model, save_model

CLIENTS = (1, 8, 64)
SPREAD = 2.0  # standard deviation of the log-odds over the texts
LARGE = 4_000  # characters for each example that may wait: texts are short, so that examples are what is counted
PEERS = {"transformers": False, "transformers in autocast": True}  # whether under autocast
NAMES = ("foretext", *PEERS)
ROUNDS = 3
FIRST = 2.0  # seconds of a turn that is not timed


def main() -> None:
    flags = parser(__doc__, rounds=ROUNDS)
    flags.add_argument("--preset", default="gpt1", help="size of the model (default: gpt1)")
    flags.add_argument("--precision", default="auto", help="of the server and of predict (default: auto)")
    flags.add_argument("--seconds", type=float, default=10.0, help="length of a turn (default: 10)")
    flags.add_argument("--minutes", type=float, default=10.0, help="of 64 clients at the end (default: 10)")
    flags.add_argument("--max-waiting", type=int, default=256, help="examples that may wait (default: 256)")
    flags.add_argument("--out", type=Path, help="file for the result as JSON, written after each part")
    flags.add_argument("--dry-run", action="store_true", help="a tiny model and short turns")
    flags.add_argument("--child", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    given = flags.parse_args()
    if given.dry_run:
        given.preset, given.seconds, given.rounds, given.minutes = "tiny", 0.5, 1, given.minutes and 0.02
        given.max_waiting = 80
    here, there = cores()
    os.environ["OMP_NUM_THREADS"] = "1"
    if given.child:
        pin(there, given)
        name, folder = given.child
        if name == "foretext":
            serve_foretext(Path(folder), given)
        else:
            serve_transformers(Path(folder), autocast=PEERS[name])
        return
    pin(here, given)
    with tempfile.TemporaryDirectory() as made:
        show_all(given, Path(made), there)


def cores() -> tuple[int, int]:
    """The core of the clients, and that of the server."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if os.environ.get("SERVING_CORES"):  # a child's parent has narrowed what it may use
        allowed = list(map(int, os.environ["SERVING_CORES"].split(",")))
    if len(allowed) < 2:
        sys.exit("this needs Linux and two cores: one for the server, one for its clients")
    os.environ["SERVING_CORES"] = f"{allowed[0]},{allowed[1]}"
    return allowed[0], allowed[1]


def pin(core: int, given: argparse.Namespace) -> None:
    """Keeps this process to that core; not in a rehearsal, which others on the machine shall not hold up."""
    if not given.dry_run:
        os.sched_setaffinity(0, {core})


def show_all(given: argparse.Namespace, folder: Path, core: int) -> None:
    before = os.getloadavg()
    torch.set_num_threads(1)
    data = data_folder()
    texts = sentences(data, 80 if given.dry_run else 0)
    saved = classifier(data, given.preset)
    spread(saved, texts)
    save_model(folder / "model", saved)
    print("what predict says of each text, one by one", file=sys.stderr)
    own = apart(by_itself, folder, texts, core, given)
    reference: Reference = json.loads((folder / "reference.json").read_text())
    about = {
        "preset": given.preset,
        "precision": json.loads((folder / "precision.json").read_text()),
        "texts": len(texts),
        "told_apart": told_apart(reference),
        "max_waiting": given.max_waiting,
        "one_core_in_two": share_a_core(),
        "load_before": [round(value, 2) for value in before],
    }
    loads = {f"{name}, {clients}": Load() for name in NAMES for clients in CLIENTS}
    with running("foretext", folder, given) as (port, ours):
        with contextlib.ExitStack() as peers:
            ports = [port, *(peers.enter_context(running(name, folder, given))[0] for name in PEERS)]
            contenders = dict(own)
            for name, where in zip(NAMES, ports, strict=True):
                known = reference if name == "foretext" else None
                for clients in CLIENTS:
                    load = loads[f"{name}, {clients}"]
                    contenders[f"{name}, {clients}"] = turn(load, where, clients, given.seconds, texts, known)
            measured = measure(contenders, rounds=given.rounds)
        found = Found(given, about, measured, loads, {"before": memory(ours)})
        found.keep()
        seconds = 3 * given.seconds
        capacity = statistics.median(measured.speeds["foretext, 64"])
        print(f"{seconds:g} seconds of {OVERLOAD} times {capacity:.4g} a second", file=sys.stderr)
        flood = opened(port, rate=OVERLOAD * capacity, seconds=seconds, texts=texts, reference=reference)
        loads[FLOOD] = asyncio.run(flood)
        found.memory["after the flood"] = memory(ours)
        found.keep()
        if given.minutes:
            print(f"{given.minutes:g} minutes of 64 clients", file=sys.stderr)
            long = closed(port, clients=64, seconds=60 * given.minutes, texts=texts, reference=reference)
            loads[LONG] = asyncio.run(long)
            found.memory["at the end"] = memory(ours)
    found.keep(complete=True)
    found.show()


@dataclass
class Found:
    """All that is known so far."""

    given: argparse.Namespace
    about: dict[str, Any]
    measured: Measured
    loads: dict[str, Load]
    memory: dict[str, int]  # of the server, in MB

    def report(self, *, complete: bool = True) -> dict[str, Any]:
        """As one object for JSON."""
        by = {
            f"{count} at once by {name}": (f"foretext, {count}", f"{name}, {count}")
            for name in PEERS
            for count in CLIENTS
        }
        found = report(
            "serving",
            self.measured,
            unit="answers/s",
            ratios={
                "64 clients by predict": ("foretext, 64", "predict"),
                "1 client by one by one": ("foretext, 1", "predict, one by one"),
                "64 clients by one by one": ("foretext, 64", "predict, one by one"),
                **by,
            },
            packages=("transformers", "fastapi", "uvicorn"),
            dtype=f"foretext {self.about['precision']}, transformers fp32 and bf16 autocast",
            **self.about,
        )
        said = {name: load.said() for name, load in self.loads.items()}
        found |= {"loads": said, "memory_mb": self.memory, "complete": complete}
        return found | {"targets": targets(found, self.loads, self.given.max_waiting)}

    def keep(self, *, complete: bool = False) -> None:
        """Writes `--out`, if it was given."""
        if self.given.out:
            made = self.given.out.with_name(self.given.out.name + ".new")
            made.write_text(json.dumps(self.report(complete=complete), indent=1) + "\n")
            made.replace(self.given.out)

    def show(self) -> None:
        """Prints it."""
        found = self.report()
        if self.given.json:
            show(found, True)
            return
        print("\n".join(table({name: value for name, value in found.items() if name not in ("loads", "targets")})))
        for name, said in found["loads"].items():
            print(f"\n{name}: " + ", ".join(f"{word} {value}" for word, value in said.items()), end="")
        print("\n")
        for name, target in found["targets"].items():
            print(f"{'met   ' if target['met'] else 'MISSED'} {name}: {target['found']} (wanted: {target['wanted']})")


def share_a_core() -> bool | None:
    """Whether the two processors are threads of one core, which they then share; None where that is not said."""
    first, second = cores()
    file = Path(f"/sys/devices/system/cpu/cpu{first}/topology/thread_siblings_list")
    if not file.is_file():
        return None
    shared: set[int] = set()
    for part in file.read_text().strip().split(","):
        low, _, high = part.partition("-")
        shared |= {*range(int(low), int(high or low) + 1)}
    return second in shared


def memory(process: int) -> int:
    """Memory that a process has in use, in MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return round(int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024)


def spread(saved: SavedModel, texts: list[str]) -> None:
    """Changes the head so that what the model says of these texts differs as `SPREAD` says."""
    from foretext.serving.predictor import Predictor

    found = Predictor.of(saved, device="cpu", precision="fp32", remembered=0).predict(texts[:100])
    odds = [math.log(one.probabilities["1"] / one.probabilities["0"]) for one in found]
    factor, linear = SPREAD / statistics.stdev(odds), saved.gpt.head.linear
    linear.weight.data.mul_(factor)
    linear.bias.data[1] -= factor * statistics.mean(odds)


def told_apart(reference: Reference) -> float:
    """The share of pairs of texts that have other probabilities: of those, an answer to the wrong asker is seen."""
    values = sorted(next(iter(known.values())) for known in reference)
    pairs = len(values) * (len(values) - 1) / 2
    far = sum(len(values) - bisect.bisect_right(values, value + 2 * NEAR) for value in values)
    return round(far / pairs, 4)


def by_itself(folder: Path, texts: list[str], core: int, given: argparse.Namespace) -> dict[str, Contender]:
    """`predict` on the server's core; writes what it says of each text, one after the other."""
    pin(core, given)
    predictor, seconds = loaded(folder, given.precision), given.seconds
    known = [predictor.predict([text])[0].probabilities for text in texts]
    (folder / "reference.json").write_text(json.dumps(known))
    (folder / "precision.json").write_text(json.dumps(predictor.precision))

    def whole(_: int) -> Work:
        predictor.predict(texts)
        return Work(len(texts))

    def one_by_one(number: int) -> Work:
        done, began = 0, time.perf_counter()
        while time.perf_counter() - began < (seconds if number else min(FIRST, seconds)):
            predictor.predict([texts[(number + done) % len(texts)]])
            done += 1
        return Work(done)

    return {"predict": whole, "predict, one by one": one_by_one}


def loaded(folder: Path, precision: str) -> Any:
    from foretext.serving.predictor import Predictor

    torch.set_num_threads(1)
    return Predictor.of(load_model(folder / "model"), device="cpu", precision=precision, remembered=0)


def serve_foretext(folder: Path, given: argparse.Namespace) -> None:
    from foretext.server.app import Server, Serving
    from foretext.server.listening import bound, listen
    from foretext.server.logs import json_lines
    from foretext.server.worker import Limits

    # As the command logs: a line of JSON for each request; nobody reads it here.
    logging.basicConfig(level=logging.INFO, handlers=[logging.FileHandler(os.devnull)])
    limits = Limits(examples=given.max_waiting, characters=LARGE * given.max_waiting)
    with bound("127.0.0.1", 0) as socket, json_lines():
        server = Server(Serving({"model": loaded(folder, given.precision)}, limits=limits))
        print(socket.getsockname()[1], flush=True)
        listen(server, socket, grace=1)


def serve_transformers(folder: Path, *, autocast: bool) -> None:
    import uvicorn
    from fastapi import FastAPI
    from latency import peer_tokenizer
    from pydantic import BaseModel

    class Asked(BaseModel):
        example: str

    torch.set_num_threads(1)
    model = in_transformers(load_model(folder / "model").gpt)
    tokenizer, app = peer_tokenizer(data_folder() / "gpt1-bpe"), FastAPI()

    def predict(asked: Asked) -> dict[str, list[float]]:
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            logits = model(**tokenizer([asked.example], return_tensors="pt")).logits
        return {"probabilities": logits.float().softmax(-1)[0].tolist()}

    predict.__annotations__ = {"asked": Asked, "return": dict[str, list[float]]}  # not as text: the class is local
    app.post("/predict")(predict)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))

    async def serve() -> None:
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
        await serving

    asyncio.run(serve())


@contextlib.contextmanager
def running(name: str, folder: Path, given: argparse.Namespace) -> Iterator[tuple[int, int]]:
    """The port of a server in a process of its own, and that process's number."""
    options = ["--precision", given.precision, "--max-waiting", str(given.max_waiting), *["--dry-run"] * given.dry_run]
    call = [sys.executable, __file__, "--child", name, str(folder), *options]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                sys.exit(f"the server of {name} did not start")
            yield int(line), process.pid
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def turn(
    load: Load, port: int, clients: int, seconds: float, texts: list[str], reference: Reference | None
) -> Contender:
    def asked(number: int) -> Work:
        lasts = seconds if number else min(FIRST, seconds)
        found = asyncio.run(closed(port, clients=clients, seconds=lasts, texts=texts, reference=reference))
        if not found.times:
            sys.exit(f"no request was answered: {dict(found.statuses)}")
        if number:  # the first is not timed
            load.add(found)
        return Work(len(found.times), seconds=found.seconds)

    return asked


if __name__ == "__main__":
    main()
