"""The difference of two contracts, and which of its parts a reader of the old one could not bear."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.define import rule_identity, same_unit
from workbench.times import format_duration

if TYPE_CHECKING:
    from workbench.define import ColumnContract, Contract

_LIMITS = ((("ge", "gt"), 1), (("le", "lt"), -1))
"""The names of a side's limits, the one that is allowed itself first, and where inwards is."""


@dataclass(frozen=True, slots=True)
class ContractChange:
    """One change of a promise.

    Attributes
    ----------
    column
        The column; None where it is about the view.
    what
        ``column``, ``dtype``, ``unit``, ``role``, ``nullable``, ``tolerance``, ``ge``, ``rules``, ``ttl``, ...
    before, after
        As people read it; None for what is not there.
    breaking
        Whether code that relied on the old promise may fail, or be wrong: a column gone, another dtype, unit or key,
        nulls or values newly allowed, a rule gone or replaced by one that is not known to imply it, other values for
        readers by another ttl or default. A promise that became stricter breaks nobody.
    """

    column: str | None
    what: str
    before: str | None
    after: str | None
    breaking: bool

    @property
    def sentence(self) -> str:
        """What changed, for people."""
        about = (f"{self.column}: " if self.column else "") + ("rule" if self.what == "rules" else self.what)
        if self.before is None:
            return f"{about} {self.after} is new"
        if self.after is None:
            return f"{about} {self.before} is gone"
        return f"{about} {self.before} -> {self.after}"


def contract_changes(left: Contract, right: Contract) -> tuple[ContractChange, ...]:
    """Return what differs between the promises of `left` and `right`, column by column."""
    old, new = {c.name: c for c in left.columns}, {c.name: c for c in right.columns}
    found: list[ContractChange] = []
    for name, column in old.items():
        if name not in new:
            found.append(ContractChange(name, "column", str(column.dtype), None, breaking=True))
        else:
            found += _column(column, new[name])
    for name, column in new.items():
        if name not in old:
            is_key = column.role != "feature"
            found.append(ContractChange(name, "column", None, str(column.dtype), breaking=is_key))
    found += _rules(None, left.rules, right.rules)
    if left.ttl != right.ttl:  # readers get nulls where there were values, or values where there were nulls
        before, after = (None if ttl is None else format_duration(ttl) for ttl in (left.ttl, right.ttl))
        found.append(ContractChange(None, "ttl", before, after, breaking=True))
    return tuple(found)


def _column(old: ColumnContract, new: ColumnContract) -> Iterator[ContractChange]:
    name = old.name
    for what, before, after in (
        ("dtype", old.dtype, new.dtype),
        ("unit", old.unit, new.unit),
        ("role", old.role, new.role),
    ):
        if before != after:
            named = what == "unit" and same_unit(old.unit, new.unit)  # under another name
            yield ContractChange(name, what, _text(before), _text(after), breaking=not named)
    if old.nullable != new.nullable:
        yield ContractChange(name, "nullable", _text(old.nullable), _text(new.nullable), breaking=new.nullable)
    if old.tolerance != new.tolerance:
        looser = _allowed(new.tolerance) > _allowed(old.tolerance)
        yield ContractChange(name, "tolerance", _text(old.tolerance), _text(new.tolerance), breaking=looser)
    for limits, sign in _LIMITS:
        wider = _wider(_bound(old, limits, sign), _bound(new, limits, sign), sign)
        for limit in limits:
            before, after = getattr(old, limit), getattr(new, limit)
            if before != after:
                yield ContractChange(name, limit, _text(before), _text(after), breaking=wider)
    if old.isin != new.isin:
        wider = old.isin is not None and (new.isin is None or not set(new.isin) <= set(old.isin))
        yield ContractChange(name, "isin", _text(old.isin), _text(new.isin), breaking=wider)
    if old.unique != new.unique:
        yield ContractChange(name, "unique", _text(old.unique), _text(new.unique), breaking=old.unique)
    yield from _rules(name, old.rules, new.rules)
    for what in ("default", "description", "deprecated"):
        before, after = getattr(old, what), getattr(new, what)
        if before != after:  # a default is what readers get where there is no value
            yield ContractChange(name, what, _text(before), _text(after), breaking=what == "default")


