"""SQL by DuckDB: over a database file, or over files below the project's root."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from workbench.sources import faults
from workbench.sources.listing import resolve
from workbench.sources.reader import Declared
from workbench.sources.secrets import redact

_LITERAL = re.compile(r"'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"")
_IN_MEMORY = (None, "", ":memory:")


def run(declared: Declared) -> pl.DataFrame:
    """Return what the source's SQL returns; the database is opened for reading only.

    Raises
    ------
    SourceError
        Where the SQL is no single SELECT or fails, the database is gone, locked or none, or a relative path in the
        SQL would be answered by the working directory.
    """
    import duckdb

    failure = ""
    try:
        with _connect(declared, duckdb) as connection:
            return _select(declared, connection, duckdb)
    except duckdb.Error as error:
        failure = redact(str(error))
    except pl.exceptions.PolarsError as error:
        failure = f"its result cannot be read: {error}"
    raise faults.query_failed(declared.name, failure)


def _connect(declared: Declared, duckdb: Any) -> Any:
    config = {
        "autoinstall_known_extensions": "false",  # reading a source never fetches code
        "python_enable_replacements": "false",  # a table's name never means one of our variables
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
    root = str(declared.root).replace("'", "''")
    connection.execute(f"set file_search_path = '{root}'").fetchall()
    return connection


def _select(declared: Declared, connection: Any, duckdb: Any) -> pl.DataFrame:
    sql = declared.settings.sql or ""
    statements = connection.extract_statements(sql)
    if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
        raise faults.not_a_select(declared.name)
    _refuse_files_from_elsewhere(declared, sql)
    relation = connection.sql(statements[0].query)
    twice = [column for column, count in Counter(relation.columns).items() if count > 1]
    if twice:
        raise faults.twice_named(declared.name, twice)
    return pl.DataFrame(relation.to_arrow_table())


def _refuse_files_from_elsewhere(declared: Declared, sql: str) -> None:
    """DuckDB looks in the working directory before the search path: the same query would mean two things."""
    here = Path.cwd()
    if here == declared.root:
        return
    for match in _LITERAL.finditer(sql):
        literal = (match.group(1) or match.group(2) or "").replace("''", "'")
        if _is_file_below(here, literal):
            raise faults.found_elsewhere(declared.name, literal, here)


def _is_file_below(folder: Path, literal: str) -> bool:
    if not literal or "\0" in literal or Path(literal).is_absolute():
        return False
    try:
        return (folder / literal).is_file()
    except OSError:  # too long for a name: no path was meant
        return False
