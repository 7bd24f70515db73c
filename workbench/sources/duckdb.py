"""SQL by DuckDB: over a database file, or over files below the project's root."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.drivers import run_interruptible
from workbench.lazy import deferred
from workbench.memory import duckdb_settings, scratch_folder
from workbench.redaction import redact
from workbench.sources import faults
from workbench.sources.arrow import convert_table, repeated_names
from workbench.sources.glob import resolve
from workbench.sources.reader import Declared

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

_LOG = "FileSystem"
_OPAQUE = frozenset({"time with time zone", "bit", "bignum", "variant", "geometry", "union", "uhugeint", "interval"})
"""Types that reach Arrow as other values, as DuckDB's own bytes, or as what no column of ours holds."""
_NESTED = frozenset({"list", "array", "struct", "map"})
_FINITE = "case when isfinite({0}) then {0} end as {0}"
_CASTS = {"interval": "epoch_us({0}) as {0}"}
_IN_MEMORY = (None, "", ":memory:")
_BATCH = 1 << 17

Refusal = Callable[[str, str, str], Exception]
"""Makes the error for a column that is or holds something which cannot be carried, with the cast that would."""


def run(declared: Declared) -> pl.DataFrame:
    """Return what the source's SQL returns; the database is opened for reading only."""
    import duckdb

    failure = ""
    try:
        with scratch_folder("source") as scratch, _connect(declared, duckdb, scratch) as connection:
            return _select(declared, connection, duckdb)
    except duckdb.Error as error:
        failure = redact(str(error))
    except pl.exceptions.PolarsError as error:
        failure = f"its result cannot be read: {error}"
    raise faults.query_failed(declared.name, failure)


def _connect(declared: Declared, duckdb: Any, scratch: Path) -> Any:
    config = {
        "autoinstall_known_extensions": "false",  # reading a source never fetches code
        "python_enable_replacements": "false",  # a table's name never means one of our variables
        **duckdb_settings(scratch),
    }
    database = declared.settings.database
    if database in _IN_MEMORY:
        connection = duckdb.connect(":memory:", config=config)
    else:
        path = resolve(declared.root, str(database))
        if not path.is_file():
            raise faults.vanished(declared.name, redact(str(path)))
        connection = duckdb.connect(str(path), read_only=True, config=config)
    connection.execute("set TimeZone = 'UTC'").fetchall()
    connection.execute("set enable_progress_bar = false").fetchall()  # it writes to what JSON is written to
    root = str(declared.root).replace("'", "''")
    connection.execute(f"set file_search_path = '{root}'").fetchall()
    return connection


def _select(declared: Declared, connection: Any, duckdb: Any) -> pl.DataFrame:
    sql = declared.settings.sql or ""
    statements = connection.extract_statements(sql)
    if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
        raise faults.not_a_select(declared.name)
    elsewhere = not declared.root.samefile(Path.cwd())
    if elsewhere:
        _refuse_listing(declared, connection)
        connection.execute(f"call enable_logging('{_LOG}')").fetchall()
    try:
        relation = connection.sql(statements[0].query)
        if twice := repeated_names(relation.columns):
            raise faults.twice_named(declared.name, twice)
        return run_interruptible(
            lambda: rows_of(relation, lambda *found: faults.query_not_carried(declared.name, *found)),
            connection.interrupt,
        )
    finally:
        if elsewhere:
            _refuse_files_from_elsewhere(declared, connection)


def rows_of(relation: Any, refuse: Refusal) -> pl.DataFrame:
    """Return the rows of a DuckDB relation."""
    of_value = _refuse_types(relation, refuse)
    return convert_table(relation.to_arrow_table(), of_value)


def batches_of(relation: Any, refuse: Refusal) -> Iterator[pl.DataFrame]:
    """Yield the rows of a DuckDB relation as they come; a first part without rows has the columns."""
    import pyarrow as pa

    of_value = _refuse_types(relation, refuse)
    with relation.to_arrow_reader(_BATCH) as reader:
        yield convert_table(reader.schema.empty_table(), of_value)
        for batch in reader:
            yield convert_table(pa.Table.from_batches([batch]), of_value)


def _refuse_types(relation: Any, refuse: Refusal) -> Callable[[str, str], Exception]:
    """Refuse columns of types that no column of ours holds; return what makes the error for a value of another."""
    for name, dtype in zip(relation.columns, relation.types, strict=True):
        kind = next((str(inner.id) for inner in _within(dtype) if inner.id in _OPAQUE), None)
        if kind is not None:
            cast = _CASTS.get(str(dtype.id), "{0}::varchar as {0}")
            raise refuse(name, f"a value of the type {kind}", cast.format(faults.sql_name(name)))

    types = dict(zip(relation.columns, relation.types, strict=True))

    def of_value(name: str, what: str) -> Exception:
        cast = _FINITE if "years" in what and types[name].id not in _NESTED else "{0}::varchar as {0}"
        return refuse(name, what, cast.format(faults.sql_name(name)))

    return of_value


def _within(dtype: Any) -> Iterator[Any]:
    """Yield a DuckDB type and all that it is made of."""
    yield dtype
    if dtype.id in _NESTED:
        for _, inner in dtype.children:
            if hasattr(inner, "id"):  # the length of an array is a number
                yield from _within(inner)


def without_end(sql: str) -> str:
    """Return one statement without the comments and the semicolon that end it, so that it may stand in another."""
    import duckdb

    text = sql.encode()
    for start, kind in reversed(duckdb.tokenize(sql)):
        if kind != duckdb.token_type.comment:
            break
        text = text[:start]
    return text.decode().rstrip().removesuffix(";").rstrip()


def _refuse_listing(declared: Declared, connection: Any) -> None:
    """Refuse ``glob()`` of a relative path: it looks in the working directory, and opens no file that is logged."""
    calls: list[dict[str, Any]] = []

    def collect(node: dict[str, Any]) -> dict[str, Any]:
        if node.get("function_name") == "glob":
            calls.append(node)
        return node

    sql = declared.settings.sql
    json.loads(connection.execute("select json_serialize_sql(?)", [sql]).fetchall()[0][0], object_hook=collect)
    for call in calls:
        patterns = [argument["expression"].get("literal", {}).get("text", "") for argument in call["arguments"]]
        if not all(str(pattern).startswith(os.sep) for pattern in patterns):
            raise faults.found_elsewhere(declared.name, "glob()", Path.cwd())


def _refuse_files_from_elsewhere(declared: Declared, connection: Any) -> None:
    """Refuse what was read of the working directory, in which DuckDB looks before the search path.

    By its log, which has the path of each file that was opened: relative where the working directory answered.
    """
    opened = connection.execute("select distinct path from duckdb_logs_parsed(?)", [_LOG]).fetchall()
    for (path,) in opened:
        if "://" not in path and not Path(path).is_absolute():
            raise faults.found_elsewhere(declared.name, repr(path), Path.cwd())
