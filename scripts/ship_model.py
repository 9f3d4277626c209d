"""Copies a finished pre-training run into a data-only distribution, weights in bf16.

python scripts/ship_model.py RUN models/foretext-mini/foretext_mini
python scripts/ship_model.py RUN models/foretext-mini/foretext_mini --recommended found/recommended.json

With `--recommended` the model recommends the settings of fine-tuning in that file (`scripts/recommend.py` finds some);
RUN may be the distribution itself.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from foretext.checkpoints.saved_model import load_model, save_model
from foretext.errors import SettingsError
from foretext.files import load_json
from foretext.recipes.settings.finetune import FinetuneSettings, recommendable


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--recommended", type=Path)
    given = parser.parse_args()
    saved = load_model(given.run)
    if given.recommended is not None:
        found = load_json(given.recommended)
        if unknown := found.keys() - recommendable():
            raise SettingsError(f"{given.recommended}: {', '.join(sorted(unknown))} cannot be recommended")
        FinetuneSettings.named({"model": str(given.run), "out": "run", "recipe": "paper", **found})
        saved = replace(saved, recommended=found)
    save_model(given.target, saved, dtype=torch.bfloat16)
    for file in sorted(given.target.iterdir()):
        print(f"{file}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