def _allowed(tolerance: float | None) -> float:
    """Return the largest difference between equal values; floats without a tolerance may differ by noise."""
    return sys.float_info.min if tolerance is None else tolerance


def _rules(column: str | None, old: Sequence[str], new: Sequence[str]) -> Iterator[ContractChange]:
    """Yield how rules differ: one that is gone, or was another one, is no longer what readers may rely on."""
    before, after = {rule_identity(rule) for rule in old}, {rule_identity(rule) for rule in new}
    gone, come = sorted(before - after), sorted(after - before)
    for rule in gone:
        successor = next((other for other in come if _name(other) == _name(rule)), None)
        if successor is None:
            yield ContractChange(column, "rules", _rule_text(rule), None, breaking=True)
            continue
        come.remove(successor)
        said = (
            _rule_text(successor)
            if _rule_text(successor) != _rule_text(rule)
            else f"{_rule_text(rule)} with other code"
        )
        yield ContractChange(column, "rules", _rule_text(rule), said, breaking=not _is_stricter(rule, successor))
    yield from (ContractChange(column, "rules", None, _rule_text(rule), breaking=False) for rule in come)


def _name(rule: str) -> str:
    return re.split(r"\(| \[", rule, maxsplit=1)[0]


def _rule_text(rule: str) -> str:
    """Return a rule without the hash of its code."""
    return re.sub(r" \[[0-9a-f]+\]$", "", rule)


def _is_stricter(old: str, new: str) -> bool:
    """Whether all that keeps the rule `new` keeps `old`: known of some of pandera's own rules alone."""
    name, before, after = _name(old), _settings(old), _settings(new)
    if before is None or after is None:
        return False
    match name:
        case "str_length":
            return not any(
                _wider(_limit(before.get(limit)), _limit(after.get(limit)), sign)
                for limit, sign in (("min_value", 1), ("max_value", -1))
            ) and before.get("exact_value") in {None, after.get("exact_value")}
        case "notin":
            return set(before["forbidden_values"]) <= set(after["forbidden_values"])
        case "unique":
            return set(after) <= set(before)
    return False


def _limit(value: Any) -> tuple[Any, bool] | None:
    return None if value is None else (value, False)


def _settings(rule: str) -> dict[str, Any] | None:
    """Return the settings of a rule by name; None where they are no plain values, or its code counts too."""
    try:
        call = ast.parse(rule, mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(call, ast.Call):
        return None
    try:
        named = {keyword.arg or "": ast.literal_eval(keyword.value) for keyword in call.keywords}
    except ValueError:
        return None
    return named | {argument.id: True for argument in call.args if isinstance(argument, ast.Name)}


def _bound(column: ColumnContract, limits: tuple[str, str], sign: int) -> tuple[Any, bool] | None:
    """Return the narrower of two limits, and whether it is itself excluded; None without any."""
    closed, opened = (getattr(column, limit) for limit in limits)
    if opened is None:
        return None if closed is None else (closed, False)
    if closed is None or not _outside(opened, closed, sign):
        return opened, True
    return closed, False


def _wider(before: tuple[Any, bool] | None, after: tuple[Any, bool] | None, sign: int) -> bool:
    """Whether values are allowed that were not."""
    if before is None or after is None:
        return before is not None
    if before[0] == after[0]:
        return before[1] and not after[1]
    return _outside(after[0], before[0], sign)


def _outside(limit: Any, other: Any, sign: int) -> bool:
    """Whether a limit lies further out than another; limits of different kinds do not compare, so it may."""
    try:
        return bool(limit < other) if sign > 0 else bool(limit > other)
    except TypeError:
        return True


def _text(value: object) -> str | None:
    if value is None or value == ():
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
