"""Stored rows of a view beside the rows that its definition gives: what is missing, extra, or has another value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from workbench.checks.probes.differences import noise_of
from workbench.checks.result import SHOWN
from workbench.equality import BITS, differs
from workbench.records import plain_keys

_NUMBER = "__workbench_number"
_STORED = "__workbench_stored_"
_COMPUTED = "__workbench_computed_"
NO_ROW = "no row"


@dataclass(frozen=True, slots=True)
class Unequal:
    """How stored rows differ from computed ones.

    Attributes
    ----------
    counts
        Values that differ, by column; and whole rows, as ``rows missing`` (not stored) and ``rows extra``.
    rows
        The first of them: the keys, then ``column``, ``stored`` and ``computed`` as text.
    """

    counts: dict[str, int]
    rows: pl.DataFrame

    def __bool__(self) -> bool:
        return bool(self.counts)

    @property
    def total(self) -> int:
        """How many values and rows differ."""
        return sum(self.counts.values())

    def example(self) -> str:
        """Return the first difference in words."""
        *keys, (_, column), (_, stored), (_, computed) = self.rows.row(0, named=True).items()
        where = ", ".join(f"{name} {value}" for name, value in keys)
        return f"{where}: {column} is {stored}, and {computed} in full"


def find_unequal(stored: pl.DataFrame, computed: pl.DataFrame, *, keys: Sequence[str]) -> Unequal:
    """Return how `stored` differs from `computed`, whatever order their rows are in.

    Values are compared by the rule of `workbench.equality` without a tolerance, and with the noise that a running
    window may leave. The sign of a zero counts.
    """
    empty = [pl.col(name).cast(stored.schema[name]) for name, dtype in computed.schema.items() if dtype == pl.Null]
    computed = computed.with_columns(empty).select(stored.columns)
    if _bits(stored, keys).equals(_bits(computed, keys)):  # so it is nearly always, and this is quick
        return Unequal({}, pl.DataFrame())
    features = [name for name in stored.columns if name not in keys]
    left, right = _number_rows(stored, keys, _STORED), _number_rows(computed, keys, _COMPUTED)
    both = left.join(right, on=[*keys, _NUMBER], how="full", coalesce=True, nulls_equal=True)
    there = pl.col(_STORED).is_not_null() & pl.col(_COMPUTED).is_not_null()
    shared = both.filter(there)
    counts: dict[str, int] = {}
    tables: list[pl.DataFrame] = []
    for name in features:
        found = shared.filter(_differ(name, stored[name], computed[name]))
        if found.height:
            counts[name] = found.height
            tables.append(_difference_rows(found, keys, name))
    for label, mark, column in (("rows missing", _STORED, _COMPUTED), ("rows extra", _COMPUTED, _STORED)):
        found = both.filter(pl.col(mark).is_null())
        if found.height:
            counts[label] = found.height
            tables.append(_difference_rows(found, keys, None, there=column))
    rows = pl.concat(tables).head(SHOWN) if tables else pl.DataFrame()
    return Unequal(counts, rows)


def _bits(frame: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return the rows sorted by their keys, floats as their bits."""
    floats = [pl.col(name).reinterpret(dtype=BITS[dtype]) for name, dtype in frame.schema.items() if dtype in BITS]
    return frame.sort(keys).with_columns(floats)


def _number_rows(frame: pl.DataFrame, keys: Sequence[str], mark: str) -> pl.DataFrame:
    """Return the marked rows, with rows of equal keys numbered by their values."""
    plain = [name for name, dtype in frame.schema.items() if name not in keys and not dtype.is_nested()]
    values = [name for name in frame.columns if name not in keys]
    number = pl.lit(0, pl.UInt32)
    if frame.height and frame.select(pl.struct(keys).is_duplicated().any()).item():
        frame = frame.sort(plain, nulls_last=True) if plain else frame
        number = pl.int_range(pl.len(), dtype=pl.UInt32).over(keys)
    numbered = frame.with_columns(number.alias(_NUMBER), pl.lit(value=True).alias(mark))
    return numbered.rename({name: f"{mark}{name}" for name in values})


def _differ(name: str, stored: pl.Series, computed: pl.Series) -> pl.Expr:
    if stored.dtype != computed.dtype:
        return pl.lit(value=True)
    left, right = pl.col(f"{_STORED}{name}"), pl.col(f"{_COMPUTED}{name}")
    found = differs(left, right, stored.dtype, slack=noise_of(computed))
    bits = BITS.get(stored.dtype)
    if bits is None:
        return found
    zero = (left == 0) & (right == 0) & (left.reinterpret(dtype=bits) != right.reinterpret(dtype=bits))
    return found | zero.fill_null(value=False)


def _difference_rows(rows: pl.DataFrame, keys: Sequence[str], name: str | None, *, there: str = "") -> pl.DataFrame:
    """Return the first of some rows as text: a column's two values, or that one side has no such row."""
    rows = rows.head(SHOWN)
    plain = plain_keys(rows.select(keys)).rename(lambda key: f"key_{key}" if key in _LABELS else key)
    sides = {}
    for label, mark in (("stored", _STORED), ("computed", _COMPUTED)):
        if name is None:
            sides[label] = ["a row" if mark == there else NO_ROW] * rows.height
        else:
            sides[label] = ["null" if value is None else str(value)[:200] for value in rows[f"{mark}{name}"]]
    told = pl.DataFrame({"column": [name or "(row)"] * rows.height, **sides}, schema=dict.fromkeys(_LABELS, pl.String))
    return pl.concat([plain, told], how="horizontal")


_LABELS = ("column", "stored", "computed")
