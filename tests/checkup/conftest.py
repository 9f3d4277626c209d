"""Data to check, written to files, and findings found by what they say."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from foretext.checkup.finding import Checked, Finding
from foretext.recipes.check import check
from foretext.recipes.settings.check import CheckSettings

Look = Callable[..., Checked]

PLACES = "the sea|a harbour|the old farm|a narrow street|the court|the hill|our garden|a small shop".split("|")
GOOD = "lovely warm bright kind clever funny gentle brave".split()
BAD = "dull cold weak cruel stupid boring rough cowardly".split()


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Checks text written to files: `look("a.csv text", valid="…", quick=True)`."""

    def looked(text: str | bytes, name: str = "train.csv", **settings: Any) -> Checked:
        given: dict[str, Any] = {"inputs": (str(_written(tmp_path / name, text)),)}
        for part in ("valid", "test"):
            if part in settings:
                given[part] = str(_written(tmp_path / f"{part}{Path(name).suffix}", settings.pop(part)))
        return check(CheckSettings.named({**given, **settings}))

    return looked


def _written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return path


def reviews(count: int = 300, seed: int = 0) -> list[tuple[str, str]]:
    """Made-up reviews, each different from all others, whose words tell their label."""
    draw = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        label = ("good", "bad")[len(found) % 2]
        words = GOOD if label == "good" else BAD
        one, two, three = draw.sample(words, 3)
        place = draw.choice(PLACES)
        names = draw.sample(["Anna", "Tom", "Peter", "Mary", "Jack", "Ruth"], 2)
        text = f"The story of {names[0]} and {names[1]} in {place} was {one} and {two}, and the end of it {three}."
        found.setdefault(text, label)
    return list(found.items())


def csv_of(rows: Sequence[Sequence[str]], header: str = "text,label") -> str:
    """Rows as CSV, texts quoted."""
    lines = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    return "\n".join([header, *lines]) + "\n"


def found(checked: Checked, check: str, says: str = "") -> Finding:
    """The one finding of a check whose words hold `says`."""
    (one,) = [finding for finding in checked.findings if finding.check == check and says in finding.says]
    return one


def names(checked: Checked) -> set[str]:
    """The checks that have doubts or worse."""
    return {finding.check for finding in checked.findings if finding.severity != "sound"}
