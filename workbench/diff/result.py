"""`ColumnDiff`: how one column of a view differs between two sides."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, Literal

import polars as pl

Category = Literal["none", "new", "removed", "metadata", "refactor", "additive", "value", "breaking"]
Status = Literal["same", "changed", "added", "removed", "renamed", "retyped"]


@dataclass(frozen=True, slots=True)
class ColumnDiff:
    """One column.

    Attributes
    ----------
    name
        On the right side; on the left where it is gone.
    status
        What became of it.
    before
        Its name on the left where it was renamed.
    left_dtype, right_dtype
        Its dtypes, as text; None where a side does not have it.
    compared_as
        The dtype in which values were compared, as text; None where they were not: they have no common dtype, or rows
        could not be matched.
    changed, share
        Rows in common with another value, and their share of them.
    mean, largest
        Of the finite absolute differences, where there are any: in the feature's unit, for times in seconds.
    quantiles
        Pairs of a share and the quantile of the finite differences, right less left, of the values that differ; exact
        up to a million of them, from a sample beyond.
    left_nulls, right_nulls, left_nans, right_nans
        Shares of all rows of that side; None where it does not have the column, or where it was not read since digests
        say that it is the same.
    worst
        The rows that differ most: keys, both values (``x (main)``, ``x (exp/y)``), ``right - left``. The largest
        difference first, then values that are null or NaN on one side; None where no value differs.
    category, why
        What kind of change it is, and why, in a sentence; empty where nothing changed.
    """

    name: str
    status: Status
    before: str | None = None
    left_dtype: str | None = None
    right_dtype: str | None = None
    compared_as: str | None = None
    changed: int = 0
    share: float = 0.0
    mean: float | None = None
    largest: float | None = None
    quantiles: tuple[tuple[float, float], ...] = ()
    left_nulls: float | None = None
    right_nulls: float | None = None
    left_nans: float | None = None
    right_nans: float | None = None
    worst: pl.DataFrame | None = field(default=None, compare=False, repr=False)
    category: Category = "none"
    why: str = ""

    @property
    def is_temporal(self) -> bool:
        """Whether differences are lengths of time, in seconds."""
        return (self.right_dtype or "").startswith(("Date", "Duration", "Time"))

    def to_dict(self) -> dict[str, Any]:
        """Return the column's difference as JSON-ready values; values that are no JSON as text."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        rows = [] if self.worst is None else self.worst.rows(named=True)
        return plain | {
            "quantiles": {str(share): value for share, value in self.quantiles},
            "worst": [{name: _plain(value) for name, value in row.items()} for row in rows],
        }

    def to_row(self) -> dict[str, Any]:
        """Return what fits in a cell each: all but the worst rows; quantiles as ``q0.05``, ..."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in {"worst", "quantiles"}}
        return plain | {f"q{share}": value for share, value in self.quantiles}


@dataclass(frozen=True, slots=True)
class Creep:
    """A column that is not within its tolerance of the first version of the major that has it.

    Attributes
    ----------
    column
        How it differs from that version.
    first
        The number of that version.
    tolerance
        What the column declares.
    """

    column: ColumnDiff
    first: str
    tolerance: float | None


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case _:
            return str(value)
