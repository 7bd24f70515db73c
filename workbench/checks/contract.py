"""`check_contract`: whether a computed view keeps its contract. Nothing is coerced, filled or dropped.

The schema first, then the rules on values, then keys that rows share: none where the rows are seen to be sorted by
their key; else by one 64-bit hash a row, of those alone whose time another row has where these are few.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from workbench.checks.failures import Failures, list_names, summary
from workbench.checks.key_order import KeyOrder
from workbench.checks.result import SHOWN, Check
from workbench.checks.rules import Rules, check_rows, rules_of
from workbench.checks.streamed_check import CELLS, StreamedCheck, rows_at_once
from workbench.dtypes import row_width
from workbench.errors import MemoryLimit
from workbench.memory import memory_share, require_memory

if TYPE_CHECKING:
    from workbench.compute import StoredView
    from workbench.define import ColumnContract, Contract, FeatureModel


def check_columns(schema: pl.Schema, contract: Contract, failures: Failures) -> str:
    """Add each missing, extra or differently typed column to `failures`, with its remedy."""
    missing = [name for name in contract.names if name not in schema]
    extra = [name for name in schema if name not in contract.names]
    other = [c.name for c in contract.columns if c.name in schema and c.dtype != schema[c.name]]
    for name in missing:
        reason = (
            f"the contract has {name} ({contract[name].dtype}), the view does not: add it, or remove it from the model"
        )
        failures.add_whole(f"{name} present", column=name, value=None, reason=f"{reason} of the model")
    for name in extra:
        reason = f"the contract does not have {name}: add `{name}: ...` to the model, or drop it with .select(...)"
        failures.add_whole(f"{name} expected", column=name, value=str(schema[name]), reason=reason)
    for name in other:
        actual, wanted = schema[name], contract[name].dtype
        reason = f"is {actual}, the contract says {wanted}: {_cast(name, actual, wanted)}, or change the annotation"
        failures.add_whole(f"{name} dtype", column=name, value=str(actual), reason=reason)
    said = [("missing", missing), ("not in the contract", extra), ("of another dtype", other)]
    parts = [f"{what}: {list_names(names)}" for what, names in said if names]
    if len(other) == 1 and not missing and not extra:
        return f"{other[0]} is {schema[other[0]]}, the contract says {contract[other[0]].dtype}"
    return f"columns {'; '.join(parts)}" if parts else ""


def _cast(name: str, actual: pl.DataType, wanted: pl.DataType) -> str:
    """Return what to write in the view to make `actual` the dtype that is wanted."""
    column = f'pl.col("{name}")'
    if isinstance(wanted, pl.Datetime):
        if actual == pl.String:
            return f'{column}.str.to_datetime(time_unit="{wanted.time_unit}", time_zone="{wanted.time_zone}")'
        if isinstance(actual, pl.Datetime) and actual.time_zone is None and wanted.time_zone:
            unit = "" if actual.time_unit == wanted.time_unit else f'.dt.cast_time_unit("{wanted.time_unit}")'
            return f'{column}{unit}.dt.replace_time_zone("{wanted.time_zone}")'
        if isinstance(actual, pl.Datetime) and actual.time_zone != wanted.time_zone and wanted.time_zone:
            return f'{column}.dt.convert_time_zone("{wanted.time_zone}")'
    return f"cast it in the view with {column}.cast(pl.{wanted!r})"


_EXACT = 1_000_000
_HASH = "_workbench_hash"


@dataclass(frozen=True, slots=True)
class Duplicates:
    """How many rows share their key with another row, and the first few of them, together by key."""

    count: int
    rows: pl.DataFrame


def duplicates(frame: pl.LazyFrame, by: Sequence[str], *, keep: Sequence[str]) -> Duplicates:
    """Return the rows of `frame` that agree in the columns `by` with another row.

    Nulls agree with nulls. A 64-bit hash finds the candidates, and candidates are compared by value, so the verdict
    is exact; only where more than a million rows are candidates is their number taken from the hashes.
    """
    wanted = list(dict.fromkeys([*by, *keep]))
    hashed = pl.struct(by).hash()
    repeated = _repeated(frame, hashed)
    if repeated.is_empty():
        return Duplicates(0, frame.select(wanted).head(0).collect())
    if repeated.len() > _EXACT:
        first = repeated.unique(maintain_order=True).head(SHOWN)
        shown = frame.filter(hashed.is_in(first)).select(wanted).head(10 * SHOWN).collect(engine="streaming")
        return Duplicates(repeated.len(), _together(shown, by))
    candidates = frame.filter(hashed.is_in(repeated.unique())).select(wanted).collect(engine="streaming")
    same = candidates.filter(pl.struct(by).is_duplicated())
    return Duplicates(same.height, _together(same, by))


def _repeated(frame: pl.LazyFrame, hashed: pl.Expr) -> pl.Series:
    """Return the hashes that more than one row has, as often as rows have them: all at once, or class by class."""
    rows = int(frame.select(pl.len()).collect(engine="streaming").item())
    classes = -(-rows * _HASHED // max(memory_share(0.5), 1))
    found = []
    for number in range(classes):
        own = frame.select(hashed.alias(_HASH))
        own = own if classes == 1 else own.filter(pl.col(_HASH) // _LOWEST % classes == number)
        hashes = own.collect(engine="streaming")[_HASH]
        if hashes.n_unique() != hashes.len():
            found.append(hashes.filter(hashes.is_duplicated()))
    return pl.concat(found) if found else pl.Series(_HASH, [], dtype=pl.UInt64)


def _together(rows: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    return rows.sort(by, maintain_order=True).head(SHOWN)


_FRAMES = 2
"""How many times as many bytes as all rows take are in memory while they are checked at once."""
_HASHED = 48
"""Bytes that a row takes while hashes are counted."""
_MERGED = 24
"""Bytes that a row takes while times are merged."""
_BREAKS = 0.001
"""Where a larger part of the rows comes before the row before it in time, times are in no order."""
_SHARED = 0.1
"""Where a larger part of the rows shares its time, all rows are hashed."""
_LOWEST = 256
"""Above the bits of a hash by which Polars groups, so that classes are grouped as evenly as all rows are."""


def check_contract(
    contract: Contract,
    model: type[FeatureModel],
    data: StoredView | pl.LazyFrame | pl.DataFrame | str | Path,
    *,
    require_units: bool = False,
    cells: int = CELLS,
    whole: pl.LazyFrame | None = None,
    streamed: StreamedCheck | None = None,
) -> Check:
    """Check that `data` keeps `contract`, by pandera on collected frames.

    Where `data` came to rows that keep it, `whole` has all of them: what is said is of these. What `streamed` saw of
    the same rows while they were written is not looked at again, unless a rule is broken.

    Checked are: the columns and their dtypes; nulls, bounds and allowed values; that floats are finite (NaN and
    infinities are refused, nullable or not; null is allowed where the column is nullable); that no entity key and no
    event time is null; that no two rows have the same entity, event time and, where the view has one, created time;
    declared uniqueness; the user's own pandera checks; and that units can be read.

    A view without rows whose columns are right is not checked: an empty period breaks no promise and keeps none.
    A nullable column that holds nothing but nulls passes, and the detail names it.
    """
    start = time.perf_counter()
    keys = [column for column in contract.columns if column.role in ("entity", "event_time")]
    entities = tuple(column.name for column in keys if column.role == "entity")
    failures = Failures({column.name: column.dtype for column in keys}, entities)
    frame = _pin(data)
    detail = check_columns(frame.collect_schema(), contract, failures)
    total, is_read = 0, True
    if not detail:
        total = int(frame.select(pl.len()).collect().item())
        try:
            detail = _values(
                contract,
                model,
                frame,
                failures,
                total,
                require_units=require_units,
                cells=cells,
                whole=whole,
                streamed=streamed,
            )
        except MemoryLimit as error:
            detail, is_read = f"{error.message} {error.remedy}".rstrip("."), False
    checked = is_read and bool(total or failures.counts)
    return Check(
        name="contract",
        passed=checked and not failures.counts,
        checked=checked,
        detail=detail,
        failures=failures.frame(),
        seconds=time.perf_counter() - start,
        counts=failures.counts,
    )


def is_checked_by_row(contract: Contract, model: type[FeatureModel]) -> bool:
    """Whether rows that come to others keep the contract by themselves, where none has the key of another."""
    key = [column.name for column in contract.columns if column.role != "feature"]
    return rules_of(contract, model).by_row and _unique_groups(contract, model, key) == [key]


def _pin(data: StoredView | pl.LazyFrame | pl.DataFrame | str | Path) -> pl.LazyFrame:
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
    total: int,
    *,
    require_units: bool,
    cells: int,
    whole: pl.LazyFrame | None,
    streamed: StreamedCheck | None,
) -> str:
    """Check what the columns hold, and return the line that says what was found."""
    rules = rules_of(contract, model)
    key = [column.name for column in contract.columns if column.role != "feature"]
    unitless = _check_units(contract, failures, required=require_units)
    if streamed is not None and streamed.holds_for(total):
        order, nulls = streamed.order, streamed.nulls
    else:
        order, nulls = _check_pieces(contract, rules, frame, failures, total, cells)
    groups = _unique_groups(contract, model, key)
    for group in groups:
        if group == key and order.strict:
            continue
        looked_at = of_shared_times(frame, contract, total) if group == key else frame
        _check_unique(looked_at, group, failures, unless_null=len(group) == 1)
    count = rules.count + len(groups) + sum(_is_measure(column) for column in contract.features)
    if failures.counts:
        return summary(failures.counts, rules=count)
    empty = [name for name, number in nulls.items() if total and number == total]
    if whole is not None and total:
        total = int(whole.select(pl.len()).collect().item())
        empty = [
            name for name in empty if whole.select(pl.col(name).is_null().all()).collect(engine="streaming").item()
        ]
    notes = [f"always null: {list_names(empty)}"] if empty else []
    notes += [f"no unit: {list_names(unitless)}"] if unitless else []
    if not total:
        return "; ".join(["no rows: columns and dtypes match; nothing else could be checked", *notes])
    held = f"{count} rule{'' if count == 1 else 's'} hold{'s' if count == 1 else ''}"
    return "; ".join([f"{held} in {total:,} row{'' if total == 1 else 's'}", *notes])


def _check_pieces(
    contract: Contract, rules: Rules, frame: pl.LazyFrame, failures: Failures, total: int, cells: int
) -> tuple[KeyOrder, dict[str, int]]:
    """Check the rows by `rules`, and return the order of their keys and how many nulls each column has."""
    order = KeyOrder.of(contract)
    nulls = dict.fromkeys(contract.names, 0)
    if rules.by_row:
        step = rows_at_once(contract, cells)
    else:
        step = max(1, total)
        require_memory(
            total * row_width(contract.schema) * _FRAMES,
            f"A check of its own that looks at all {total:,} rows at once",
            remedy="Let the check look at one row at a time, as ge=, isin= and str_matches= do",
        )
    for piece in _pieces(frame.select(contract.names), total, step):
        check_rows(piece, rules, failures)
        order.add(piece)
        for name in contract.names:
            nulls[name] += piece[name].null_count()
    return order, nulls


def _pieces(frame: pl.LazyFrame, total: int, step: int) -> Iterator[pl.DataFrame]:
    for offset in range(0, total, step):
        yield frame.slice(offset, step).collect()


def _unique_groups(contract: Contract, model: type[FeatureModel], key: list[str]) -> list[list[str]]:
    """Return the columns that are unique together: the view's key, and what the model declares."""
    declared = model.to_schema().unique or []
    singles = [[column.name] for column in contract.columns if column.unique and [column.name] != key]
    return [*([key] if key else []), *singles, *([list(declared)] if declared and set(declared) != set(key) else [])]


