"""What makes a run this run, and in words how that differs from what is asked for now: for those who resume it.

An identity is a tree as JSON has it: the command, its settings, fingerprints of data and of the model it starts from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretext.errors import SettingsError

LENGTH = {"settings.updates", "settings.epochs", "settings.least_updates"}  # what says how long a run is
KINDS = {"pretrain": "a pre-training", "finetune": "a fine-tuning", "demo": "a demonstration"}
FINGERPRINTS = {  # what a hash stands for; the hashes themselves say nothing to a person
    "corpus": "the corpus is another one",
    "data": "the examples are others",
    "model": "the model to start from is another one",
    "start": "the model to start from is another one",
}
LONGEST = 60  # characters of a value that are shown
MAY_CHANGE = (
    "what may change is how it runs (--device, --precision, --micro-batch, --checkpoint-every, --validate-every, …)"
)


@dataclass(frozen=True)
class Difference:
    """One value that was another before, by its place in the tree: `settings.optimizer.beta1`."""

    place: str
    before: Any
    now: Any

    def __str__(self) -> str:
        if self.place in FINGERPRINTS:
            return FINGERPRINTS[self.place]
        if self.place == "command":
            before, now = (KINDS.get(value, str(value)) for value in (self.before, self.now))
            return f"it is {before} and was to be {now}"
        name = self.place.rpartition(".")[2].replace("_", " ")
        return f"{name}: {_shown(self.before)} before, {_shown(self.now)} now"


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], unnamed: Mapping[str, Any] | None = None
) -> list[Difference]:
    """Each value in which two identities differ, in the order of the tree; of runs of two commands, that alone.

    `unnamed` says by its name what a setting was that `before`, written by an earlier version, does not name.
    """
    now = json.loads(json.dumps(now))
    if before.get("command") != now.get("command"):
        return [Difference("command", before.get("command"), now.get("command"))]
    return list(_compared(before, now, "", json.loads(json.dumps(unnamed or {}))))


def check_same_run(
    path: Path,
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    *,
    extend: bool = False,
    unnamed: Mapping[str, Any] | None = None,
) -> list[Difference]:
    """What differs, if the run in `path` that was begun as `before` says is the one that `now` asks for: nothing.

    With `extend` it may be of another length. `unnamed` is as `differences` has it.

    Raises:
        SettingsError: it is another; each difference is named, and what to do.
    """
    found = differences(before, now, unnamed)
    of_length = all(each.place in LENGTH for each in found)
    if not found or (extend and of_length):
        return found
    listed = str(found[0]) if len(found) == 1 else "".join(f"\n  {each}" for each in found) + "\n "
    advice = "give what it was begun with, or another --out"
    if of_length:
        advice += "; --extend instead of --resume goes on from its end with more updates or epochs"
    raise SettingsError(f"{path} holds a run that was begun otherwise: {listed}; {advice}; {MAY_CHANGE}")


def _compared(
    before: Mapping[str, Any], now: Mapping[str, Any], table: str, unnamed: Mapping[str, Any]
) -> Iterator[Difference]:
    in_settings = table.startswith("settings.")
    for name in dict.fromkeys((*before, *now)):
        was, has = before.get(name, unnamed.get(name) if in_settings else None), now.get(name)
        if isinstance(has, Mapping) and (isinstance(was, Mapping) or (in_settings and name not in before)):
            yield from _compared(before.get(name, {}), has, f"{table}{name}.", unnamed)
        elif was != has:
            yield Difference(table + name, was, has)


def _shown(value: Any) -> str:
    """A value as a person writes it; long ones cut."""
    if value is None or value in ("", []):
        return "not given"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
