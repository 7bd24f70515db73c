"""Time columns: whatever a source calls a time comes out as ``Datetime("us", "UTC")``."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from workbench.sources import faults

_ISO = r"^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?\s?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?$"
_ZONED = r":\d{2}.*(?:Z|[+-]\d{2}(?::?\d{2})?)$"
_DATE_LENGTH = 10


def is_naive(dtype: pl.DataType) -> bool:
    """Return whether `dtype` is a time of day in no stated zone."""
    return isinstance(dtype, pl.Datetime) and dtype.time_zone is None


def as_utc(source: str, role: str, column: str, dtype: pl.DataType) -> pl.Expr:
    """Return the expression that reads `column` as ``Datetime("us", "UTC")``.

    A naive time is taken as UTC, another zone is converted, a date is its midnight in UTC, and nanoseconds are cut
    to microseconds.

    Raises
    ------
    SourceError
        Where `dtype` is neither Datetime nor Date.
    """
    value = pl.col(column)
    match dtype:
        case pl.Datetime(time_zone=None):
            return value.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        case pl.Datetime():
            return value.dt.convert_time_zone("UTC").cast(pl.Datetime("us", "UTC"))
        case pl.Date():
            return value.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    raise faults.not_a_time(source, role, column, dtype)


def normalised(source: str, frame: pl.LazyFrame, roles: Mapping[str, str]) -> pl.LazyFrame:
    """Return `frame` with its time columns in UTC, all other columns as they are.

    Parameters
    ----------
    source
        The source's name, for messages.
    frame
        The source's rows.
    roles
        What each time column is declared as: role (``event_time``, ``available_at``) to column.

    Raises
    ------
    SourceError
        For a column that is missing (did you mean) or no time.
    """
    schema = frame.collect_schema()
    for role, column in roles.items():
        if column not in schema:
            raise faults.missing_column(source, role, column, schema)
    columns = {column: as_utc(source, role, column, schema[column]) for role, column in roles.items()}
    wanted = [expression for column, expression in columns.items() if schema[column] != pl.Datetime("us", "UTC")]
    return frame.with_columns(wanted) if wanted else frame


def parsed(source: str, frame: pl.LazyFrame, roles: Mapping[str, str]) -> pl.LazyFrame:
    """Return `frame`, read from text, with its time columns of ISO 8601 texts as times or dates.

    A column where any text states a zone becomes UTC, one where none does stays naive, one of plain dates becomes
    Date. Other spellings are refused: ``03/04/2024`` could be two days.

    Parameters
    ----------
    source
        The source's name, for messages.
    frame
        Rows whose time columns may be text.
    roles
        As for `normalised`; columns that are absent or no text are left alone.

    Raises
    ------
    SourceError
        Where a text is not ISO 8601.
    """
    schema = frame.collect_schema()
    texts = {column: role for role, column in roles.items() if schema.get(column) == pl.String}
    if not texts:
        return frame
    facts = (
        frame.select(_facts(column).alias(column) for column in texts).collect(engine="streaming").row(0, named=True)
    )
    parsing = []
    for column, role in texts.items():
        fact = facts[column]
        if fact["odd"]:
            raise faults.not_iso(source, role, column, count=fact["odd"], example=fact["example"])
        parsing.append(_parse(column, zoned=fact["zoned"] > 0, dates=fact["timed"] == 0))
    return frame.with_columns(parsing)


def _facts(column: str) -> pl.Expr:
    text = pl.col(column)
    odd = ~text.str.contains(_ISO)
    return pl.struct(
        odd.sum().alias("odd"),
        text.filter(odd).first().alias("example"),
        text.str.contains(_ZONED).sum().alias("zoned"),
        (text.str.len_bytes() > _DATE_LENGTH).sum().alias("timed"),
    )


def _parse(column: str, *, zoned: bool, dates: bool) -> pl.Expr:
    text = pl.col(column)
    if dates:
        return text.str.to_date("%Y-%m-%d")
    timed = pl.when(text.str.len_bytes() == _DATE_LENGTH).then(text + "T00:00:00").otherwise(text)
    plain = timed.str.replace("^(.{10}) ", "${1}T").str.replace(" ", "", literal=True)
    seconds = plain.str.replace(r"^(.{13}:\d{2})(Z|[+-].*)?$", "${1}:00${2}")
    if not zoned:
        return seconds.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us").alias(column)
    stated = pl.when(seconds.str.contains(_ZONED)).then(seconds).otherwise(seconds + "Z")
    return stated.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", time_zone="UTC").alias(column)


def iso_columns(frame: pl.LazyFrame) -> list[str]:
    """Return the text columns of `frame` that hold ISO 8601 times and nothing else."""
    texts = [name for name, dtype in frame.collect_schema().items() if dtype == pl.String]
    if not texts:
        return []
    found = frame.select(
        (pl.col(name).str.contains(_ISO).all() & (pl.col(name).count() > 0)).alias(name) for name in texts
    )
    return [name for name, iso in found.collect(engine="streaming").row(0, named=True).items() if iso]
