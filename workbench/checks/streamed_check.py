"""`StreamedCheck`: a contract's rules on rows while they are written, so that these are not read again for it.

It has a thread of its own, for which nothing waits: checks are queries of Polars, whose threads hand over the rows, and
where these waited no query would come to its end. Rows that it does not keep up with are left to be read again.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import polars as pl

from workbench.checks.key_order import KeyOrder
from workbench.checks.rules import Rules, keep_rules, rules_of
from workbench.memory import memory_share

if TYPE_CHECKING:
    from workbench.define import Contract, FeatureModel

CELLS = 8_000_000
"""How many values are in memory at once while a view is checked: some 64 MB of numbers."""

_WAITING = 1
"""How many of such lots of values may wait to be looked at."""


def rows_at_once(contract: Contract, cells: int) -> int:
    """Return how many rows of a view are checked at a time."""
    return max(1, min(cells, memory_share(0.1) // 8) // len(contract.columns))


@dataclass(slots=True)
class StreamedCheck:
    """Whether all rows keep the rules that look at one row at a time; which rows break one it does not say.

    Attributes
    ----------
    order
        Whether keys are seen to differ.
    nulls
        How many nulls each column has.
    """

    schema: pl.Schema
    rules: Rules
    order: KeyOrder
    nulls: dict[str, int]
    most: int
    _rows: int = 0
    _broken: bool = False
    _held: list[pl.DataFrame] = field(default_factory=list)
    _height: int = 0
    _running: list[Future[None]] = field(default_factory=list)
    _beside: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="check"))

    @classmethod
    def of(cls, contract: Contract, model: type[FeatureModel]) -> Self | None:
        """Return the check of a view; None where a rule has to see all rows at once."""
        rules = rules_of(contract, model)
        if not rules.by_row:
            return None
        nulls = dict.fromkeys(contract.names, 0)
        return cls(contract.schema, rules, KeyOrder.of(contract), nulls, rows_at_once(contract, CELLS))

    def add(self, rows: pl.DataFrame) -> None:
        """Have a part of the rows looked at; parts may come in any order."""
        self._rows += rows.height
        if self._broken:
            return
        self._held.append(rows)
        self._height += rows.height
        if self._height < self.most:
            return
        if sum(not each.done() for each in self._running) > _WAITING:
            self._broken = True
            self._held.clear()
        else:
            self._start()

    def holds_for(self, total: int) -> bool:
        """Return whether all rows of a view, which has so many, were looked at and keep the rules."""
        self._start()
        for each in self._running:
            each.result()
        return not self._broken and self._rows == total

    def _start(self) -> None:
        held, self._held, self._height = self._held, [], 0
        if held:
            self._running.append(self._beside.submit(self._look, held))

    def _look(self, parts: list[pl.DataFrame]) -> None:
        if self._broken or any(dict(rows.schema) != dict(self.schema) for rows in parts):
            self._broken = True
            return
        for rows in parts:
            self.order.add(rows)
            for name in self.nulls:
                self.nulls[name] += rows[name].null_count()
        for rows in pl.concat([rows.select(self.schema.names()) for rows in parts]).iter_slices(self.most):
            self._broken = self._broken or not keep_rules(rows, self.rules)
