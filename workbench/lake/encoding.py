"""Logical dtypes and the portable ones they are stored as: what Delta can hold, and every reader understands.

A contract's dtype is the truth; what the files hold is derived from it by `physical` and turned back by `decode`, which
is exact for every value:

==============================  =====================  ======================================================
logical                         stored as              why
==============================  =====================  ======================================================
Enum, Categorical               String                 deltalake panics on them
UInt8, UInt16, UInt32           Int16, Int32, Int64    Delta has no unsigned integers
UInt64                          Decimal(20, 0)         the same, and Int64 is too narrow
Int128                          String                 Decimal(38, 0) is too narrow
Time, Duration                  Int64                  Delta has neither; nanoseconds, and the duration's unit
Datetime in ms or ns            Int64                  Delta's are microseconds: too coarse, or too short a span
Datetime in us, another zone    Datetime("us", "UTC")  Delta's timestamps are UTC; the instant is the same
Array                           List                   Delta's arrays have no fixed width
Null                            Boolean                Delta has no column without a type
==============================  =====================  ======================================================

List, Array and Struct are stored with what they hold mapped in the same way. All else is stored as it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from workbench.define import Contract
from workbench.dtypes import dtype_to_json
from workbench.errors import LakeError
from workbench.lazy import deferred

if TYPE_CHECKING:
    import polars as pl
    from polars.datatypes import DataTypeClass
else:
    pl = deferred("polars")


@cache
def _narrow() -> Mapping[type[pl.DataType], pl.DataType]:
    """Return what is stored instead of dtypes that Delta cannot hold."""
    return {
        pl.UInt8: pl.Int16(),
        pl.UInt16: pl.Int32(),
        pl.UInt32: pl.Int64(),
        pl.UInt64: pl.Decimal(20, 0),
        pl.Int128: pl.String(),
        pl.Enum: pl.String(),
        pl.Categorical: pl.String(),
        pl.Time: pl.Int64(),
        pl.Duration: pl.Int64(),
        pl.Null: pl.Boolean(),
    }


@cache
def _delta_names() -> Mapping[type[pl.DataType], str]:
    """Return Delta's names of dtypes."""
    return {
        pl.Int8: "byte",
        pl.Int16: "short",
        pl.Int32: "integer",
        pl.Int64: "long",
        pl.Float32: "float",
        pl.Float64: "double",
        pl.Boolean: "boolean",
        pl.String: "string",
        pl.Binary: "binary",
        pl.Date: "date",
    }


def physical(dtype: pl.DataType) -> pl.DataType:
    """Return the dtype that values of `dtype` are stored as.

    Examples
    --------
    >>> physical(pl.List(pl.Enum(["a", "b"])))
    List(String)
    >>> physical(pl.Datetime("us", "Europe/Berlin"))
    Datetime(time_unit='us', time_zone='UTC')
    """
    match dtype:
        case pl.Datetime(time_unit="us"):
            return pl.Datetime("us", None if dtype.time_zone is None else "UTC")
        case pl.Datetime():
            return pl.Int64()
        case pl.List() | pl.Array():
            return pl.List(physical(_instance(dtype.inner)))
        case pl.Struct():
            return pl.Struct([pl.Field(field.name, physical(_instance(field.dtype))) for field in dtype.fields])
        case _:
            return _narrow().get(type(dtype), dtype)


def stored_schema(contract: Contract) -> pl.Schema:
    """Return the schema of the files that hold the contract's columns."""
    return pl.Schema({name: physical(dtype) for name, dtype in contract.schema.items()})


