"""`Failures`: rules that rows break, counted in full, and the first of the rows to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from workbench.check.result import SHOWN, plain_keys

_OURS = ("column", "value", "reason")
_WIDEST = 200


@dataclass(slots=True)
class Failures:
    """Collects failing rows while a view is read piece by piece.

    Parameters
    ----------
    keys
        The columns that identify a row: entities and event time, with their dtypes.
    """

    keys: dict[str, pl.DataType]
    counts: dict[str, int] = field(default_factory=dict)
    _shown: dict[str, list[pl.DataFrame]] = field(default_factory=dict)

    def add(self, rule: str, rows: pl.DataFrame, *, column: str, reason: str, count: int | None = None) -> None:
        """Count `rows` as breaking `rule` and keep the first of them.

        Parameters
        ----------
        rule
            What is broken, as it is counted.
        rows
            Failing rows; of the key columns and `column`, those that it has are shown.
        column
            Whose value is wrong.
        reason
            Why, for the person who reads the row.
        count
            How many rows fail, where `rows` has only some of them.
        """
        self.counts[rule] = self.counts.get(rule, 0) + (rows.height if count is None else count)
        kept = self._shown.setdefault(rule, [])
        wanted = SHOWN - sum(frame.height for frame in kept)
        if wanted > 0:
            kept.append(self._row_frame(rows.head(wanted), column, reason))

    def add_whole(self, rule: str, *, column: str, value: str | None, reason: str) -> None:
        """Count one failure that is no single row's."""
        self.counts[rule] = self.counts.get(rule, 0) + 1
        row = pl.DataFrame({"": [value]}, schema={"": pl.String()})
        nothing = row.select(pl.lit(None, dtype).alias(name) for name, dtype in self.keys.items())
        frame = row.select(pl.lit(column).alias("column"), pl.col("").alias("value"), pl.lit(reason).alias("reason"))
        self._shown.setdefault(rule, []).append(pl.concat([self._named(nothing), frame], how="horizontal"))

    def frame(self) -> pl.DataFrame | None:
        """Return at most 20 rows, in turn from each broken rule, or `None` where nothing failed."""
        ranked = [
            pl.concat(frames).with_row_index("_rank").with_columns(_rule=pl.lit(position))
            for position, frames in enumerate(self._shown.values())
            if frames
        ]
        if not ranked:
            return None
        taken = pl.concat(ranked).sort("_rank", "_rule").head(SHOWN).sort("_rule", "_rank")
        return taken.drop("_rank", "_rule")

    def _row_frame(self, rows: pl.DataFrame, column: str, reason: str) -> pl.DataFrame:
        keys = rows.select(
            pl.col(name) if name in rows.columns else pl.lit(None, dtype).alias(name)
            for name, dtype in self.keys.items()
        )
        values = [_shown_value(value) for value in rows[column]] if column in rows.columns else [None] * rows.height
        said = pl.DataFrame({"value": values}, schema={"value": pl.String()}).select(
            pl.lit(column).alias("column"), pl.col("value"), pl.lit(reason).alias("reason")
        )
        return pl.concat([self._named(keys), said], how="horizontal")

    def _named(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Return the keys ready to stand beside our columns, whose names they may have."""
        return plain_keys(keys).rename({name: f"key_{name}" for name in self.keys if name in _OURS})


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


def listed(names: Sequence[str]) -> str:
    """Return `names` for a sentence, the first six of them.

    Examples
    --------
    >>> listed(["a", "b"])
    'a, b'
    """
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _shown_value(value: object) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
