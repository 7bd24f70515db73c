"""`KeyOrder`: rows that are sorted by their key have no key twice; nothing needs to be hashed to see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import polars as pl

if TYPE_CHECKING:
    from workbench.define import Contract

_FIRST = 100
"""How many rows show in which order the others may be."""


@dataclass(slots=True)
class KeyOrder:
    """Whether keys are seen to differ: rows come in parts, each in order, and no part reaches into another.

    Attributes
    ----------
    orders
        The orders of the key's columns that rows may have: the entity or the time first, as the first rows show.
    """

    orders: list[list[str]]
    _ends: list[pl.DataFrame] = field(default_factory=list)

    @classmethod
    def of(cls, contract: Contract) -> Self:
        """Return the orders of a view's key in which its rows may be sorted."""
        names = [column.name for column in contract.columns if column.role == "entity"]
        times = [column.name for column in contract.columns if column.role not in ("entity", "feature")]
        flat = not any(contract[name].dtype.is_nested() for name in (*names, *times))
        return cls([[*names, *times], [*times, *names]] if flat and times else [])

    @property
    def strict(self) -> bool:
        """Whether no row so far shares its key with another, which the order of the rows shows."""
        return any(map(self._is_apart, self.orders))

    def add(self, rows: pl.DataFrame) -> None:
        """Look at a part of the rows; parts may come in any order."""
        if not self.orders or rows.is_empty():
            return
        keys = rows.select(sorted(self.orders[0]))
        fits = self.orders
        for looked_at in (keys.head(_FIRST), keys):  # most orders that do not hold break at once
            fits = [order for order in fits if _is_increasing(looked_at[:-1], looked_at[1:], order)]
        self.orders = fits
        self._ends.append(_copy(keys[[0, keys.height - 1]] if keys.height > 1 else keys))

    def _is_apart(self, order: Sequence[str]) -> bool:
        """Return whether each part ends before the next one begins."""
        if not self._ends:
            return True
        firsts = pl.concat([ends.head(1) for ends in self._ends])
        ends = pl.concat([self._ends[place] for place in firsts.select(pl.arg_sort_by(order)).to_series()])
        return _is_increasing(ends[:-1], ends[1:], order)


def _copy(rows: pl.DataFrame) -> pl.DataFrame:
    """Return `rows` without the texts of other rows, which a part of a column holds on to."""
    columns = (pl.Series(each.name, each.to_list(), each.dtype) if each.dtype == pl.String else each for each in rows)
    return pl.DataFrame(list(columns))


def _is_increasing(rows: pl.DataFrame, following: pl.DataFrame, order: Sequence[str]) -> bool:
    """Return whether each of `following` comes after its row, by the columns `order`; False where one is null."""
    name, *others = order
    one, other = rows[name], following[name]
    if one.null_count() or other.null_count():
        return False
    changed = one != other
    if not changed.all():
        one, other = one.filter(changed), other.filter(changed)
    if not (other > one).all():
        return False
    if one.len() == changed.len():
        return True
    if not others:
        return False
    return _is_increasing(rows.select(others).filter(~changed), following.select(others).filter(~changed), others)
