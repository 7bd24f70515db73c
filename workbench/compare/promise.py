"""The difference of two contracts, and which of its parts a reader of the old one could not bear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
        ``column``, ``dtype``, ``unit``, ``role``, ``nullable``, ``tolerance``, ``range``, ``isin``, ``rules``, ...
    before, after
        As people read it; None for what is not there.
    breaking
        Whether code that relied on the old promise may fail, or be wrong: a column gone, another dtype, unit or key,
        nulls or values newly allowed. A promise that became stricter breaks nobody.
    """

    column: str | None
    what: str
    before: str | None
    after: str | None
    breaking: bool

    @property
    def sentence(self) -> str:
        """What changed, for people."""
        about = f"{self.column}: " if self.column else ""
        if self.before is None:
            return f"{about}{self.what} {self.after} is new"
        if self.after is None:
            return f"{about}{self.what} {self.before} is gone"
        return f"{about}{self.what} {self.before} -> {self.after}"

    def to_dict(self) -> dict[str, Any]:
        """Return the change as JSON-ready values."""
        return {
            "column": self.column,
            "what": self.what,
            "before": self.before,
            "after": self.after,
            "breaking": self.breaking,
        }


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
    if left.rules != right.rules:
        found.append(ContractChange(None, "rules", _text(left.rules), _text(right.rules), breaking=False))
    return tuple(found)


def _column(old: ColumnContract, new: ColumnContract) -> Iterator[ContractChange]:
    name = old.name
    for what, before, after in (
        ("dtype", old.dtype, new.dtype),
        ("unit", old.unit, new.unit),
        ("role", old.role, new.role),
    ):
        if before != after:
            yield ContractChange(name, what, _text(before), _text(after), breaking=True)
    if old.nullable != new.nullable:
        yield ContractChange(name, "nullable", _text(old.nullable), _text(new.nullable), breaking=new.nullable)
    if old.tolerance != new.tolerance:
        looser = (new.tolerance or 0) > (old.tolerance or 0)
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
    for what in ("rules", "default", "description", "deprecated"):
        before, after = getattr(old, what), getattr(new, what)
        if before != after:
            yield ContractChange(name, what, _text(before), _text(after), breaking=False)


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
