"""Reading rows of a stored view by their numbers, without what lies between."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from workbench.lake.candidates import ROW

GAP = 262_144
"""Rows that nobody asked for, from which it pays not to read them: a row group of a computed view."""
PARTS = 64


def fetch(rows: pl.LazyFrame, features: Mapping[str, str], numbers: pl.Series) -> pl.DataFrame:
    """Return the rows with the given `numbers`.

    Parameters
    ----------
    rows
        A scan of files, in which a row always has the same number.
    features
        Column of the rows by the name it gets.
    numbers
        Row numbers, in any order and repeated as may be; null stands for no row.

    Returns
    -------
    pl.DataFrame
        The features, one row a number, in the order of `numbers`; nulls where a number is null.
    """
    wanted = numbers.drop_nulls().unique().sort()
    columns = rows.select(**{name: pl.col(column) for name, column in features.items()})
    if wanted.is_empty():
        return pl.DataFrame(schema=columns.collect_schema()).clear(len(numbers))
    read = pl.concat([_between(columns, part) for part in _parts(wanted)]).drop(ROW).collect(engine="streaming")
    places = pl.Series(np.searchsorted(wanted.to_numpy(), numbers.fill_null(0).to_numpy()))
    return read.select(pl.all().gather(places.set(numbers.is_null(), None)))


def _between(columns: pl.LazyFrame, wanted: pl.Series) -> pl.LazyFrame:
    """Return the rows with the numbers `wanted`, which are sorted, with their numbers."""
    first, last = wanted[0], wanted[-1]
    near = columns.slice(first, last - first + 1).with_row_index(ROW, offset=first)
    return near if len(wanted) == last - first + 1 else near.filter(pl.col(ROW).is_in(wanted.implode()))


def _parts(wanted: pl.Series) -> list[pl.Series]:
    """Return the sorted numbers cut at their widest gaps."""
    gaps = wanted.diff().cast(pl.Int64)
    wide = gaps.arg_sort(descending=True, nulls_last=True).head(PARTS - 1)
    cuts = sorted(place for place in wide if (gaps[place] or 0) > GAP)
    return [wanted[start:end] for start, end in zip([0, *cuts], [*cuts, len(wanted)], strict=True)]