def of_shared_times(frame: pl.LazyFrame, contract: Contract, total: int) -> pl.LazyFrame:
    """Return the rows whose event time another row has too, where these are seen to be few; else all rows.

    What threads wrote in turn is some runs in order of time, which are merged in a tenth of the time of a sort.
    """
    times = [column for column in contract.columns if column.role == "event_time"]
    if not times or not isinstance(times[0].dtype, pl.Datetime) or total * _MERGED > memory_share(0.5):
        return frame
    name = times[0].name
    column = frame.select(name).collect(engine="streaming").to_series()
    if column.null_count():
        return frame
    instants = column.cast(pl.Int64).to_numpy()
    if np.count_nonzero(instants[1:] < instants[:-1]) > total * _BREAKS:
        return frame
    ordered = np.sort(instants, kind="stable")
    shared = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(shared) > total * _SHARED:
        return frame
    return frame.filter(pl.col(name).is_in(pl.Series(np.unique(shared)).cast(column.dtype).implode()))


def _check_unique(frame: pl.LazyFrame, by: list[str], failures: Failures, *, unless_null: bool) -> None:
    looked_at = frame.filter(pl.col(by[0]).is_not_null()) if unless_null else frame
    found = duplicates(looked_at, by, keep=list(failures.keys))
    if not found.count:
        return
    names = ", ".join(by)
    shown = by[0] if len(by) == 1 else names
    reason = f"another row has the same {names}: aggregate or .unique({by!r}) in the view"
    values = None if len(by) == 1 else [name for name in by if name not in failures.keys]
    failures.add(f"unique {names}", found.rows, column=shown, reason=reason, count=found.count, values=values)


def _check_units(contract: Contract, failures: Failures, *, required: bool) -> list[str]:
    """Add units that cannot be read to `failures`, and return the numeric features that have none."""
    from workbench.define import parse_unit
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
