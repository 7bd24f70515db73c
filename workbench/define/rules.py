"""Reading a pandera schema into a contract: our options, and pandera's further checks as rules.

A rule is one text. Its first line says what rule it is: pandera's own checks are known by their settings, the user's by
the code that they reach (`fingerprint.check_hash`). The lines below are the source, for people to read.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any

from workbench.define.contract import ColumnContract, Role
from workbench.define.model import KEY, FeatureOptions
from workbench.dtypes import instance
from workbench.errors import DefinitionError, NotFingerprintable

if TYPE_CHECKING:
    from workbench.define.model import FeatureModel
    from workbench.fingerprint import SourceCodes

_BOUNDS = {
    "greater_than_or_equal_to": ("ge", "min_value"),
    "greater_than": ("gt", "min_value"),
    "less_than_or_equal_to": ("le", "max_value"),
    "less_than": ("lt", "max_value"),
    "isin": ("isin", "allowed_values"),
}


@dataclass(frozen=True, slots=True)
class RuleReader:
    """Reads the rules of a model.

    Attributes
    ----------
    model
        The model.
    sources
        The files read so far.
    offset
        How many lines the model's module is ahead of the user's cell.
    """

    model: type[FeatureModel]
    sources: SourceCodes
    offset: int = 0

    def of_column(self, column: Any) -> tuple[str, ...]:
        """Return the rules of a pandera column beyond its bounds."""
        return tuple(sorted(self._rule(check) for check in _split(column)[1]))

    def of_frame(self, schema: Any) -> tuple[str, ...]:
        """Return the rules over whole frames, and the columns that are unique together."""
        rules = [self._rule(check) for check in schema.checks]
        if schema.unique:
            rules.append(f"unique({', '.join(sorted(schema.unique))})")
        return tuple(sorted(rules))

    def _rule(self, check: Any) -> str:
        from workbench.fingerprint import check_hash

        settings = dict(sorted((check.statistics or {}).items()))
        settings |= {name: getattr(check, name) for name, usual in _USUAL.items() if getattr(check, name) != usual}
        said = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        head = f"{check.name}({said})" if said else str(check.name)
        function = _user_function(check._check_fn)
        if not isinstance(function, FunctionType):
            if _is_panderas(type(function).__module__):
                return head
            raise NotFingerprintable.reaching(
                "is not a function", where=f"the check {check.name}", remedy="Write it as a method of the model."
            )
        code = check_hash(function, self.model, sources=self.sources, offset=self.offset)
        return f"{head} [{code[:16]}]\n{_source(function)}"


_USUAL = {"ignore_na": True, "element_wise": False, "groupby": None}
"""What else says how a check is made, and what it usually is."""


def column_contract(column: Any, *, role: Role) -> ColumnContract:
    """Return the contract of one pandera column, without its rules.

    Bounds are read from the checks that pandera will run, so that the contract says what is checked,
    whether they were written with `Feature` or with pandera's own ``Field``.
    """
    options: FeatureOptions = (column.metadata or {}).get(KEY, FeatureOptions())
    bounds = _split(column)[0]
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
    )


def _split(column: Any) -> tuple[dict[str, Any], list[Any]]:
    """Return the bounds of a column, and its further checks."""
    bounds: dict[str, Any] = {}
    rules = []
    for check in column.checks:
        if check.raise_warning:
            raise DefinitionError(
                f"Column {column.name!r}: {check.name} has raise_warning=True, but a rule only passes or fails.",
                remedy="Remove raise_warning, or the rule.",
            )
        found = dict(_bounds(check))
        if found and not bounds.keys() & found.keys():
            bounds |= found
        else:
            rules.append(check)
    return bounds, rules


def _bounds(check: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a check of pandera's says of bounds; nothing for any other one."""
    settings: Mapping[str, Any] = check.statistics or {}
    if any(getattr(check, name) != usual for name, usual in _USUAL.items()):
        return
    if check.name == "in_range" and settings.keys() >= {"min_value", "max_value"}:
        yield "ge" if settings.get("include_min", True) else "gt", settings["min_value"]
        yield "le" if settings.get("include_max", True) else "lt", settings["max_value"]
    elif check.name in _BOUNDS:
        option, statistic = _BOUNDS[check.name]
        yield option, tuple(settings[statistic]) if option == "isin" else settings[statistic]


def _source(function: Any) -> str:
    try:
        return ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(function))))
    except (OSError, TypeError, SyntaxError):
        return ""


def _user_function(function: Any) -> Any:
    """Return the function that the user wrote: pandera wraps a model's methods twice, and what was registered once."""
    while not isinstance(function, FunctionType) or _is_panderas(str(function.__globals__.get("__name__"))):
        inside = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
        infos = [value.check_fn for value in inside if hasattr(value, "check_fn")]
        inner = infos[0] if infos else getattr(function, "__wrapped__", None) or getattr(function, "func", None)
        inner = getattr(inner, "__func__", inner)
        if inner is None:
            return function
        function = inner
    return function


def _is_panderas(module: str) -> bool:
    return module.partition(".")[0] == "pandera"
