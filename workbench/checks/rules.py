"""The contract's rules on values, run by pandera: nulls, bounds, allowed values, finite floats, own checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.checks.result import SHOWN

if TYPE_CHECKING:
    from workbench.checks.failures import Failures
    from workbench.define import Contract, FeatureModel

_FINITE = "finite"
_ROW_BY_ROW = frozenset(
    {
        *("equal_to", "not_equal_to", "in_range", "isin", "notin"),
        *("greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to"),
        *("str_matches", "str_contains", "str_startswith", "str_endswith", "str_length"),
    }
)
"""pandera's own checks that look at one value at a time, so that a view can be checked piece by piece."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A pandera schema for values alone: names and dtypes are checked before, and keys over the whole view.

    Attributes
    ----------
    schema
        The pandera schema; it never coerces.
    count
        How many rules it holds.
    by_row
        Whether each rule looks at one row at a time.
    """

    schema: Any
    count: int
    by_row: bool


def rules_of(contract: Contract, model: type[FeatureModel]) -> Rules:
    """Return the rules of `model`, with finiteness added for floats, and no nulls in keys and event time."""
    import pandera.polars as pa

    source = model.to_schema()
    columns = {}
    count = len(source.checks)
    by_row = not source.checks
    for column in contract.columns:
        checks = [_limit_cases(check) for check in source.columns[column.name].checks]
        by_row = by_row and all(check.name in _ROW_BY_ROW for check in checks)
        if column.dtype.is_float():
            checks.append(pa.Check(_is_finite, name=_FINITE, n_failure_cases=SHOWN))
        nullable = column.nullable and column.role not in ("entity", "event_time")
        columns[column.name] = pa.Column(column.dtype, checks=checks, nullable=nullable, coerce=False)
        count += len(checks) + (not nullable)
    checks = [_limit_cases(check) for check in source.checks]
    return Rules(pa.DataFrameSchema(columns, checks=checks, coerce=False), count, by_row)


def check_rows(frame: pl.DataFrame, rules: Rules, failures: Failures) -> None:
    """Add the rows of `frame` that break one of `rules` to `failures`."""
    for broken in _rule_failures(frame, _errors(frame, rules)):
        _add(frame, broken, failures)


def keep_rules(frame: pl.DataFrame, rules: Rules) -> bool:
    """Return whether no row of `frame` breaks one of `rules`."""
    return not _errors(frame, rules)


def _errors(frame: pl.DataFrame, rules: Rules) -> list[Any]:
    import pandera.errors
    from pandera.config import ValidationDepth, config_context

    # An environment variable can switch pandera off or to schema only; a gate must not depend on it.
    with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        try:
            rules.schema.validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as report:
            return list(report.schema_errors)
    return []


@dataclass(frozen=True, slots=True)
class _Broken:
    """One rule that pandera found broken: where (`None`: whole frame), and which rows hold (`None`: unknown)."""

    column: str | None
    label: str
    reason: str
    holds: pl.Series | None


def _rule_failures(frame: pl.DataFrame, errors: list[Any]) -> Iterator[_Broken]:
    for error in errors:
        column = None if hasattr(error.schema, "columns") else str(error.schema.name)
        label, reason = _describe_failure(error)
        output = error.check_output
        fits = isinstance(output, pl.DataFrame) and output.height == frame.height
        yield _Broken(column, label, reason, output.to_series() if fits else None)


def _add(frame: pl.DataFrame, broken: _Broken, failures: Failures) -> None:
    rule = broken.label if broken.column is None else f"{broken.column} {broken.label}"
    shown = broken.column or "(row)"
    if broken.holds is None:
        failures.add_whole(rule, column=shown, value=None, reason=broken.reason)
        return
    failing = ~broken.holds.fill_null(value=True)
    if broken.column is not None and broken.label != _FINITE and frame.schema[broken.column].is_float():
        failing &= ~frame[broken.column].is_nan().fill_null(value=False)  # counted once, as not finite
    if failing.any():
        values = None if broken.column else [name for name in frame.columns if name not in failures.keys]
        failures.add(rule, frame.filter(failing), column=shown, reason=broken.reason, values=values)


def _describe_failure(error: Any) -> tuple[str, str]:
    """Return how a broken rule is counted, and what is said of a row that breaks it."""
    check = error.check
    if check == "not_nullable":
        return "not null", "is null: write Feature(nullable=True), or .fill_null(...) in the view"
    if error.reason_code is not None and error.reason_code.name == "CHECK_ERROR":
        return f"check {_name(check)}", f"the check itself failed: {_one_line(error.failure_cases)}"
    name = _name(check)
    statistics: Mapping[str, Any] = getattr(check, "statistics", None) or {}
    match name:
        case "finite":
            return name, "is NaN or infinite: use null for unknown values, and check for division by zero"
        case "greater_than_or_equal_to":
            return f">= {statistics['min_value']}", f"is below {statistics['min_value']}"
        case "greater_than":
            return f"> {statistics['min_value']}", f"is not above {statistics['min_value']}"
        case "less_than_or_equal_to":
            return f"<= {statistics['max_value']}", f"is above {statistics['max_value']}"
        case "less_than":
            return f"< {statistics['max_value']}", f"is not below {statistics['max_value']}"
        case "isin":
            allowed = _one_line(", ".join(sorted(map(str, statistics["allowed_values"]))))
            return "in allowed values", f"is not one of {allowed}"
    settings = ", ".join(f"{key}={value!r}" for key, value in sorted(statistics.items()))
    said = getattr(check, "error", None) or f"{name}({settings})"
    return f"check {name}", f"fails {_one_line(said)}"


def _name(check: Any) -> str:
    return str(getattr(check, "name", None) or check)


def _one_line(value: object) -> str:
    if isinstance(value, pl.DataFrame):
        value = value.item(0, 0) if value.height and value.width else ""
    text = " ".join(str(value).split())
    return text if len(text) <= 160 else text[:157] + "..."


def _limit_cases(check: Any) -> Any:
    """Return a copy of `check` that reports a few failing values; pandera's report would hold each of a million."""
    limited = copy(check)
    limited.n_failure_cases = SHOWN
    return limited


def _is_finite(data: Any) -> pl.LazyFrame:
    checked: pl.LazyFrame = data.lazyframe.select(pl.col(data.key).is_finite())
    return checked
