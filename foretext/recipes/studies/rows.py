"""A row of a study: plain values by column, an estimate as three of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretext.evaluation.intervals import Estimate

Value = str | int | float | None
Row = dict[str, Value]


def estimate(row: Mapping[str, Any], name: str) -> Estimate:
    """The value `name` of a row with the ends of its interval."""
    return Estimate(row[name], row[f"{name}_low"], row[f"{name}_high"], int(row.get("seeds") or row.get("count") or 1))


def with_interval(name: str, value: Estimate) -> Row:
    """The opposite: an estimate as columns of a row."""
    return {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
