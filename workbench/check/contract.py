"""`check_contract`: whether a computed view keeps its contract. Nothing is coerced, filled or dropped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from workbench.check.columns import check_columns
from workbench.check.failures import Failures, listed, summary
from workbench.check.result import Check
from workbench.check.rules import check_rows, rules_of
from workbench.check.uniqueness import duplicates

if TYPE_CHECKING:
    from workbench.compute import StoredView
    from workbench.define import ColumnContract, Contract, FeatureModel

CELLS = 8_000_000
"""How many values are in memory at once while a stored view is checked: some 64 MB of numbers."""


def check_contract(
    contract: Contract,
    model: type[FeatureModel],
    data: StoredView | pl.LazyFrame | pl.DataFrame | str | Path,
    *,
    require_units: bool = False,
    cells: int = CELLS,
) -> Check:
    """Check that `data` keeps `contract`, by pandera on collected frames.

    Checked are: the columns and their dtypes; nulls, bounds and allowed values; that floats are finite (NaN and
    infinities are refused, nullable or not; null is allowed where the column is nullable); that no entity key and no
    event time is null; that no two rows have the same entity, event time and, where the view has one, created time;
    declared uniqueness; the user's own pandera checks; and that units can be read.

    A view without rows passes, and the detail says so: an empty period is no broken promise. So does a nullable
    column that holds nothing but nulls, which the detail names.

    Parameters
    ----------
    contract
        What the view promises.
    model
        The view's model, whose pandera checks run.
    data
        The computed view. A stored view or a Parquet path is read piece by piece; a LazyFrame is collected once.
    require_units
        Whether a numeric feature without a unit breaks the contract; otherwise the detail mentions it.
    cells
        How many values to hold in memory at once. A model with checks over whole columns or frames is read at once.

    Returns
    -------
    Check
        Named ``contract``.
    """
    start = time.perf_counter()
    keys = [column for column in contract.columns if column.role in ("entity", "event_time")]
    failures = Failures({column.name: column.dtype for column in keys})
    frame = _opened(data)
    detail = check_columns(frame.collect_schema(), contract, failures)
    if not detail:
        detail = _values(contract, model, frame, failures, require_units=require_units, cells=cells)
    return Check(
        name="contract",
        passed=not failures.counts,
        detail=detail,
        failures=failures.frame(),
        seconds=time.perf_counter() - start,
        counts=failures.counts,
    )


def _opened(data: StoredView | pl.LazyFrame | pl.DataFrame | str | Path) -> pl.LazyFrame:
    """Return a frame that can be read several times without computing anything again."""
    if isinstance(data, (str, Path)):
        return pl.scan_parquet(data, glob=False)
    if isinstance(data, pl.DataFrame):
        return data.lazy()
    return data.collect().lazy() if isinstance(data, pl.LazyFrame) else data.frame()


def _values(
    contract: Contract,
    model: type[FeatureModel],
    frame: pl.LazyFrame,
    failures: Failures,
    *,
    require_units: bool,
    cells: int,
) -> str:
    """Check what the columns hold, and return the line that says what was found."""
    rules = rules_of(contract, model)
    unitless = _check_units(contract, failures, required=require_units)
    total = int(frame.select(pl.len()).collect().item())
    nulls = dict.fromkeys(contract.names, 0)
    step = max(1, cells // len(contract.columns)) if rules.by_row else max(1, total)
    for piece in _pieces(frame.select(contract.names), total, step):
        check_rows(piece, rules, failures)
        for name in contract.names:
            nulls[name] += piece[name].null_count()
    groups = _unique_groups(contract, model)
    for group in groups:
        _check_unique(frame, group, failures, unless_null=len(group) == 1)
    count = rules.count + len(groups) + sum(_is_measure(column) for column in contract.features)
    if failures.counts:
        return summary(failures.counts, rules=count)
    empty = [name for name, number in nulls.items() if total and number == total]
    notes = [f"always null: {listed(empty)}"] if empty else []
    notes += [f"no unit: {listed(unitless)}"] if unitless else []
    if not total:
        return "; ".join(["no rows: columns and dtypes are right, there was nothing else to check", *notes])
    held = f"{count} rule{'' if count == 1 else 's'} hold{'s' if count == 1 else ''}"
    return "; ".join([f"{held} in {total:,} row{'' if total == 1 else 's'}", *notes])


def _pieces(frame: pl.LazyFrame, total: int, step: int) -> Iterator[pl.DataFrame]:
    for offset in range(0, total, step):
        yield frame.slice(offset, step).collect()


def _unique_groups(contract: Contract, model: type[FeatureModel]) -> list[list[str]]:
    """Return the columns that are unique together: the view's key, and what the model declares."""
    key = [column.name for column in contract.columns if column.role != "feature"]
    declared = model.to_schema().unique or []
    singles = [[column.name] for column in contract.columns if column.unique and [column.name] != key]
    return [key, *singles, *([list(declared)] if declared and set(declared) != set(key) else [])]


def _check_unique(frame: pl.LazyFrame, by: list[str], failures: Failures, *, unless_null: bool) -> None:
    looked_at = frame.filter(pl.col(by[0]).is_not_null()) if unless_null else frame
    found = duplicates(looked_at, by, keep=list(failures.keys))
    if not found.count:
        return
    names = ", ".join(by)
    shown = by[0] if len(by) == 1 else names
    reason = f"another row has the same {names}: aggregate or .unique({by!r}) in the view"
    failures.add(f"unique {names}", found.rows, column=shown, reason=reason, count=found.count)


def _check_units(contract: Contract, failures: Failures, *, required: bool) -> list[str]:
    """Add units that cannot be read to `failures`, and return the numeric features that have none."""
    from workbench.define.units import parse_unit
    from workbench.errors import DefinitionError

    unitless = [column.name for column in contract.features if _is_measure(column) and column.unit is None]
    for column in contract.features:
        if column.unit is None:
            continue
        try:
            parse_unit(column.unit)
        except DefinitionError as error:
            reason = f"{error.message} {error.remedy}".strip()
            failures.add_whole(f"{column.name} unit", column=column.name, value=column.unit, reason=reason)
    for name in unitless if required else ():
        reason = f"has no unit: write {name}: ... = Feature(unit='count'), 'minute', 'dimensionless', ..."
        failures.add_whole(f"{name} unit", column=name, value=None, reason=reason)
    return unitless


def _is_measure(column: ColumnContract) -> bool:
    return column.dtype.is_numeric()
