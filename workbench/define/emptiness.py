"""What an aggregation is worth over no events at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

_COUNTS = {"Count", "NUnique", "NullCount", "ApproxNUnique"}
_NULL_ALREADY = {"Mean", "Median", "Min", "Max", "First", "Last", "Std", "Var", "Quantile"}
_AUTHORS_WORD = {"FillNull", "Coalesce"}
_COMPARISONS = {"Eq", "EqValidity", "NotEq", "NotEqValidity", "Lt", "LtEq", "Gt", "GtEq", "LogicalAnd", "LogicalOr"}


def empty_is_null(value: pl.Expr, schema: Mapping[str, pl.DataType]) -> bool:
    """Return whether the aggregation `value` must be made null where there are no events.

    Polars says 0 for a sum over nothing, which reads as a measurement. A count is truly 0: ``len``, ``count``,
    ``n_unique``, ``null_count``, the sum of a Boolean, and simple arithmetic on these. A final ``fill_null`` or
    ``coalesce`` is the author's own word and stands.

    Parameters
    ----------
    value
        A Polars aggregation.
    schema
        The columns that it may read.

    Examples
    --------
    >>> empty_is_null(pl.col("delay").sum(), {"delay": pl.Float64()})
    True
    >>> empty_is_null((pl.col("delay") > 15).sum(), {"delay": pl.Float64()})
    False
    """
    try:
        tree = _undressed(json.loads(value.meta.serialize(format="json")))
    except (pl.exceptions.PolarsError, ValueError, TypeError):
        return True
    kind, _ = _operation(tree)
    return kind not in _AUTHORS_WORD | _NULL_ALREADY and not _is_count(tree, schema)


def _undressed(tree: Any) -> Any:
    """Return `tree` without the casts and names around it."""
    while isinstance(tree, dict) and ("Cast" in tree or "Alias" in tree):
        tree = tree["Cast"]["expr"] if "Cast" in tree else tree["Alias"][0]
    return tree


def _operation(tree: Any) -> tuple[str, Any]:
    """Return the name of the outermost operation of `tree` and what it is applied to."""
    if not isinstance(tree, dict) or len(tree) != 1:
        return str(tree), None
    ((kind, inner),) = tree.items()
    if kind == "Agg":
        return _operation(inner)
    if kind == "Function":
        function = inner["function"]
        return (function if isinstance(function, str) else next(iter(function))), inner["input"]
    return kind, inner


def _is_count(tree: Any, schema: Mapping[str, pl.DataType]) -> bool:
    kind, inner = _operation(_undressed(tree))
    if kind == "Sum":
        return _is_boolean(inner, schema)
    if kind == "BinaryExpr":
        left, right = _is_count(inner["left"], schema), _operation(_undressed(inner["right"]))[0]
        scaled = inner["op"] in {"TrueDivide", "FloorDivide", "Divide"} and right == "Literal"
        combined = inner["op"] in {"Plus", "Minus", "Multiply"} and _is_count(inner["right"], schema)
        return left and (scaled or combined)
    return kind in {"Len", "Literal"} or kind in _COUNTS


def _is_boolean(tree: Any, schema: Mapping[str, pl.DataType]) -> bool:
    kind, inner = _operation(tree)
    if kind == "Column":
        return schema.get(inner) == pl.Boolean
    if kind == "BinaryExpr":
        bitwise = inner["op"] in {"And", "Or", "Xor"} and _is_boolean(inner["left"], schema)
        return bitwise or inner["op"] in _COMPARISONS
    if kind in {"Filter", "FillNull", "Cast"}:
        target = inner[0] if isinstance(inner, list) else inner.get("input", inner.get("expr"))
        return kind != "Cast" and _is_boolean(target, schema)
    return kind == "Boolean"
