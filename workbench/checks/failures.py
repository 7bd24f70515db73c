"""`Failures`: rules that rows break, counted in full, and the first of the rows to show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from workbench.checks.result import SHOWN
from workbench.config import free_name
from workbench.records import plain_keys

_OURS = ("column", "value", "reason")
_WIDEST = 200
_PLACE, _TURN, _BEFORE, _RULE = "place among the rows", "turn of the entity", "rows before", "rule"


@dataclass(slots=True)
class Failures:
    """Collects failing rows while a view is read piece by piece.

    Of each rule 20 rows are kept: the first one of each entity, then the second ones, and so on.

    Parameters
    ----------
    keys
        The columns that identify a row: entities and event time, with their dtypes.
    entities
        Those of them that are entities.
    """

    keys: dict[str, pl.DataType]
    entities: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    _shown: dict[str, pl.DataFrame] = field(default_factory=dict)

    def add(
        self,
        rule: str,
        rows: pl.DataFrame,
        *,
        column: str,
        reason: str,
        count: int | None = None,
        values: Sequence[str] | None = None,
    ) -> None:
        """Count `rows` as breaking `rule` and keep some of them."""
        self.counts[rule] = self.counts.get(rule, 0) + (rows.height if count is None else count)
        named = [name for name in (values or [column]) if name in rows.columns]
        keys = [
            (pl.col(name) if name in rows.columns else pl.lit(None, dtype)).alias(_key(place))
            for place, (name, dtype) in enumerate(self.keys.items())
        ]
        some = self._spread(rows.select(*keys, pl.int_range(pl.len()).alias(_PLACE)), self._shown.get(rule))
        chosen = rows[some[_PLACE]]
        texts: list[str | None] = [None] * chosen.height
        if named:
            texts = _texts(chosen, named, alone=values is None)
        self._keep(rule, some.drop(_PLACE, _TURN), texts, column, reason)

    def add_whole(self, rule: str, *, column: str, value: str | None, reason: str) -> None:
        """Count one failure that is no single row's."""
        self.counts[rule] = self.counts.get(rule, 0) + 1
        nothing = pl.DataFrame({_key(place): pl.Series([None], dtype=dtype) for place, dtype in self._places()})
        self._keep(rule, nothing, [value], column, reason)

    def frame(self) -> pl.DataFrame | None:
        """Return at most 20 rows, in turn from each broken rule, or `None` where nothing failed."""
        if not self._shown:
            return None
        ranked = [
            rows.with_row_index(_PLACE).with_columns(pl.lit(number).alias(_RULE))
            for number, rows in enumerate(self._shown.values())
        ]
        taken = pl.concat(ranked).sort(_PLACE, _RULE).head(SHOWN).sort(_RULE, _PLACE)
        keys = plain_keys(taken.select(_key(place) for place, _ in self._places()))
        named = {name: free_name(f"key_{name}", self.keys) for name in self.keys if name in _OURS}
        names = {_key(place): named.get(name, name) for place, name in enumerate(self.keys)}
        return pl.concat([keys.rename(names), taken.select(_OURS)], how="horizontal")

    def _places(self) -> Iterator[tuple[int, pl.DataType]]:
        return enumerate(self.keys.values())

    def _spread(self, rows: pl.DataFrame, kept: pl.DataFrame | None) -> pl.DataFrame:
        """Return the rows to keep of an entity's first ones, second ones, ..., beside those that are `kept`."""
        entities = [_key(place) for place, name in enumerate(self.keys) if name in self.entities]
        turn = pl.int_range(pl.len())
        turned = rows.with_columns((turn.over(entities) if entities else turn).cast(pl.Int64).alias(_TURN))
        if kept is not None and entities:
            before = kept.group_by(entities).agg(pl.len().cast(pl.Int64).alias(_BEFORE))
            turned = turned.join(before, on=entities, how="left", nulls_equal=True, maintain_order="left")
            turned = turned.with_columns(pl.col(_TURN) + pl.col(_BEFORE).fill_null(0)).drop(_BEFORE)
        return turned.sort(_TURN, _PLACE).head(SHOWN)

    def _keep(self, rule: str, keys: pl.DataFrame, values: list[str | None], column: str, reason: str) -> None:
        said = pl.DataFrame({"value": values}, schema={"value": pl.String()}).select(
            pl.lit(column).alias("column"), "value", pl.lit(reason).alias("reason")
        )
        rows = pl.concat([keys, said], how="horizontal")
        if rule in self._shown:
            both = pl.concat([self._shown[rule], rows]).with_row_index(_PLACE)
            rows = self._spread(both, None).drop(_PLACE, _TURN)
        self._shown[rule] = rows


def _key(place: int) -> str:
    return f"key {place}"


def _texts(rows: pl.DataFrame, columns: Sequence[str], *, alone: bool) -> list[str | None]:
    """Return the values of each row for people, with the names of their columns unless one stands `alone`."""
    if alone:
        return [_value_text(value) for value in rows[columns[0]]]
    return [
        _value_text(", ".join(f"{name}={'null' if value is None else value}" for name, value in row.items()))
        for row in rows.select(columns).iter_rows(named=True)
    ]


def summary(counts: dict[str, int], *, rules: int) -> str:
    """Return one line that says which of `rules` rules are broken, the worst first.

    Examples
    --------
    >>> summary({"delay >= 0": 2, "delay finite": 1}, rules=7)
    '2 of 7 rules broken: delay >= 0 (2 rows), delay finite (1 row)'
    """
    worst = sorted(counts.items(), key=lambda item: -item[1])
    said = [f"{rule} ({count:,} row{'' if count == 1 else 's'})" for rule, count in worst[:3]]
    more = f", and {len(worst) - 3} more" if len(worst) > 3 else ""
    return f"{len(counts)} of {rules} rules broken: {', '.join(said)}{more}"


def list_names(names: Sequence[str]) -> str:
    """Return `names` for a sentence, the first six of them.

    Examples
    --------
    >>> list_names(["a", "b"])
    'a, b'
    """
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _value_text(value: object) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
