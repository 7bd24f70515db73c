"""The rows of a part that both sides have, beside each other, and those of one side alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from workbench.compare.codes import codes_of, on_both

if TYPE_CHECKING:
    from workbench.compare.codes import Codes, Hashes, Places
    from workbench.compare.parts import Part

_PLACE = "place among the rows"
_FRAMES = ("left", "right", "removed", "added")


@dataclass(frozen=True, slots=True)
class Matched:
    """A part's rows by key.

    Attributes
    ----------
    left, right
        The rows that both sides have: as many, in the same order, on the right without the keys.
    removed, added
        The rows that only the left side has, and only the right side.
    duplicates
        How many rows of each side have a key that one of the sides has more than once: they are in none of the above.
    """

    left: pl.DataFrame
    right: pl.DataFrame
    removed: pl.DataFrame
    added: pl.DataFrame
    duplicates: tuple[int, int] = (0, 0)


def match(part: Part, keys: Sequence[str]) -> Matched:
    """Return the rows of `part` by key, null keys with null keys; without keys, by their places.

    Rows that are in order, no two with the same key, need no join: the rows that both sides have are in the same order
    too; which these are is told by the keys as integers. Other rows are matched by a hash of 64 bits, and a second one
    tells whether two keys had the same hash by chance; then they are joined by the keys themselves.
    """
    left, right = part.left, part.right
    if not keys:
        count = min(left.height, right.height)
        return Matched(left.head(count), right.head(count), left.slice(count), right.slice(count))
    if not part.ordered:
        return _scattered(left, right, keys)
    codes = part.codes or codes_of(left, right, keys)
    if codes is not None:
        return _by_codes(left, right, codes, keys)
    same = _same_keys(left, right, keys)
    if not _are_single(left, keys) or not (same or _are_single(right, keys)):
        return _joined(left, right, keys)
    if same:
        return Matched(left, right.drop(keys), left.clear(), right.clear())
    return _scattered(left, right, keys)


def _by_codes(left: pl.DataFrame, right: pl.DataFrame, codes: tuple[Codes, Codes], keys: Sequence[str]) -> Matched:
    """Match rows by their codes, which are in order."""
    repeated = [side[1:][side[1:] == side[:-1]] for side in codes]
    duplicates = (0, 0)
    if any(map(len, repeated)):
        single = [~np.isin(side, np.concatenate(repeated)) for side in codes]
        duplicates = (int(np.count_nonzero(~single[0])), int(np.count_nonzero(~single[1])))
        left, right = left.filter(pl.Series(single[0])), right.filter(pl.Series(single[1]))
        codes = codes[0][single[0]], codes[1][single[1]]
    if np.array_equal(*codes):
        return Matched(left, right.drop(keys), left.clear(), right.clear(), duplicates)
    one, other = (pl.Series(mask) for mask in on_both(*codes))
    return replace(_chosen(left, right, one, other, keys), duplicates=duplicates)


def _scattered(left: pl.DataFrame, right: pl.DataFrame, keys: Sequence[str]) -> Matched:
    """Match rows in no order: by hash where a hash is there but once, the few others by their keys."""
    hashes = [_hashes(side, keys) for side in (left, right)]
    orders = [np.argsort(side) for side in hashes]
    ordered = hashes[0][orders[0]], hashes[1][orders[1]]
    repeated = [side[1:][side[1:] == side[:-1]] for side in ordered]
    if any(map(len, repeated)):
        many = [pl.Series(np.isin(side, np.concatenate(repeated))) for side in hashes]
        parts = (
            _scattered(left.filter(~many[0]), right.filter(~many[1]), keys),
            _joined(left.filter(many[0]), right.filter(many[1]), keys),
        )
        frames = [pl.concat([getattr(part, name) for part in parts]) for name in _FRAMES]
        return Matched(frames[0], frames[1], frames[2], frames[3], parts[1].duplicates)
    common = on_both(*ordered)
    partners = np.full(left.height, -1, dtype=np.int64)
    partners[orders[0][common[0]]] = orders[1][common[1]]
    again = [_hashes(side, keys, seed=1) for side in (left, right)]
    if not np.array_equal(again[0][partners >= 0], again[1][partners[partners >= 0]]):
        return _joined(left, right, keys)
    return _gathered(left, right, partners, keys)


def _joined(left: pl.DataFrame, right: pl.DataFrame, keys: Sequence[str]) -> Matched:
    """Match rows by their keys themselves, those left out that a side has more than once."""
    sides = left, right
    many = pl.concat([side.group_by(keys).len().filter(pl.col("len") > 1).select(keys) for side in sides]).unique()
    if many.height:
        left, right = (side.join(many, on=keys, how="anti", nulls_equal=True, maintain_order="left") for side in sides)
    places = right.select(keys).with_row_index(_PLACE)
    found = left.select(keys).join(places, on=keys, how="left", nulls_equal=True, maintain_order="left")
    partners = found[_PLACE].cast(pl.Int64).fill_null(-1).to_numpy()
    duplicates = sides[0].height - left.height, sides[1].height - right.height
    return replace(_gathered(left, right, partners, keys), duplicates=duplicates)


def _gathered(left: pl.DataFrame, right: pl.DataFrame, partners: Places, keys: Sequence[str]) -> Matched:
    """Return rows given for each of the left the place of its partner on the right, or -1."""
    has = partners >= 0
    alone = np.ones(right.height, dtype=np.bool_)
    alone[partners[has]] = False
    return Matched(
        left.filter(pl.Series(has)),
        right.drop(keys).rechunk()[partners[has]],  # gathering from many chunks takes ten times as long
        left.filter(pl.Series(~has)),
        right.filter(pl.Series(alone)),
    )


def _chosen(left: pl.DataFrame, right: pl.DataFrame, one: pl.Series, other: pl.Series, keys: Sequence[str]) -> Matched:
    """Return rows given which of each side the other has too, in the same order."""
    return Matched(left.filter(one), right.drop(keys).filter(other), left.filter(~one), right.filter(~other))


def _hashes(frame: pl.DataFrame, keys: Sequence[str], *, seed: int = 0) -> Hashes:
    return frame.select(pl.struct(keys).hash(seed)).to_series().to_numpy()


def _same_keys(left: pl.DataFrame, right: pl.DataFrame, keys: Sequence[str]) -> bool:
    return left.height == right.height and all(left[key].equals(right[key]) for key in reversed(keys))


def _are_single(frame: pl.DataFrame, keys: Sequence[str]) -> bool:
    """Whether rows that are sorted by key, in some order of the keys, have each key but once."""
    count = frame.height - 1
    if count < 1:
        return True
    above, here = frame.select(keys).head(count), frame.select(keys).tail(count)
    equal = (above[key].eq_missing(here[key]) for key in reversed(keys))
    return not reduce(and_, equal).any()