def encode(frame: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """Return the contract's columns of `frame`, in its order, as they are stored."""
    return frame.select(_column(name, dtype, encoded=True) for name, dtype in contract.schema.items())


def decode(frame: pl.LazyFrame, contract: Contract, *, besides: Sequence[str] = ()) -> pl.LazyFrame:
    """Return the contract's columns of a stored `frame`, in its order, with their logical dtypes, after `besides`."""
    return frame.select(*besides, *(_column(name, dtype, encoded=False) for name, dtype in contract.schema.items()))


def schema_hash(contract: Contract) -> str:
    """Return the SHA-256 (hex) of the contract's names and dtypes, in any order: what the stored values mean."""
    columns = sorted((name, json.dumps(_dtype_name(dtype))) for name, dtype in contract.schema.items())
    return hashlib.sha256(json.dumps(columns).encode()).hexdigest()


def delta_schema(contract: Contract) -> str:
    """Return the contract's stored columns as Delta's JSON."""
    folded: dict[str, str] = {}
    for name in contract.names:
        if folded.setdefault(name.casefold(), name) != name:
            what = f"the columns {folded[name.casefold()]!r} and {name!r} differ only in case, which Delta ignores"
            raise _not_storable(what)
    return json.dumps(_delta(pl.Struct([pl.Field(name, dtype) for name, dtype in stored_schema(contract).items()])))


def has_plain_datetime(dtype: pl.DataType) -> bool:
    """Return whether a stored dtype holds datetimes without a zone, which Delta knows as a feature of its own."""
    match dtype:
        case pl.Datetime():
            return dtype.time_zone is None
        case pl.List() | pl.Array():
            return has_plain_datetime(_instance(dtype.inner))
        case pl.Struct():
            return any(has_plain_datetime(_instance(field.dtype)) for field in dtype.fields)
        case _:
            return False


def _delta(dtype: pl.DataType) -> object:
    match dtype:
        case pl.Datetime():
            return "timestamp_ntz" if dtype.time_zone is None else "timestamp"
        case pl.Decimal():
            return f"decimal({dtype.precision},{dtype.scale})"
        case pl.List():
            return {"type": "array", "elementType": _delta(_instance(dtype.inner)), "containsNull": True}
        case pl.Struct():
            fields = [(field.name, _delta(_instance(field.dtype))) for field in dtype.fields]
            listed = [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in fields]
            return {"type": "struct", "fields": listed}
        case _ if type(dtype) in _delta_names():
            return _delta_names()[type(dtype)]
        case _:
            raise _not_storable(f"the lake cannot hold {dtype}")


def _column(name: str, dtype: pl.DataType, *, encoded: bool) -> pl.Expr:
    found = physical(dtype)
    if found == dtype:
        return pl.col(name)
    return pl.col(name).cast(found) if encoded else restore(pl.col(name), dtype).alias(name)


def restore(stored_as: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return stored values in their dtype; level by level where there are arrays.

    Polars 2.1 refuses to cast lists of lists to arrays of arrays where some of the outer ones are null.
    """
    if not _has_array(dtype):
        return stored_as.cast(dtype)
    match dtype:
        case pl.Array():
            return stored_as.list.eval(restore(pl.element(), _instance(dtype.inner))).list.to_array(dtype.shape[0])
        case pl.List():
            return stored_as.list.eval(restore(pl.element(), _instance(dtype.inner)))
        case pl.Struct():
            fields = [
                restore(stored_as.struct.field(field.name), _instance(field.dtype)).alias(field.name)
                for field in dtype.fields
            ]
            return pl.when(stored_as.is_not_null()).then(pl.struct(fields))
    raise TypeError(f"{dtype} is not nested")


def _has_array(dtype: pl.DataType) -> bool:
    match dtype:
        case pl.Array():
            return True
        case pl.List():
            return _has_array(_instance(dtype.inner))
        case pl.Struct():
            return any(_has_array(_instance(field.dtype)) for field in dtype.fields)
        case _:
            return False


def _dtype_name(dtype: pl.DataType) -> object:
    return "Null" if isinstance(dtype, pl.Null) else dtype_to_json(dtype)


def _instance(dtype: pl.DataType | DataTypeClass) -> pl.DataType:
    return dtype if isinstance(dtype, pl.DataType) else dtype()


def _not_storable(what: str) -> LakeError:
    """Return the error for a contract with columns that a Delta table cannot have."""
    return LakeError(f"The contract cannot be published: {what}.", remedy="Rename the column or give it another dtype.")
