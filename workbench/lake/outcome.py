"""What becomes of a spine row: the row found for it holds, has expired, or there is none."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from workbench.lake.candidates import AT, LATEST, ViewRows

OUTCOMES = pl.Enum(["matched", "expired", "missing"])


def holds(view: ViewRows, row: str, event: str) -> pl.Expr:
    """Return whether a row was found, whose number is in the column `row`, and is not older than the ttl at `AT`."""
    found = pl.col(row).is_not_null()
    if not view.ttl:
        return found
    return found & (pl.col(AT) - pl.col(event) <= min(view.ttl // timedelta(microseconds=1), 2 * LATEST))


def outcome(view: ViewRows, row: str, event: str) -> pl.Expr:
    """Return ``matched``, ``expired`` or ``missing``."""
    held, found = holds(view, row, event), pl.col(row).is_not_null()
    told = pl.when(held).then(pl.lit("matched")).when(found).then(pl.lit("expired")).otherwise(pl.lit("missing"))
    return told.cast(OUTCOMES)
