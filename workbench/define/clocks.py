"""What reads the clock below Python, where a clock that is moved does not reach: numpy's ``now``, SQL's `current_date`.

Everything else that asks for the time is found by running it at another time (`worker.worlds`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_WORDS = frozenset({"now", "today"})
_SQL = frozenset({"sql", "sql_expr", "execute", "query", "from_query"})
_NUMPY_TIMES = re.compile(r"[<>=]?(datetime64|M8)\b")
_NUMPY_DAYS = frozenset({"datetime64", "busday_count", "busday_offset", "is_busday"})
_NO_CODE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", re.DOTALL)
_SQL_CLOCK = re.compile(
    r"\b(?:(?:current_date|current_timestamp|current_time|current_localtimestamp|current_localtime|localtimestamp"
    r"|localtime)\b|(?:now|today|get_current_timestamp|get_current_time|transaction_timestamp|statement_timestamp"
    r"|clock_timestamp)\s*\()",
    re.IGNORECASE,
)


def clock_reads(source: bytes) -> Iterator[tuple[int, str]]:
    """Yield the line and the words of each call in a file that reads such a clock; nothing where it is no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    has_sql = any(_name(call) in _SQL for call in calls)
    for call in calls:
        yield from _in_numpy(call)
    if has_sql:
        for line, text in _texts(tree):
            if found := _SQL_CLOCK.search(_NO_CODE.sub(" ", text)):
                yield line, found[0].rstrip("( \t\n")


def _in_numpy(call: ast.Call) -> Iterator[tuple[int, str]]:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    is_time = _name(call) in _NUMPY_DAYS or any(_is_time_dtype(value) for value in given)
    if not is_time:
        return
    values = [*given, call.func.value] if isinstance(call.func, ast.Attribute) else given  # as in .astype("M8[D]")
    for value in values:
        for part in ast.walk(value):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.lower() in _WORDS:
                yield part.lineno, f"numpy's {part.value!r}"


def _is_time_dtype(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return isinstance(value.value, str) and _NUMPY_TIMES.match(value.value) is not None
    return isinstance(value, ast.Attribute) and value.attr == "datetime64"


def _name(call: ast.Call) -> str:
    """Return the last name of what is called."""
    function = call.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield what may be SQL: texts that are no docstrings, and no names alone, such as a column's."""
    ignored = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    inside = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name(node) in _SQL
        for value in node.args
        for part in ast.walk(value)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in ignored:
            continue
        if id(node) in inside or not node.value.isidentifier():
            yield node.lineno, node.value
