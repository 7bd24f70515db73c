"""Aggregations over windows that neither wrap nor lose digits: rewritten to be exact, or to fail.

Polars adds integers in their own dtype, in which a sum can wrap around without a word (Int32, UInt32, Int64, durations,
decimals), and floats in their own width. Here integers are added as Int128, which holds the sum of any number of 64-bit
values, and brought back by a cast that fails where the result does not fit; Float32 is taken as Float64 before it is
added; means of integers and decimals are exact sums over counts; the spread of long integers is taken about a centre.

An expression is rewritten in its serialised form, a tree in MessagePack whose nodes are named as in Polars' own source.
What an expression computes row by row stays as the author wrote it, but that sums, differences and products of integers
are taken as Int128 where they are added up. So does an expression with a Python function in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from workbench.dtypes import instance
from workbench.errors import WindowError

_NARROW = (pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32)
_WIDEST = (pl.Int128, pl.UInt128)
_LONG = (pl.Int64, pl.UInt64, *_WIDEST)
_SAFE = float(2**126)
"""Up to which size Int128 certainly holds what a float says is about so large."""
_CENTRED = "__centred_"


def widen(dtype: pl.DataType) -> pl.DataType:
    """Return the dtype in which values are aggregated: ``Int64`` for narrow integers, ``Float64`` for floats.

    Examples
    --------
    >>> widen(pl.List(pl.UInt8()))
    List(Int64)
    """
    match dtype:
        case pl.List():
            return pl.List(widen(instance(dtype.inner)))
        case pl.Array():
            return pl.Array(widen(instance(dtype.inner)), dtype.shape[0])
        case pl.Struct():
            return pl.Struct([pl.Field(field.name, widen(instance(field.dtype))) for field in dtype.fields])
    if isinstance(dtype, _NARROW):
        return pl.Int64()
    return pl.Float64() if dtype.is_float() else dtype


@dataclass(frozen=True, slots=True)
class Exact:
    """An aggregation that is exact, and the columns that it reads centred (`centre_integers`)."""

    value: pl.Expr
    centred: frozenset[str] = frozenset()


def centre_integers(column: str, group: str) -> pl.Expr:
    """Return the distances of the integers of `column` from their group's first, as floats, renamed.

    Floats do not hold integers beyond 2**53, but hold how far they are apart: spread does not depend on the centre.
    """
    wide = pl.col(column).cast(pl.Int128)
    return (wide - wide.drop_nulls().first().over(group)).cast(pl.Float64).alias(f"{_CENTRED}{column}")


def is_opaque(value: pl.Expr) -> bool:
    """Return whether `value` has a Python function in it, or cannot be looked into."""
    try:
        return _holds_python(msgspec.msgpack.decode(value.meta.serialize()))
    except (pl.exceptions.PolarsError, msgspec.DecodeError, TypeError, ValueError):
        return True


def exact(name: str, value: pl.Expr, schema: Mapping[str, pl.DataType]) -> Exact:
    """Return the aggregation `value` so that it is exact, or fails where its result does not fit."""
    try:
        tree = msgspec.msgpack.decode(value.meta.serialize())
    except (pl.exceptions.PolarsError, msgspec.DecodeError, TypeError, ValueError):
        return Exact(value)
    if _holds_python(tree):
        return Exact(value)
    rewriting = _Rewriting(name, pl.LazyFrame(schema=dict(schema)))
    changed = rewriting.of(tree)
    return Exact(_expression(changed), frozenset(rewriting.centred)) if rewriting.any else Exact(value)


class _Rewriting:
    """Walks the tree of one expression."""

    def __init__(self, name: str, frame: pl.LazyFrame) -> None:
        self.name = name
        self.frame = frame
        self.any = False
        self.centred: set[str] = set()

    def of(self, tree: Any) -> Any:
        """Return `tree` with its aggregations replaced, the innermost first."""
        if isinstance(tree, list):
            return [self.of(item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        tree = {key: self.of(item) for key, item in tree.items()}
        kind, inner, options = _aggregation(tree)
        rewrite = _REWRITES.get(kind)
        dtype = None if rewrite is None else self._dtype(inner)
        if rewrite is None or dtype is None:
            return tree
        if kind == "Product" and dtype.is_decimal():
            raise _inexact(self.name, "a product of decimals loses digits")
        spread = self._spread(kind, inner, dtype, options)
        value = _wide(inner) if dtype.is_integer() and dtype not in _WIDEST else _expression(inner)
        found = rewrite(value, dtype, options) if spread is None else spread
        if found is None:
            return tree
        self.any = True
        return msgspec.msgpack.decode(found.meta.serialize())

    def _spread(self, kind: str, inner: Any, dtype: pl.DataType, ddof: Any) -> pl.Expr | None:
        """Return the spread of a column of long integers, by the column centred; None for anything else."""
        if kind not in {"Std", "Var"} or dtype not in _LONG or not isinstance(inner, dict) or "Column" not in inner:
            return None
        self.centred.add(inner["Column"])
        value = pl.col(f"{_CENTRED}{inner['Column']}")
        return value.std(ddof) if kind == "Std" else value.var(ddof)

    def _dtype(self, tree: Any) -> pl.DataType | None:
        """Return the dtype that the expression of `tree` has; None where it is none by itself."""
        try:
            return self.frame.select(_expression(tree).alias("it")).collect_schema()["it"]
        except (pl.exceptions.PolarsError, ValueError, TypeError):
            return None


def _aggregation(tree: Mapping[str, Any]) -> tuple[str, Any, Any]:
    """Return the kind of an aggregation, what it aggregates, and its option; an empty kind for anything else."""
    match tree:
        case {"Agg": {"Sum": inner}}:
            return "Sum", inner, None
        case {"Agg": {"Mean": inner}}:
            return "Mean", inner, None
        case {"Agg": {"Std": [inner, ddof]}}:
            return "Std", inner, ddof
        case {"Agg": {"Var": [inner, ddof]}}:
            return "Var", inner, ddof
        case {"Function": {"input": [inner], "function": "Product"}}:
            return "Product", inner, None
        case {"Function": {"input": [inner], "function": {"CumSum": {"reverse": reverse}}}}:
            return "CumSum", inner, reverse
    return "", None, None


def _sum(value: pl.Expr, dtype: pl.DataType, _: Any) -> pl.Expr | None:
    if isinstance(dtype, _WIDEST):
        return value.sum() + _refusal(value.cast(pl.Float64).sum().abs() < _SAFE).cast(dtype)
    if isinstance(dtype, pl.Decimal):
        limit = 10.0 ** (38 - dtype.scale) * (1 - 1e-9)
        return value.sum() + _refusal(value.cast(pl.Float64).sum().abs() < limit).cast(pl.Decimal(38, dtype.scale))
    if isinstance(dtype, pl.Duration):
        return value.to_physical().cast(pl.Int128).sum().cast(pl.Int64).cast(dtype)
    if dtype.is_integer():
        return value.sum().cast(_promised(dtype))
    return value.cast(pl.Float64).sum() if _is_narrow_float(dtype) else None


def _mean(value: pl.Expr, dtype: pl.DataType, _: Any) -> pl.Expr | None:
    if isinstance(dtype, pl.Decimal) or (dtype.is_integer() and not isinstance(dtype, _WIDEST)):
        count = value.count()
        return pl.when(count > 0).then(value.sum().cast(pl.Float64) / count)
    return value.cast(pl.Float64).mean() if _is_narrow_float(dtype) else None


def _product(value: pl.Expr, dtype: pl.DataType, _: Any) -> pl.Expr | None:
    if dtype.is_integer():
        fits = value.cast(pl.Float64).product().abs() < _SAFE
        promised = dtype if isinstance(dtype, _WIDEST) else _promised(dtype)
        return (value.cast(pl.Int128).product() + _refusal(fits).cast(pl.Int128)).cast(promised)
    return value.cast(pl.Float64).product() if _is_narrow_float(dtype) else None


def _cum_sum(value: pl.Expr, dtype: pl.DataType, reverse: Any) -> pl.Expr | None:
    if dtype.is_integer() and not isinstance(dtype, _WIDEST):
        return value.cum_sum(reverse=reverse).cast(_promised(dtype))
    return None


def _std(value: pl.Expr, dtype: pl.DataType, ddof: Any) -> pl.Expr | None:
    return value.cast(pl.Float64).std(ddof) if _is_narrow_float(dtype) else None


def _var(value: pl.Expr, dtype: pl.DataType, ddof: Any) -> pl.Expr | None:
    return value.cast(pl.Float64).var(ddof) if _is_narrow_float(dtype) else None


_REWRITES: Mapping[str, Callable[[pl.Expr, pl.DataType, Any], pl.Expr | None]] = {
    "Sum": _sum,
    "Mean": _mean,
    "Product": _product,
    "Std": _std,
    "Var": _var,
    "CumSum": _cum_sum,
}


def _wide(tree: Any) -> pl.Expr:
    """Return an expression of integers as Int128, and its sums, differences and products taken as such."""
    match tree:
        case {"BinaryExpr": {"left": left, "op": "Plus", "right": right}}:
            return _wide(left) + _wide(right)
        case {"BinaryExpr": {"left": left, "op": "Minus", "right": right}}:
            return _wide(left) - _wide(right)
        case {"BinaryExpr": {"left": left, "op": "Multiply", "right": right}}:
            return _wide(left) * _wide(right)
    return _expression(tree).cast(pl.Int128)


def _promised(dtype: pl.DataType) -> pl.DataType:
    return dtype if isinstance(dtype, pl.UInt64) else pl.Int64()


def _refusal(fits: pl.Expr) -> pl.Expr:
    """Return 0 where `fits`, and an error where not: a cast that cannot be done."""
    return pl.when(fits).then(pl.lit(0, pl.Int128)).otherwise(pl.lit(2**100, pl.Int128)).cast(pl.Int64)


def _is_narrow_float(dtype: pl.DataType) -> bool:
    return dtype.is_float() and dtype != pl.Float64()


def _expression(tree: Any) -> pl.Expr:
    return pl.Expr.deserialize(msgspec.msgpack.encode(tree))


def _holds_python(tree: Any) -> bool:
    if isinstance(tree, dict):
        return any(key == "AnonymousFunction" or _holds_python(item) for key, item in tree.items())
    return isinstance(tree, list) and any(map(_holds_python, tree))


def _inexact(name: str, reason: str) -> WindowError:
    """Return the error for an aggregation `name` that Polars would round."""
    return WindowError(
        f"windowed: the aggregation {name!r} cannot be exact: {reason}.",
        remedy="Aggregate floats: pl.col('...').cast(pl.Float64).product().",
    )
