"""Whether a view has its contract's columns, with their dtypes; nothing is read but the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.check.failures import Failures, listed

if TYPE_CHECKING:
    from workbench.define import Contract


def check_columns(schema: pl.Schema, contract: Contract, failures: Failures) -> str:
    """Add each missing, extra or differently typed column to `failures`, with its remedy.

    Returns
    -------
    str
        One line about what was found; empty where the columns are the contract's.
    """
    missing = [name for name in contract.names if name not in schema]
    extra = [name for name in schema if name not in contract.names]
    other = [c.name for c in contract.columns if c.name in schema and c.dtype != schema[c.name]]
    for name in missing:
        reason = f"the contract has {name} ({contract[name].dtype}), the view does not: add it, or take it out"
        failures.add_whole(f"{name} present", column=name, value=None, reason=f"{reason} of the model")
    for name in extra:
        reason = f"the contract does not have {name}: add `{name}: ...` to the model, or drop it with .select(...)"
        failures.add_whole(f"{name} expected", column=name, value=str(schema[name]), reason=reason)
    for name in other:
        actual, wanted = schema[name], contract[name].dtype
        reason = f"is {actual}, the contract says {wanted}: {_cast(name, actual, wanted)}, or change the annotation"
        failures.add_whole(f"{name} dtype", column=name, value=str(actual), reason=reason)
    said = [("missing", missing), ("not in the contract", extra), ("of another dtype", other)]
    parts = [f"{what}: {listed(names)}" for what, names in said if names]
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
