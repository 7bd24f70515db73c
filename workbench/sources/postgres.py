"""SQL by PostgreSQL, through a connection URL, in a transaction that can only read."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from workbench.lazy import deferred
from workbench.redaction import redact
from workbench.sources import faults
from workbench.sources.arrow import DIGITS, convert_table, repeated_names
from workbench.sources.duckdb import without_end
from workbench.sources.reader import Declared

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

SCHEMES = ("postgresql", "postgres")
_READ_ONLY = "-c default_transaction_read_only=on -c timezone=UTC"
_CONNECT_SECONDS = "10"
_CODE = "%[0-9A-Fa-f]{2}"
_HOST = rf"(?:\[[0-9A-Fa-f:.]+\]|(?:[^@/?#%:,\[\]]|{_CODE})*)(?::\d*)?"
_TEXT = rf"(?:[^@/?#%]|{_CODE})*"
_PARAMETER = rf"\w+=(?:[^#%&]|{_CODE})*"
_URL = re.compile(
    rf"postgres(?:ql)?://(?P<place>(?:{_TEXT}@)?{_HOST}(?:,{_HOST})*(?:/{_TEXT})?)"
    rf"(?:\?(?P<query>(?:{_PARAMETER}(?:&{_PARAMETER})*)?))?"
)

_NUMBERS = frozenset({"int2", "int4", "int8", "float4", "float8"})
_TIMES = frozenset({"date", "time", "timestamp", "timestamptz"})
_PLAIN = _NUMBERS | _TIMES | {"bool", "text", "varchar", "name", "char", "bytea"}
_CONVERTED = frozenset({"numeric", "bpchar", "json", "jsonb", "uuid"})
_CASTS = {
    "money": "{0}::numeric as {0}",
    "oid": "{0}::bigint as {0}",
    "interval": "extract(epoch from {0})::float8 as {0}",
    "array": "{0}::text as {0}",
    "record": "({0}).field",
    "numeric": "{0}::float8 as {0}",
    "_numeric": "{0}::float8[] as {0}",
    "_money": "{0}::numeric[]::float8[] as {0}",
    "_oid": "{0}::bigint[] as {0}",
}


def run(declared: Declared) -> pl.DataFrame:
    """Return what the source's SQL returns.

    A ``numeric`` is a Decimal of its declared scale, or of the largest scale among its values where it declares none;
    ``char(n)`` is without its padding; ``json`` and ``uuid`` are texts.
    """
    if find_spec("adbc_driver_postgresql") is None:
        raise faults.driver_missing(declared.name)
    from adbc_driver_manager import Error
    from adbc_driver_postgresql import dbapi

    url = declared.settings.database or ""
    if _URL.fullmatch(url) is None:
        raise faults.bad_connection_url(declared.name)
    try:
        with dbapi.connect(read_only_url(url), autocommit=True) as connection, connection.cursor() as cursor:
            return _select(declared, cursor)
    except Error as error:
        failure = redact(str(error), url=url)
    raise faults.query_failed(declared.name, failure)


def read_only_url(url: str) -> str:
    """Return `url` for sessions that cannot write, and that give up connecting after 10 seconds.

    Examples
    --------
    >>> read_only_url("postgres://ann@db/test")
    'postgresql://ann@db/test?connect_timeout=10&options=-c%20default_transaction_read_only%3Don%20-c%20timezone%3DUTC'
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError("not a connection URL")
    given = parse_qsl((match["query"] or "").replace("+", "%2B"), keep_blank_values=True)  # a plus is a plus to libpq
    query = {"connect_timeout": _CONNECT_SECONDS, **dict(given)}
    query["options"] = f"{query.get('options', '')} {_READ_ONLY}".strip()
    return f"postgresql://{match['place']}?{urlencode(query, quote_via=quote)}"


def _select(declared: Declared, cursor: Any) -> pl.DataFrame:
    sql = without_end(declared.settings.sql or "")
    schema = cursor.adbc_execute_schema(sql)
    if not schema.names:
        raise faults.not_a_select(declared.name)
    if twice := repeated_names(schema.names):
        raise faults.twice_named(declared.name, twice)
    for field in schema:
        _require_carried(declared.name, field)
    arrays = [field.name for field in schema if _kind(field).startswith("_")]
    table = _fetch(cursor, sql, arrays)
    for place, name in enumerate(arrays, start=len(schema)):  # the driver would make one list of a nested array
        if "true" in map(str, table.column(place).to_pylist()):
            raise _refused(declared.name, name, "an array of arrays", "array")
    table = table.select(range(len(schema)))
    numbers = {field.name: _stored(table, field.name) for field in schema if _kind(field) == "numeric"}
    rest = table.select([field.name for field in schema if field.name not in numbers])
    frame = convert_table(
        _plain(rest), lambda name, what: _refused(declared.name, name, what, _kind(schema.field(name)))
    )
    decimals = [_decimal(declared.name, schema.field(name), values) for name, values in numbers.items()]
    padded = [field.name for field in schema if _kind(field) == "bpchar"]
    return frame.with_columns(pl.col(padded).str.strip_chars_end(" "), *decimals).select(schema.names)


