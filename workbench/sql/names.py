"""Which tables a query names, as DuckDB's own parser reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator

_WRITES = {"INSERT_QUERY_NODE", "UPDATE_QUERY_NODE", "DELETE_QUERY_NODE", "MERGE_QUERY_NODE"}
_FUNCTIONS = {"range", "generate_series", "unnest", "repeat", "repeat_row"}
"""Table functions that make their rows themselves; all others read files, settings or DuckDB's own tables."""
_LONGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class TableName:
    """A table that a query reads: its name, and its schema where one is written."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(slots=True)
class _Found:
    tables: dict[TableName, None] = field(default_factory=dict)
    local: set[str] = field(default_factory=set)


def tables_of(connection: Any, query: str) -> tuple[list[TableName], set[str]]:
    """Return the tables that `query` names, and the names it gives itself (``with x as ...``), in lower case."""
    if len(query) > _LONGEST:
        raise QueryError.not_a_select(f"has {len(query):,} characters")
    parsed = json.loads(connection.execute("select json_serialize_sql(?)", [query]).fetchall()[0][0])
    if parsed["error"]:
        raise _refusal(connection, query, str(parsed.get("error_message", "")))
    if len(parsed["statements"]) != 1:
        raise QueryError.not_a_select("is empty" if not parsed["statements"] else "holds several statements")
    found = _Found()
    for node in _nodes(parsed["statements"][0]):
        _look(node, found)
    return list(found.tables), found.local


def _look(node: dict[str, Any], found: _Found) -> None:
    kind = str(node.get("type"))  # a type of values is an object, as in `cast` and in a sample
    if "cte_map" in node:
        found.local |= {entry["key"].lower() for entry in node["cte_map"]["map"]}
    if kind in _WRITES:
        raise QueryError.not_a_select("writes")
    if kind == "SHOW_REF" and node.get("query") is None:
        raise QueryError.not_a_select(
            "lists DuckDB's own tables, which this database does not have: `catalog` lists the views"
        )
    if kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", ""))
        if name.lower() not in _FUNCTIONS:
            raise QueryError.not_a_select(f"calls {name}(), which does not read views or sources")
    if kind == "BASE_TABLE":
        if node.get("catalog_name"):
            name = ".".join([node["catalog_name"], node["schema_name"], node["table_name"]])
            raise QueryError.unknown_table(name, ())
        found.tables[TableName(node.get("schema_name", ""), node["table_name"])] = None


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in `value`, however deep, without recursion: a query may be nested deeper than Python goes."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting += reversed(item.values())
        elif isinstance(item, list):
            waiting += reversed(item)


def _refusal(connection: Any, query: str, message: str) -> QueryError:
    """Return the error for what DuckDB's parser does not serialise: something else than a SELECT, or no SQL."""
    import duckdb

    try:
        statements = connection.extract_statements(query)
    except duckdb.Error as error:
        return query_failure(error)
    kinds = {statement.type.name.lower() for statement in statements} - {"select"}
    if kinds == {"multi"}:  # duckdb makes an enumeration of a column's values first
        return QueryError(
            "The query has a PIVOT that takes its columns from the data, which is not one SELECT.",
            remedy="List the values that become columns: PIVOT t ON kind IN ('a', 'b') USING sum(x).",
        )
    if kinds:
        return QueryError.not_a_select(f"is not a SELECT but {' and '.join(sorted(kinds))}")
    return QueryError.failed(message)


def query_failure(error: BaseException) -> QueryError:
    """Return the error for a query that DuckDB refused: its first line as the message, those that point below it."""
    message, *rest = str(error).splitlines() or [type(error).__name__]
    if 'near "@"' in message:
        return QueryError(f"The query failed: {message}", remedy='Put the version in quotes, as in from "view@2".')
    return QueryError.failed(message, [f"  {line}" for line in rest if line.strip()][:8])
