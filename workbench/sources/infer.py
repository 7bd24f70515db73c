"""The types of CSV columns, from every value in them: a column has a type when all of its values are written so."""

from __future__ import annotations

import polars as pl

_TOO_LONG = r"^[+-]?\d{19,}$"


def typed(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return `frame` of texts with whole numbers, floats and ``true``/``false`` as Int64, Float64 and Boolean.

    A column of whole numbers too long for Int64 stays text, as a float would not keep them apart; so does a column
    without any value.

    Parameters
    ----------
    frame
        Columns of dtype String; nulls have no say.
    """
    names = frame.collect_schema().names()
    if not names:
        return frame
    facts = frame.select(_facts(name) for name in names).collect(engine="streaming").row(0, named=True)
    return frame.with_columns(cast for name in names if (cast := _cast(name, facts[name])) is not None)


def _facts(name: str) -> pl.Expr:
    text = pl.col(name)
    return pl.struct(
        text.count().alias("values"),
        text.cast(pl.Int64, strict=False).count().alias("whole"),
        text.cast(pl.Float64, strict=False).count().alias("floats"),
        text.is_in(["true", "false"]).sum().alias("flags"),
        text.str.contains(_TOO_LONG).any().alias("long"),
    ).alias(name)


def _cast(name: str, facts: dict[str, int]) -> pl.Expr | None:
    match facts:
        case {"values": 0}:
            return None
        case {"values": values, "whole": whole} if whole == values:
            return pl.col(name).cast(pl.Int64)
        case {"values": values, "floats": floats, "long": False} if floats == values:
            return pl.col(name).cast(pl.Float64)
        case {"values": values, "flags": flags} if flags == values:
            return pl.col(name) == "true"
    return None