def _fetch(cursor: Any, sql: str, arrays: list[str]) -> Any:
    """Return the rows; after their columns one for each array, which says whether it is an array of arrays."""
    if arrays:
        nested = ", ".join(f"(array_ndims(q.{_quoted(name)}) > 1)::text" for name in arrays)
        sql = f"select q.*, {nested} from ({sql}\n) q"  # noqa: S608 - the user's own SQL, in a read-only session
    cursor.execute(sql + "\n")
    return cursor.fetch_arrow_table()


def _kind(field: Any) -> str:
    """Return the name that PostgreSQL has for a column's type; arrays begin with an underscore."""
    return str((field.metadata or {}).get(b"POSTGRESQL:type", b"").decode())


def _require_carried(source: str, field: Any) -> None:
    import pyarrow as pa

    kind = _kind(field)
    known = kind.removeprefix("_") in _PLAIN or kind in _CONVERTED
    if known or (pa.types.is_string(field.type) and not kind.startswith("_")):  # an enumeration comes as its texts
        return
    if pa.types.is_struct(field.type):
        raise _refused(source, field.name, "a row of several columns", "record")
    said = f"an array of {kind[1:]}" if kind.startswith("_") else f"of the type {kind}"
    raise _refused(source, field.name, said.replace("unnamed<oid:", "with the oid ").rstrip(">"), kind)


def _refused(source: str, column: str, what: str, kind: str) -> Exception:
    otherwise = "{0}::text[] as {0}" if kind.startswith("_") else "{0}::text as {0}"
    if "years" in what and not kind.startswith("_"):
        otherwise = "case when isfinite({0}) then {0} end as {0}"
    return faults.query_not_carried(source, column, what, _CASTS.get(kind, otherwise).format(faults.sql_name(column)))


def _plain(table: Any) -> Any:
    """Return `table` with the texts of uuid and json columns in place of the driver's extension types."""
    import pyarrow as pa
    import pyarrow.compute

    for place, field in enumerate(table.schema):
        if not isinstance(field.type, pa.BaseExtensionType):
            continue
        if _kind(field) == "uuid":
            texts = [None if value is None else str(value) for value in table.column(place).to_pylist()]
            values = pa.chunked_array([pa.array(texts, pa.string())])
        else:
            values = _stored(table, field.name)
        table = table.set_column(place, pa.field(field.name, pa.string(), metadata=field.metadata), values)
    return table


def _stored(table: Any, name: str) -> Any:
    import pyarrow as pa

    column = table.column(name)
    return pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)


def _decimal(source: str, field: Any, stored: Any) -> pl.Series:
    """Return a ``numeric`` column, which the driver hands over as texts, as exact decimals."""
    texts = pl.Series(field.name, stored, dtype=pl.String)
    if texts.str.contains("[a-zA-Z]").any():
        raise _refused(source, field.name, "'NaN' or 'Infinity'", "numeric")
    declared = _declared_digits(field)
    if declared is not None:
        return texts.cast(pl.Decimal(*declared))
    parts = texts.str.strip_chars_start("-").str.split_exact(".", 1).struct.unnest()
    whole, scale = (int(part.str.len_bytes().cast(pl.Int64).max() or 0) for part in parts)  # type: ignore[arg-type]
    if whole + scale > DIGITS:
        raise _refused(source, field.name, f"numbers of more than {DIGITS} digits", "numeric")
    return texts.cast(pl.Decimal(DIGITS, scale))


def _declared_digits(field: Any) -> tuple[int, int] | None:
    """Return precision and scale of ``numeric(p, s)``; None where none are declared, or more digits than fit."""
    modifier = int(field.metadata.get(b"POSTGRESQL:typmod", b"-1")) - 4
    if modifier < 0:
        return None
    precision, scale = modifier >> 16, modifier & 0x7FF
    if scale > 0x3FF:  # numeric(3, -2): five digits before the point
        precision, scale = precision + 0x800 - scale, 0
    return (max(precision, scale), scale) if max(precision, scale) <= DIGITS else None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
