"""Running a query in a DuckDB of its own, in memory, that has nothing but the tables the query names."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.drivers import reason, run_interruptible, translate_errors
from workbench.errors import MemoryLimit, QueryError, WorkbenchError
from workbench.memory import ENGINE_SHARE, beyond_memory, duckdb_settings, memory_share, scratch_folder
from workbench.sources import batches_of
from workbench.sql.answer import ROWS, Answer
from workbench.sql.names import query_failure, tables_of
from workbench.sql.result import Result
from workbench.sql.tables import Tables
from workbench.store import find_damage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from workbench.sql.names import TableName
    from workbench.sql.stream import TableStream
    from workbench.store import ViewReader
    from workbench.workspace import Workspace

HERE = "__here"
"""The schema of the names that are written without one."""


def run_sql(
    workspace: Workspace,
    reading: ViewReader,
    query: str,
    write: Callable[[pl.LazyFrame], None] | None = None,
) -> Answer:
    """Return what `query` returns; with `write` all rows go there, however many, and the answer has the first.

    Only the tables that the query names are looked up. DuckDB gets their rows, and no files, no settings, no network
    and no extension; times with a zone are UTC.
    """
    import duckdb

    tables = Tables(workspace, reading)
    streams: list[TableStream] = []

    def convert(error: BaseException) -> WorkbenchError:
        raised = [stream.failure for stream in streams if stream.failure is not None]
        if any(isinstance(failure, KeyboardInterrupt) for failure in raised):
            raise KeyboardInterrupt from None
        if refused := next((failure for failure in raised if isinstance(failure, WorkbenchError)), None):
            return refused
        if isinstance(error, duckdb.OutOfMemoryException):
            return _too_much_at_once(error)
        if isinstance(error, duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException):
            return query_failure(error)
        return find_damage(tables.views) or tables.unreadable() or query_failure(error)

    with scratch_folder("sql") as scratch:
        result = Result(None if write is None else scratch / "result")
        with _connect(duckdb, scratch) as connection, translate_errors(convert):
            named, local = tables_of(connection, query)
            read = [table for table in named if table.name.lower() not in local or tables.has(table)]
            streams += _register(connection, tables, read)
            run_interruptible(lambda: _collect(connection, query, result), connection.interrupt)
        rows = result.frame()
        if write is not None:
            write(rows)
            rows = rows.head(ROWS)
        frame = rows.collect()
    said = tuple(dict.fromkeys(view.deprecation for view in tables.views if view.deprecation))
    return Answer(frame, result.height, said)


def _connect(duckdb: Any, scratch: Path) -> Any:
    config = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",  # a table's name never means one of our variables
        **duckdb_settings(scratch / "rows"),  # a query may read what is there
    }
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("set TimeZone = 'UTC'").fetchall()
    connection.execute("set enable_progress_bar = false").fetchall()  # it writes to what JSON is written to
    return connection


def _register(connection: Any, tables: Tables, named: Sequence[TableName]) -> list[TableStream]:
    """Give the connection the rows of each table under the name the query has for it, then close all other doors."""
    from workbench.sql.stream import TableStream

    streams = []
    connection.execute(f'create schema "{HERE}"').fetchall()
    made: dict[tuple[str, str], TableName] = {}
    for number, table in enumerate(named):
        key = (table.schema.lower(), table.name.lower())
        if made.setdefault(key, table).schema != table.schema:
            raise QueryError.not_a_select(f"names {made[key]} and {table}, which SQL does not distinguish")
        if made[key] is not table:
            continue
        streams.append(TableStream(tables.frame(table)))
        connection.register(f"__rows{number}", streams[-1])
        schema, name = _quoted(table.schema or HERE), _quoted(table.name)
        connection.execute(f"create schema if not exists {schema}").fetchall()
        connection.execute(f'create view {schema}.{name} as from "__rows{number}"').fetchall()
    connection.execute(f"set search_path = '{HERE}'").fetchall()
    connection.execute("set enable_external_access = false").fetchall()
    connection.execute("set lock_configuration = true").fetchall()
    return streams


def _collect(connection: Any, query: str, result: Result) -> None:
    for part in _parts(connection, query):
        result.add(part)


def _parts(connection: Any, query: str) -> Iterator[pl.DataFrame]:
    """Yield the rows of the query's result as they come."""
    relation = connection.sql(query)
    twice = [column for column, count in Counter(map(str.lower, relation.columns)).items() if count > 1]
    if twice:
        raise QueryError.failed(f"its result has two columns {twice[0]!r}: rename one of them with AS")
    spans = [name for name, dtype in zip(relation.columns, relation.types, strict=True) if str(dtype) == "INTERVAL"]
    if spans:  # Polars reads no Arrow interval: a month counts as 30 days, as DuckDB compares them
        columns = [
            f"epoch_us({_quoted(name)}) as {_quoted(name)}" if name in spans else _quoted(name)
            for name in relation.columns
        ]
        relation = relation.project(", ".join(columns))
    for part in batches_of(relation, _refused):
        yield part.with_columns(pl.col(spans).cast(pl.Duration("us"))) if spans else part


def _too_much_at_once(error: BaseException) -> MemoryLimit:
    return beyond_memory(
        f"The query holds more rows at a time than DuckDB can put aside: {reason(error)}",
        memory_share(ENGINE_SHARE),
        remedy="Have it filter, group by fewer values or take fewer columns",
    )


def _refused(column: str, what: str, cast: str) -> QueryError:
    return QueryError(
        f"The query's column {column!r} is or holds {what}, which cannot be carried exactly.",
        remedy=f"Say how to read it: `{cast}`.",
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
