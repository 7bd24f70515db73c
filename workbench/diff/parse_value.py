"""`value_of`: a value of a column from the text that names it."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from workbench.errors import UsageError
from workbench.times import in_utc


def value_of(column: str, text: str, dtype: pl.DataType) -> object:
    """Return `text` as a value of `dtype`; dates and times are in ISO 8601, and UTC where they name no zone."""
    try:
        if isinstance(dtype, pl.Boolean):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(dtype, pl.Date):  # Polars casts no text to a time
            return date.fromisoformat(text)
        if isinstance(dtype, pl.Datetime):
            return _instant(text, dtype)
        return pl.Series([text]).cast(dtype).item()
    except (pl.exceptions.PolarsError, ValueError, KeyError):
        raise UsageError.not_a_value(column, text, str(dtype)) from None


def _instant(text: str, dtype: pl.Datetime) -> datetime:
    moment = in_utc(datetime.fromisoformat(text))
    return moment if dtype.time_zone else moment.replace(tzinfo=None)
