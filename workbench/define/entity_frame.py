"""A LazyFrame that can also be computed for some entities at a time, in the memory that these take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import polars as pl

if TYPE_CHECKING:
    from polars._typing import ColumnNameOrSelector, IntoExpr, IntoExprColumn

Step = Callable[[pl.LazyFrame], pl.LazyFrame]


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """A plan whose rows of one entity depend on that entity's events alone, and are sorted by entity.

    Attributes
    ----------
    events
        The events, in their own order.
    keys, time
        The columns they are to be sorted by, those of equal keys and time in their own order.
    of
        What makes the rows of some entities' events, sorted.
    """

    events: pl.LazyFrame
    keys: tuple[str, ...]
    time: str
    of: Callable[[pl.DataFrame], pl.LazyFrame]

    def then(self, step: Step) -> LocalPlan:
        """Return the plan that goes on with `step`, which looks at one row at a time."""
        return replace(self, of=lambda events: step(self.of(events)))


class EntityFrame(pl.LazyFrame):
    """A LazyFrame like any other; `local` says how to compute it by entity, as long as steps look at single rows."""

    local: LocalPlan | None = None

    @classmethod
    def of(cls, frame: pl.LazyFrame, local: LocalPlan | None) -> Self:
        """Return `frame` with the plan that computes the same rows by entity."""
        found = cls.__new__(cls)
        found._ldf = frame._ldf
        found.local = local
        return found

    def select(self, *exprs: IntoExpr | Iterable[IntoExpr], **named_exprs: IntoExpr) -> pl.LazyFrame:
        """Return the frame with these columns."""
        by_row = _by_row(exprs, named_exprs) and _has_column(exprs, named_exprs)
        return self._then(lambda frame: pl.LazyFrame.select(frame, *exprs, **named_exprs), by_row=by_row)

    def with_columns(self, *exprs: IntoExpr | Iterable[IntoExpr], **named_exprs: IntoExpr) -> pl.LazyFrame:
        """Return the frame with more columns."""
        by_row = _by_row(exprs, named_exprs)
        return self._then(lambda frame: pl.LazyFrame.with_columns(frame, *exprs, **named_exprs), by_row=by_row)

    def filter(
        self, *predicates: IntoExprColumn | Iterable[IntoExprColumn] | bool | list[bool], **constraints: Any
    ) -> pl.LazyFrame:
        """Return the frame with some of its rows."""
        by_row = all(isinstance(each, pl.Expr | str) for each in predicates) and _by_row(predicates, constraints)
        return self._then(lambda frame: pl.LazyFrame.filter(frame, *predicates, **constraints), by_row=by_row)

    def drop(
        self, *columns: ColumnNameOrSelector | Iterable[ColumnNameOrSelector], strict: bool = True
    ) -> pl.LazyFrame:
        """Return the frame without some columns."""
        return self._then(lambda frame: pl.LazyFrame.drop(frame, *columns, strict=strict), by_row=True)

    def _then(self, step: Step, *, by_row: bool) -> pl.LazyFrame:
        local = self.local.then(step) if self.local is not None and by_row else None
        return EntityFrame.of(step(self), local)


def _by_row(exprs: Iterable[object], named: Mapping[str, object]) -> bool:
    """Return whether each of these looks at one row at a time."""
    return all(map(_looks_at_one_row, _flat(exprs, named)))


def _has_column(exprs: Iterable[object], named: Mapping[str, object]) -> bool:
    """Return whether one of these has as many rows as its frame, so that it is not one row for each part."""
    return any(
        isinstance(each, str) or (isinstance(each, pl.Expr) and each.meta.root_names()) for each in _flat(exprs, named)
    )


def _flat(exprs: Iterable[object], named: Mapping[str, object]) -> list[object]:
    nested = (list(each) if isinstance(each, list | tuple) else [each] for each in exprs)
    return [*(each for some in nested for each in some), *named.values()]


def _looks_at_one_row(value: object) -> bool:
    if isinstance(value, pl.Expr):
        try:
            return all(map(_is_by_row, _parts(value)))
        except pl.exceptions.PolarsError:  # it needs a schema to tell, as a Python function does
            return False
    return isinstance(value, str | bool | int | float | None)


def _parts(value: pl.Expr) -> Iterator[pl.Expr]:
    yield value
    for part in value.meta.pop():
        yield from _parts(part)


def _is_by_row(value: pl.Expr) -> bool:
    """Return whether the outermost step of `value` looks at one row at a time; Polars says so of it alone."""
    if value.meta.is_literal():
        return pl.select(value).height == 1
    return value.meta.is_row_separable() and value.meta.is_length_preserving()
