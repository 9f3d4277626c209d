"""How many texts a second `foretext serve` answers, and how long each waits: a server and its clients, a core each.

    python benchmarks/serving.py                        the paper's model
    python benchmarks/serving.py --preset mini
    python benchmarks/serving.py --minutes 10           and then ten minutes of 64 clients, every answer compared
    python benchmarks/serving.py --dry-run              a rehearsal; its figures mean nothing

FORETEXT_DATA names the folder with `tasks/SST-2` and `gpt1-bpe`. The texts are SST-2's development set, one a request;
the model has random weights. The server computes in one thread on one core, the clients share another, and nothing is
remembered, so that each answer is computed. A closed loop of 1, 8 and 64 clients, each of which asks again when it has
its answer; then, at four times what 64 clients got, requests that come whether or not the ones before were answered
(an open loop: times are from when a request was due). Beside it, on the server's core: `Predictor.predict` of all texts
at once, and of one after the other; and a FastAPI around transformers' OpenAIGPT of the same weights in fp32, written
as one writes it, with its own tokenizer. Probabilities are compared with those of `predict`, which the head is made to
spread so that texts can be told apart; the peer's are not, since its tokenizer cuts texts otherwise.
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
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from peers import classifier, data_folder, in_transformers, sentences
from rounds import Contender, Work, apart, measure, parser, report, show, table

from foretext.checkpoints.saved_model import SavedModel, load_model, save_model

CLIENTS = (1, 8, 64)
OVERLOAD = 4  # times the capacity
NEAR = 1e-4  # in fp32 the size of a batch moves the last of seven digits, which the spread head makes larger
SPREAD = 2.0  # standard deviation of the log-odds over the texts
LARGE = 4_000  # characters for each example that may wait: texts are short, so that examples are what is counted
NAMES = ("foretext", "transformers")

Reference = list[dict[str, float]]  # by text, probabilities by class


@dataclass
class Load:
    """What came of some requests."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)  # 0: the connection broke
    times: list[float] = field(default_factory=list)  # of those answered, in seconds
    wrong: int = 0

    def add(self, other: Load) -> None:
        self.seconds += other.seconds
        self.statuses += other.statuses
        self.times += other.times
        self.wrong += other.wrong

    def said(self) -> dict[str, Any]:
        times, requests = sorted(self.times), sum(self.statuses.values())
        at = {f"p{share}": times[min(len(times) - 1, len(times) * share // 100)] * 1e3 for share in (50, 99) if times}
        return {
            "requests": requests,
            "answers/s": round(len(times) / max(self.seconds, 1e-9), 1),
            **{f"{name} ms": round(value, 1) for name, value in at.items()},
            "share of 429": round(self.statuses[429] / max(requests, 1), 3),
            "statuses": dict(sorted(self.statuses.items())),
            "wrong": self.wrong,
        }


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("--preset", default="gpt1", help="size of the model (default: gpt1)")
    flags.add_argument("--precision", default="auto", help="of the server and of predict (default: auto)")
    flags.add_argument("--seconds", type=float, default=10.0, help="length of a turn (default: 10)")
    flags.add_argument("--minutes", type=float, default=0.0, help="of 64 clients at the end (default: 0)")
    flags.add_argument("--max-waiting", type=int, default=256, help="examples that may wait (default: 256)")
    flags.add_argument("--dry-run", action="store_true", help="a tiny model and short turns")
    flags.add_argument("--child", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    given = flags.parse_args()
    if given.dry_run:
        given.preset, given.seconds, given.rounds, given.minutes = "tiny", 1.0, 1, given.minutes and 0.05
    here, there = cores()
    os.environ["OMP_NUM_THREADS"] = "1"
    if given.child:
        os.sched_setaffinity(0, {there})
        {"foretext": serve_foretext, "transformers": serve_transformers}[given.child[0]](Path(given.child[1]), given)
        return
    os.sched_setaffinity(0, {here})
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


def show_all(given: argparse.Namespace, folder: Path, core: int) -> None:
    torch.set_num_threads(1)
    data = data_folder()
    texts = sentences(data, 64 if given.dry_run else 0)
    saved = classifier(data, given.preset)
    spread(saved, texts)
    save_model(folder / "model", saved)
    own = apart(by_itself, folder, texts, core, given.precision, given.seconds)
    reference: Reference = json.loads((folder / "reference.json").read_text())
    loads = {f"{name}, {clients}": Load() for name in NAMES for clients in CLIENTS}
    with running("foretext", folder, given) as ours, running("transformers", folder, given) as theirs:
        contenders = dict(own)
        for name, port in zip(NAMES, (ours, theirs), strict=True):
            known = reference if name == "foretext" else None
            for clients in CLIENTS:
                contenders[f"{name}, {clients}"] = turn(
                    loads[f"{name}, {clients}"], port, clients, given.seconds, texts, known
                )
        measured = measure(contenders, rounds=given.rounds)
        capacity = sorted(measured.speeds["foretext, 64"])[given.rounds // 2]
        print(f"open loop, {OVERLOAD} times {capacity:.4g} a second", file=sys.stderr)
        ask_openly = opened(ours, OVERLOAD * capacity, 3 * given.seconds, texts, reference)
        loads[f"foretext, {OVERLOAD} times the capacity"] = asyncio.run(ask_openly)
        if given.minutes:
            print(f"{given.minutes:g} minutes of 64 clients", file=sys.stderr)
            long = closed(ours, CLIENTS[-1], 60 * given.minutes, texts, reference)
            loads[f"foretext, 64, {given.minutes:g} minutes"] = asyncio.run(long)
    found = report(
        "serving",
        measured,
        unit="answers/s",
        ratios={
            "64 clients by predict": ("foretext, 64", "predict"),
            "1 client by one by one": ("foretext, 1", "predict, one by one"),
            **{
                f"{clients} clients by transformers": tuple(f"{name}, {clients}" for name in NAMES)
                for clients in CLIENTS
            },
        },
        packages=("transformers", "fastapi", "uvicorn"),
        preset=given.preset,
        precision=json.loads((folder / "precision.json").read_text()),
        texts=len(texts),
        told_apart=told_apart(reference),
        max_waiting=given.max_waiting,
    )
    loads_said = {name: load.said() for name, load in loads.items()}
    if given.json:
        show({**found, "loads": loads_said}, True)
        return
    print("\n".join(table(found)))
    for name, said in loads_said.items():
        print(f"\n{name}: " + ", ".join(f"{word} {value}" for word, value in said.items()), end="")
    print()


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


def by_itself(folder: Path, texts: list[str], core: int, precision: str, seconds: float) -> dict[str, Contender]:
    """`predict` on the server's core; writes what it says of each text, one after the other."""
    os.sched_setaffinity(0, {core})
    predictor = loaded(folder, precision)
    known = [predictor.predict([text])[0].probabilities for text in texts]
    (folder / "reference.json").write_text(json.dumps(known))
    (folder / "precision.json").write_text(json.dumps(predictor.precision))

    def whole(_: int) -> Work:
        predictor.predict(texts)
        return Work(len(texts))

    def one_by_one(number: int) -> Work:
        done, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
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


def serve_transformers(folder: Path, given: argparse.Namespace) -> None:
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
        with torch.inference_mode():
            logits = model(**tokenizer([asked.example], return_tensors="pt")).logits
        return {"probabilities": logits.softmax(-1)[0].tolist()}

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
def running(name: str, folder: Path, given: argparse.Namespace) -> Iterator[int]:
    """The port of a server in a process of its own."""
    options = ["--precision", given.precision, "--max-waiting", str(given.max_waiting)]
    call = [sys.executable, __file__, "--child", name, str(folder), *options]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                sys.exit(f"the server of {name} did not start")
            yield int(line)
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
        found = asyncio.run(closed(port, clients, seconds, texts, reference))
        if number:  # the first is not timed
            load.add(found)
        if not found.times:
            sys.exit(f"no request was answered: {dict(found.statuses)}")
        return Work(len(found.times), seconds=found.seconds)

    return asked


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def closed(port: int, clients: int, seconds: float, texts: list[str], reference: Reference | None) -> Load:
    """So many clients, each of which asks again when it has its answer; no text is asked twice at the same time."""
    load, order = Load(), order_of(texts)
    began = time.perf_counter()

    async def client() -> None:
        connection = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() - began < seconds:
            await ask(connection, next(order), texts, reference, load, time.perf_counter())
        connection[1].close()

    await asyncio.gather(*(client() for _ in range(clients)))
    load.seconds = time.perf_counter() - began
    return load


async def opened(port: int, rate: float, seconds: float, texts: list[str], reference: Reference) -> Load:
    """Requests that come by chance, `rate` a second, whatever becomes of those before."""
    load, order, draw, free = Load(), order_of(texts), random.Random(2), deque[Connection]()
    began = due = time.perf_counter()

    async def one(due: float) -> None:
        try:
            connection = free.pop() if free else await asyncio.open_connection("127.0.0.1", port)
            await ask(connection, next(order), texts, reference, load, due)
            free.append(connection)
        except (OSError, asyncio.IncompleteReadError):
            load.statuses[0] += 1

    waiting = set[asyncio.Task[None]]()
    while (due := due + draw.expovariate(rate)) - began < seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(one(due))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    await asyncio.gather(*waiting)
    load.seconds = time.perf_counter() - began
    for connection in free:
        connection[1].close()
    return load


def order_of(texts: list[str]) -> Iterator[int]:
    """The texts' numbers in an order by chance, over and over."""
    order = random.Random(1).sample(range(len(texts)), len(texts))
    while True:
        yield from order


async def ask(
    connection: Connection, number: int, texts: list[str], reference: Reference | None, load: Load, since: float
) -> None:
    """One request; what came of it goes into `load`, its time from `since`."""
    reader, writer = connection
    body = json.dumps({"example": texts[number]}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    writer.write(head.encode() + b"\r\n\r\n" + body)
    answered = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = re.search(rb"content-length: (\d+)", answered)
    content = await reader.readexactly(int(length[1]) if length else 0)
    status = int(answered[9:12])
    load.statuses[status] += 1
    if status != 200:
        return
    load.times.append(time.perf_counter() - since)
    if reference is not None:
        said = json.loads(content)["answer"]["probabilities"]
        known = reference[number]
        load.wrong += said.keys() != known.keys() or any(abs(said[name] - known[name]) > NEAR for name in known)


if __name__ == "__main__":
    main()
