"""What a check has found, and what all of them say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from foretext.notebook import shows_itself
from foretext.texts.showing import visible

Severity = Literal["sound", "doubtful", "unusable"]
EXIT_CODES: dict[Severity, int] = {"unusable": 2, "doubtful": 1, "sound": 0}  # the gravest first
PLACES = 20  # that a finding names; all are counted
EXAMPLES = 5  # that a finding shows


@dataclass(frozen=True)
class Finding:
    """One thing that a check has found.

    `says` holds no text of the data; what does stands in `examples`, which a private report leaves out. `counts` are
    by what is counted: {"groups": 3, "rows": 7}.
    """

    check: str  # the check, by its name: "repeats"
    severity: Severity
    says: str
    counts: Mapping[str, int] = field(default_factory=dict)
    places: tuple[str, ...] = ()  # "train.csv:12", the first of them
    examples: tuple[str, ...] = ()  # texts of the data, shortened, control characters shown

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "counts": dict(self.counts), "examples": list(self.examples)}

    def lines(self) -> list[str]:
        """The finding for a terminal, without its severity."""
        counts = ", ".join(f"{what}: {count:,}" for what, count in self.counts.items())
        places = ", ".join(map(visible, _shorter(self.places[:EXAMPLES])))
        more = ", …" if len(self.places) > EXAMPLES else ""
        lines = [
            f"{self.check}: {self.says}",
            f"  {counts}" if counts else "",
            f"  at {places}{more}" if places else "",
        ]
        return [line for line in lines if line] + [f"    {example}" for example in self.examples[:EXAMPLES]]

    def private(self) -> Finding:
        """The same without any text of the data."""
        return replace(self, examples=())


@shows_itself
@dataclass(frozen=True, repr=False)
class Checked:
    """All findings about some data, the gravest first; `read` says what was looked at, `sampled` what only in part."""

    findings: tuple[Finding, ...]
    read: Mapping[str, Mapping[str, int]]  # by file or part: rows read, rows refused, …
    sampled: tuple[str, ...] = ()
    report: str = ""  # the page with all of it, if one was written

    @property
    def verdict(self) -> Severity:
        """The gravest severity that was found."""
        return max((finding.severity for finding in self.findings), key=EXIT_CODES.__getitem__, default="sound")

    @property
    def exit_code(self) -> int:
        """0 sound, 1 doubtful, 2 unusable."""
        return EXIT_CODES[self.verdict]

    @classmethod
    def of(
        cls,
        findings: Sequence[Finding],
        read: Mapping[str, Mapping[str, int]],
        sampled: Sequence[str],
        *,
        private: bool,
    ) -> Checked:
        """The findings in their order; private ones hold no text of the data."""
        ordered = sorted(findings, key=lambda finding: -EXIT_CODES[finding.severity])
        shown = tuple(finding.private() if private else finding for finding in ordered)
        return cls(shown, read, tuple(sampled))

    def lines(self) -> list[str]:
        lines = []
        for name, counts in self.read.items():
            lines.append(f"{visible(name)}: " + ", ".join(f"{what} {count:,}" for what, count in counts.items()))
        lines += [f"looked at in part: {part}" for part in self.sampled]
        for severity in EXIT_CODES:
            found = [finding for finding in self.findings if finding.severity == severity]
            if found:
                lines += ["", *_titled(severity, found)]
        grave = sum(finding.severity != "sound" for finding in self.findings)
        of = f" ({grave} of {len(self.findings)} findings)" if grave else ""
        report = [f"report written to {self.report}"] if self.report else []
        return [*lines, "", f"verdict: {self.verdict}{of}", *report]

    def to_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "read": {name: dict(counts) for name, counts in self.read.items()},
            "sampled": list(self.sampled),
            "findings": [finding.to_json() for finding in self.findings],
            "report": self.report or None,
        }


def _shorter(places: Sequence[str]) -> list[str]:
    """Places with a file named only where it is not that of the place before."""
    files = [place.rpartition(":")[0] for place in places]
    return [
        place.rpartition(":")[2] if k and files[k] and files[k] == files[k - 1] and " and " not in place else place
        for k, place in enumerate(places)
    ]


def _titled(severity: str, found: Sequence[Finding]) -> list[str]:
    return [severity, *(f"  {line}" for finding in found for line in finding.lines())]
