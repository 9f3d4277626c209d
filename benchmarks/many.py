"""How many updates a second do one process and two make of one pre-training, at one thread each? On a CPU, by gloo.

Runs of one process and of two take turns. Shown is the speed of the second half of each run, by its metrics.

    python benchmarks/many.py --updates 200
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from rounds import parser, spread

PROCESSES = (1, 2)
SHAPE = "--preset tiny --batch 8 --device cpu --precision fp32 --validate-every 1000000"
SENTENCES = "The cat sat in the yard. The dog saw the hen in the barn. The fox is in the wood. "


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--updates", type=int, default=200)
    given = options.parse_args()
    found: dict[int, list[float]] = {processes: [] for processes in PROCESSES}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "text.txt").write_text(SENTENCES * 4_000)
        foretext(place, "learn-tokenizer text.txt --size 80 --out tokenizer")
        foretext(place, "prepare text.txt --tokenizer tokenizer --out corpus --validation 0 --workers 1")
        for turn in range(given.rounds):
            for processes in PROCESSES[:: 1 if turn % 2 else -1]:
                found[processes].append(speed(place, f"run-{turn}-{processes}", processes, given.updates))
    if given.json:
        ratios = [two / one for one, two in zip(found[1], found[2], strict=True)]
        print(json.dumps({"benchmark": "many", "ratios": {"two processes by one": spread(ratios)}}))
        return
    for processes, speeds in found.items():
        middle = statistics.median(speeds)
        print(f"{processes} at one thread each: {middle:.2f} updates/s ({min(speeds):.2f} to {max(speeds):.2f})")


def speed(place: Path, out: str, processes: int, updates: int) -> float:
    """Updates a second in the second half of a run."""
    half = max(1, updates // 2)
    length = f"--updates {2 * half} --warmup 1 --log-every {half} --devices {processes} --out {out}"
    foretext(place, f"pretrain corpus {SHAPE} {length}")
    lines = [json.loads(line) for line in (place / out / "metrics.jsonl").read_text().splitlines()]
    first, last = [line["seconds"] for line in lines if "loss" in line]
    return half / float(last - first)


def foretext(place: Path, command: str) -> None:
    """Runs a command, which must end well."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "FORETEXT_PROGRESS": "off"}
    subprocess.run([sys.executable, "-m", "foretext", *command.split()], cwd=place, env=environment, check=True)


if __name__ == "__main__":
    main()
