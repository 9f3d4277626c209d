"""Draws the loss of a pre-training run from its metrics.jsonl.

python scripts/loss_curve.py RUN docs/results/mini-loss.svg
"""

from __future__ import annotations

import sys
from pathlib import Path

from foretext.checkpoints.run_folder import RunFolder
from foretext.evaluation.figures import loss_curves, svg
from foretext.files import write_text


def main(run: str, target: str) -> None:
    lines = RunFolder(Path(run)).metrics.lines()
    series = {}
    for name, key in {"training": "loss", "held-out books": "valid_loss"}.items():
        points = [line for line in lines if key in line]
        series[name] = ([float(line["update"]) for line in points], [line[key] for line in points])
    write_text(Path(target), svg(loss_curves(series)))


if __name__ == "__main__":
    main(*sys.argv[1:])
