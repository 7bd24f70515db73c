"""`Blocks`: the reference cut into blocks as long as the current rows, so that what is usual for these can be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.profile import as_numbers, count_passed

if TYPE_CHECKING:
    from workbench.profile import Numbers

FEWEST_BLOCKS = 3
"""Fewer say nothing about what is usual."""

FEWEST_ROWS = 20
"""A block of a reference that is too short for blocks as long as the current rows has at least so many rows."""

SHORT = 8
"""Into so many shorter blocks such a reference is cut."""

DAY = 86_400.0
SEASONS = {"day": DAY, "week": 7 * DAY, "year": 364 * DAY}
"""In seconds; the year as whole weeks, so that the same days of the week are compared."""

_STEPS = (DAY, 7 * DAY, 14 * DAY, 28 * DAY, 364 * DAY)
"""Blocks begin at the same place in one of these, the first that is long enough, so that they can have seasons."""

_MOST = 400
_FARTHEST = 1_000_000
_LOOKED_AT = 10_000
_NEARLY = 0.03
_ENOUGH = 0.3

_AT_ONCE = 1 << 16
"""Rows that are counted together."""
_FEW = 32
"""To compare with so many bounds is faster than to search among them."""

Places = npt.NDArray[np.int64]
RowPlaces = Callable[[int, int], Places]
"""Finds the places of the rows from one to before another."""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Blocks of the reference, the one nearest to the current rows first.

    Attributes
    ----------
    of_row
        For each row of the reference the place of its block, or the number of blocks where it is in none.
    numbers
        For each block how many steps it lies from the current rows.
    ahead
        How many steps lie between the reference and the current rows.
    seasons
        By name, after how many steps a season begins again.
    is_short
        Whether blocks are shorter than the current rows, since the reference has not three as long.
    is_timed
        Whether the current rows' place in time is known: without it, nothing can be said of season and trend.
    length
        How many blocks as long as one the current rows are.
    """

    of_row: Places
    numbers: Places
    ahead: int = 0
    seasons: tuple[tuple[str, int], ...] = ()
    is_short: bool = False
    is_timed: bool = False
    length: float = 1.0

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def of(cls, reference: pl.Series | None, current: pl.Series | None, rows: tuple[int, int]) -> Self | None:
        """Return the blocks by both sides' times, or by the order of rows; `None` for too short a reference."""
        if reference is None:
            return cls._in_order(np.arange(rows[0], dtype=np.float64), rows)
        times = as_numbers(reference).fill_null(np.nan).to_numpy()
        later = None if current is None else as_numbers(current.drop_nulls()).to_numpy()
        if later is None or not len(later):
            return cls._in_order(times, rows)
        return cls._in_time(times, later, rows[1], whole=not reference.dtype.is_temporal()) or cls._short(times, later)

    @classmethod
    def _in_order(cls, times: Numbers, rows: tuple[int, int]) -> Self | None:
        """Return blocks of as many rows as the current side has, by rank of time."""
        known = int(np.count_nonzero(~np.isnan(times)))
        count = min(known // max(1, rows[1]), _MOST)
        if count < FEWEST_BLOCKS:
            return cls._short(times, None)
        return cls(_rank_rows(times, count), np.arange(1, count + 1))

    @classmethod
    def _short(cls, times: Numbers, later: Numbers | None) -> Self | None:
        known = _known(times)
        count = min(SHORT, len(known) // FEWEST_ROWS)
        if count < FEWEST_BLOCKS:
            return None
        of_row = _rank_rows(times, count)
        if later is None:
            return cls(of_row, np.arange(1, count + 1), is_short=True)
        first, last, begin, end = (float(edge) for side in (known, later) for edge in (side.min(), side.max()))
        span = last - first or 1.0
        backwards = last - end > begin - first
        numbers = np.arange(count, 0, -1) if backwards else np.arange(1, count + 1)
        length = (end - begin) / span * count
        gap = max(0.0, first - end if backwards else begin - last)
        ahead = int(gap / span * count)
        return cls(of_row, numbers + ahead, ahead, is_short=True, is_timed=True, length=length)

    @classmethod
    def _in_time(cls, times: Numbers, later: Numbers, rows: int, *, whole: bool) -> Self | None:
        first, last = float(np.nanmin(times, initial=np.inf)), float(np.nanmax(times, initial=-np.inf))
        begin, end = float(later.min()), float(later.max())
        if last - end > begin - first:  # there is more of the reference after the current rows than before
            times, begin, end, first, last = -times, -end, -begin, -last, -first
        between = (end - begin) / max(1, pl.Series(later).n_unique() - 1) if end > begin else _spacing(times)
        length = _round(end - begin + between)
        if not length > 0 or not np.isfinite(length) or last - first < FEWEST_BLOCKS * length:
            return None
        season = next((step for step in _STEPS if length <= step), None) if not whole else None
        step = length if season is None else season / int(season / length)
        places = np.floor((times - begin) / step)
        with np.errstate(invalid="ignore"):
            held = (places < 0) & (times - (begin + places * step) < length)
        numbers = np.where(held & (places > -_FARTHEST), -places, 0).astype(np.int64)
        counts = np.bincount(numbers)
        chosen = np.flatnonzero(counts >= max(1, _ENOUGH * rows))
        chosen = chosen[chosen > 0]
        daily = round(DAY / step)
        if len(chosen) > _MOST and season is not None and daily > 1:
            chosen = chosen[chosen % daily == 0]  # at the same time of the day
        chosen = chosen[:_MOST]
        if len(chosen) < FEWEST_BLOCKS:
            return None
        where = np.full(len(counts), len(chosen))
        where[chosen] = np.arange(len(chosen))
        seasons = (
            ()
            if whole
            else tuple(
                (name, round(period / step))
                for name, period in SEASONS.items()
                if period >= length and abs(period / step - round(period / step)) < 1e-6 and round(period / step) > 1
            )
        )
        ahead = int(max(0.0, begin - last) / step)
        return cls(where[numbers], chosen, ahead, seasons, is_timed=True)

    def counts(self, bins: Places | RowPlaces, width: int) -> Numbers:
        """Return the rows of each block in each of `width` bins; `bins` are those of the rows, or finds them."""
        place = bins if callable(bins) else lambda first, last: bins[first:last]
        found = np.zeros((len(self) + 1, width))
        for first in range(0, len(self.of_row), _AT_ONCE):
            last = first + _AT_ONCE
            of_row, some = self.of_row[first:last], place(first, last)
            if of_row[0] == of_row[-1] and (of_row == of_row[0]).all():  # rows of a block mostly come together
                found[of_row[0]] += np.bincount(some, minlength=width)
            else:
                found += np.bincount(of_row * width + some, minlength=found.size).reshape(found.shape)
        return found[:-1]

    def split(self, values: Numbers) -> list[Numbers]:
        """Return the values of each block, which a row has each, in order; NaN is left out."""
        held = (self.of_row < len(self)) & ~np.isnan(values)
        of_row, kept = self.of_row[held].astype(np.int16), values[held]  # so few numbers are sorted by their digits
        grouped = kept[np.argsort(of_row, kind="stable")]
        cuts = np.cumsum(np.bincount(of_row, minlength=len(self)))[:-1]
        return [np.sort(block) for block in np.split(grouped, cuts)]


def _rank_rows(times: Numbers, count: int) -> Places:
    """Return the block of each row, of about equally many rows, the last ones first; rows of one time together."""
    known = _known(times)
    looked_at = np.sort(known[:: max(1, len(known) // _LOOKED_AT)])
    bounds = np.unique(looked_at[[len(looked_at) * number // count for number in range(1, count)]])
    few = len(bounds) <= _FEW
    passed = count_passed(bounds, times) if few else np.searchsorted(bounds, times, side="right")
    places = np.subtract(count - 1, passed, out=passed)
    if len(known) < len(times):
        places[np.isnan(times)] = count
    return places


def _known(times: Numbers) -> Numbers:
    """Return the times that there are."""
    unknown = np.isnan(times)
    return times[~unknown] if unknown.any() else times


def _spacing(times: Numbers) -> float:
    """Return the usual distance between two times; of the first ten thousand, as they come or in order."""
    some = np.unique(_known(times)[:_LOOKED_AT])
    return float(np.median(np.diff(some))) if len(some) > 1 else 0.0


def _round(length: float) -> float:
    """Return a length that is nearly a whole number of days, or hours, as one: rows rarely come at its very ends."""
    for unit in (DAY, 3600.0):
        whole = round(length / unit) * unit
        if whole and abs(whole - length) <= _NEARLY * min(length, unit * 4):
            return whole
    return length
