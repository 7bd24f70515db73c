"""Reading a pandera schema into a contract: our options, and pandera's further checks as text."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

from workbench.define.contract import ColumnContract, Role
from workbench.define.dtypes import instance
from workbench.define.model import KEY, FeatureOptions

_BOUNDS = {
    "greater_than_or_equal_to": ("ge", "min_value"),
    "greater_than": ("gt", "min_value"),
    "less_than_or_equal_to": ("le", "max_value"),
    "less_than": ("lt", "max_value"),
    "isin": ("isin", "allowed_values"),
}


def column_contract(column: Any, *, role: Role) -> ColumnContract:
    """Return the contract of one pandera column.

    Bounds are read from the checks that pandera will run, so that the contract says what is checked,
    whether they were written with `Feature` or with pandera's own ``Field``.
    """
    options: FeatureOptions = (column.metadata or {}).get(KEY, FeatureOptions())
    bounds: dict[str, Any] = {}
    rules = []
    for check in column.checks:
        option, statistic = _BOUNDS.get(check.name, ("", ""))
        if option and option not in bounds:
            value = (check.statistics or {})[statistic]
            bounds[option] = tuple(value) if option == "isin" else value
        else:
            rules.append(_rule(check))
    if options.isin is not None:
        bounds["isin"] = options.isin  # in the user's order; pandera keeps a set
    return ColumnContract(
        name=column.name,
        dtype=instance(column.dtype.type),
        role=role,
        unit=options.unit,
        tolerance=options.tolerance,
        **bounds,
        nullable=column.nullable,
        unique=column.unique,
        description=column.description,
        default=options.default,
        deprecated=options.deprecated,
        rules=tuple(sorted(rules)),
    )


def frame_rules(schema: Any) -> tuple[str, ...]:
    """Return the checks over whole frames, and the columns that are unique together, as text."""
    rules = [_rule(check) for check in schema.checks]
    if schema.unique:
        rules.append(f"unique({', '.join(sorted(schema.unique))})")
    return tuple(sorted(rules))


def _rule(check: Any) -> str:
    """Return a check as text that changes when what it checks does."""
    if check.statistics:
        settings = ", ".join(f"{key}={value!r}" for key, value in sorted(check.statistics.items()))
        return f"{check.name}({settings})"
    function = _written(check._check_fn)
    try:
        source = ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(function))))
    except (OSError, TypeError, SyntaxError):
        return str(check.name)
    return f"{check.name}: {source}"


def _written(function: Any) -> Any:
    """Return the function that the user wrote: pandera wraps a model's methods twice."""
    while True:
        inside = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
        infos = [value.check_fn for value in inside if hasattr(value, "check_fn")]
        inner = infos[0] if infos else getattr(function, "__wrapped__", None) or getattr(function, "func", None)
        inner = getattr(inner, "__func__", inner)
        if inner is None:
            return function
        function = inner
