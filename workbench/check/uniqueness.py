"""Rows that share a key, found over a whole view in the memory of one 64-bit hash a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from workbench.check.result import SHOWN

_EXACT = 1_000_000
_HASH = "_workbench_hash"


@dataclass(frozen=True, slots=True)
class Duplicates:
    """How many rows share their key with another row, and the first few of them, together by key."""

    count: int
    rows: pl.DataFrame


def duplicates(frame: pl.LazyFrame, by: Sequence[str], *, keep: Sequence[str]) -> Duplicates:
    """Return the rows of `frame` that agree in the columns `by` with another row.

    Nulls agree with nulls. A 64-bit hash finds the candidates, and candidates are compared by value, so the verdict
    is exact; only where more than a million rows are candidates is their number taken from the hashes.

    Parameters
    ----------
    frame
        The view; read once, and a second time where there are candidates.
    by
        The columns that should be unique together.
    keep
        Further columns of the rows that are returned.
    """
    wanted = list(dict.fromkeys([*by, *keep]))
    hashed = pl.struct(by).hash()
    hashes = frame.select(hashed.alias(_HASH)).collect(engine="streaming")[_HASH]
    if hashes.n_unique() == hashes.len():
        return Duplicates(0, frame.select(wanted).head(0).collect())
    repeated = hashes.filter(hashes.is_duplicated())
    if repeated.len() > _EXACT:
        first = repeated.unique(maintain_order=True).head(SHOWN)
        shown = frame.filter(hashed.is_in(first)).select(wanted).head(10 * SHOWN).collect(engine="streaming")
        return Duplicates(repeated.len(), _together(shown, by))
    candidates = frame.filter(hashed.is_in(repeated.unique())).select(wanted).collect(engine="streaming")
    same = candidates.filter(pl.struct(by).is_duplicated())
    return Duplicates(same.height, _together(same, by))


def _together(rows: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    return rows.sort(by, maintain_order=True).head(SHOWN)
