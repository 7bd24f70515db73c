"""SQL by PostgreSQL, through a connection URL, in a transaction that can only read."""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import polars as pl

from workbench.sources import faults
from workbench.sources.reader import Declared
from workbench.sources.secrets import redact

SCHEMES = ("postgresql", "postgres")
_READ_ONLY = "-c default_transaction_read_only=on -c timezone=UTC"
_CONNECT_SECONDS = "10"
_EXACT_DIGITS = 15


def run(declared: Declared) -> pl.DataFrame:
    """Return what the source's SQL returns.

    A ``numeric`` column comes out as Float64, as features are floats; whole numbers too long for that are refused.

    Raises
    ------
    SourceError
        Where the driver is missing, the server does not answer, or the SQL fails.
    """
    if find_spec("adbc_driver_postgresql") is None:
        raise faults.driver_missing(declared.name)
    from adbc_driver_manager import Error

    url = declared.settings.database or ""
    try:
        frame = pl.read_database_uri(declared.settings.sql or "", reading(url), engine="adbc")
    except Error as error:
        failure = redact(str(error), url=url)
    except pl.exceptions.DuplicateError:
        failure = "it returns two columns of one name; give each its own with `as`"
    except (pl.exceptions.PolarsError, ValueError) as error:
        failure = f"its result cannot be read: {redact(str(error), url=url)}"
    else:
        return frame.with_columns([_plain(declared.name, column) for column in frame if column.dtype.is_extension()])
    raise faults.query_failed(declared.name, failure)


def reading(url: str) -> str:
    """Return `url` for sessions that cannot write, and that give up connecting after 10 seconds.

    Examples
    --------
    >>> reading("postgres://ann@db/test")
    'postgresql://ann@db/test?connect_timeout=10&options=-c%20default_transaction_read_only%3Don%20-c%20timezone%3DUTC'
    """
    parts = urlsplit(url)
    query = {"connect_timeout": _CONNECT_SECONDS, **dict(parse_qsl(parts.query))}
    query["options"] = f"{query.get('options', '')} {_READ_ONLY}".strip()
    return urlunsplit(parts._replace(scheme="postgresql", query=urlencode(query, quote_via=quote)))


def _plain(source: str, column: pl.Series) -> pl.Series:
    """Return `column` without the driver's extension type: numbers as floats, all else as it is stored."""
    stored = column.ext.storage()
    if "numeric" not in str(column.dtype):
        return stored
    digits = stored.str.strip_chars_start("-")
    whole = digits.str.contains(r"^\d+$") & (digits.str.len_bytes() > _EXACT_DIGITS)
    if whole.any():
        raise faults.inexact(source, column.name)
    return stored.cast(pl.Float64)
