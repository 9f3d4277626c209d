"""Copies a finished pre-training run into a data-only distribution, weights in bf16.

python scripts/ship_model.py RUN models/foretext-mini/foretext_mini
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from foretext.checkpoints.saved_model import load_model, save_model


def main(run: str, target: str) -> None:
    save_model(Path(target), load_model(Path(run)), dtype=torch.bfloat16)
    for file in sorted(Path(target).iterdir()):
        print(f"{file}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
