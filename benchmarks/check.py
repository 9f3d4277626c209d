"""How fast `foretext check` looks at every row, and how much memory it takes for a million of them.

python benchmarks/check.py --rows 1000000
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORDS = [f"{first}{middle}{last}" for first in "bdfglmnprst" for middle in ("a", "e", "io", "ou") for last in "lmnrst"]


def main() -> None:
    """Writes the rows, checks them, prints one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--slow", action="store_true", help="with the slow checks, which look at a sample")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        write(path, options.rows)
        command = [sys.executable, "-m", "foretext", "check", str(path), "--json"]
        started = time.perf_counter()
        done = subprocess.run([*command, *([] if options.slow else ["--quick"])], capture_output=True, check=False)
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    read = json.loads(done.stdout)["read"]
    rate = options.rows / seconds
    print(
        json.dumps({"seconds": round(seconds, 1), "rows a second": round(rate), "peak MB": round(peak), "read": read})
    )


def write(path: Path, rows: int) -> None:
    """Rows of about twelve words with one of two labels; every hundredth repeats an earlier one."""
    draw = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("text,label\n")
        text = ""
        for row in range(rows):
            if row % 100 != 99:
                text = " ".join(draw.choices(WORDS, k=12))
            file.write(f"{text},{('good', 'bad')[row % 2]}\n")


if __name__ == "__main__":
    main()
