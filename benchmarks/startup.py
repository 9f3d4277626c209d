"""How long a command takes from cold, in a process of its own: `--help`, and one line answered by a `small` model.

    python benchmarks/startup.py
    python benchmarks/startup.py --preset tiny --rounds 1

FORETEXT_DATA names the folder with `gpt1-bpe` and `tasks/SST-2`. The peer is a program of a few lines that loads
transformers, the same weights and the vocabulary from a folder, and answers the same line. Beside them, what
`import torch` takes alone. Files are in the system's cache: every contender has run once before.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from latency import peer_tokenizer
from peers import classifier, data_folder, in_transformers, sentences
from rounds import Contender, Work, measure, parser, report, show

from foretext.checkpoints.saved_model import save_model
from foretext.model.settings import PRESETS

PEER = """
import sys
from transformers import AutoModelForSequenceClassification, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1]).eval()
print(model(**tokenizer([sys.argv[2]], return_tensors="pt")).logits.softmax(-1).tolist())
"""


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument(
        "--preset", choices=list(PRESETS), default="small", help="size of the model (default: small)"
    )
    given = arguments.parse_args()
    data = data_folder()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = sentences(data, 1)[0].strip()
        saved = classifier(data, given.preset)
        save_model(folder / "run", saved)
        (folder / "line.jsonl").write_text(f'{{"sentence": "{text}"}}\n', encoding="utf-8")
        in_transformers(saved.gpt).save_pretrained(folder / "peer")
        peer_tokenizer(data / "gpt1-bpe").save_pretrained(folder / "peer")
        measured = measure(
            {
                "foretext --help": command("-m", "foretext", "--help"),
                "foretext predict": command("-m", "foretext", "predict", folder / "run", folder / "line.jsonl"),
                "transformers": command("-c", PEER, folder / "peer", text),
                "import torch": command("-c", "import torch"),
            },
            rounds=given.rounds,
        )
    found = report(
        "startup",
        measured,
        unit="starts/s",
        ratios={"predict by transformers": ("foretext predict", "transformers")},
        packages=("transformers",),
        preset=given.preset,
        seconds={name: round(1 / statistics.median(speeds), 3) for name, speeds in measured.speeds.items()},
    )
    show(found, given.json)


def command(*arguments: object) -> Contender:
    """A Python process from start to end."""

    def turn(_: int) -> Work:
        began = time.perf_counter()
        subprocess.run([sys.executable, *map(str, arguments)], check=True, capture_output=True)
        return Work(1, seconds=time.perf_counter() - began)

    return turn


if __name__ == "__main__":
    main()
