"""The rows of a part that both sides have, beside each other, and those of one side alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from workbench.compare.codes import are_ordered, codes_of, on_both

if TYPE_CHECKING:
    from workbench.compare.parts import Part

_PLACE = "place among the rows"


@dataclass(frozen=True, slots=True)
class Matched:
    """A part's rows by key.

    Attributes
    ----------
    left, right
        The rows that both sides have: as many, in the same order.
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
    too. Which these are is told by the keys as integers, or else by a hash of them; hashes may be equal by chance, so
    that it is looked whether they were. Rows in no order are joined by their hash, which is quicker than to sort them.
    """
    left, right = part.left, part.right
    if not keys:
        count = min(left.height, right.height)
        return Matched(left.head(count), right.head(count), left.slice(count), right.slice(count))
    if not part.ordered:
        return _scattered(left, right, keys)
    codes = part.codes or codes_of(left, right, keys)
    if codes is not None:
        if not all(are_ordered(side, strictly=True) for side in codes):
            return _without_duplicates(left, right, keys)
        if np.array_equal(*codes):
            return Matched(left, right, left.clear(), right.clear())
        return _chosen(left, right, [pl.Series(mask) for mask in on_both(*codes)])
    same = _same_keys(left, right, keys)
    if not _are_single(left, keys) or not (same or _are_single(right, keys)):
        return _without_duplicates(left, right, keys)
    return Matched(left, right, left.clear(), right.clear()) if same else _by_hash(left, right, keys)


def _chosen(left: pl.DataFrame, right: pl.DataFrame, common: Sequence[pl.Series]) -> Matched:
    one, other = common
    return Matched(left.filter(one), right.filter(other), left.filter(~one), right.filter(~other))


def _scattered(left: pl.DataFrame, right: pl.DataFrame, keys: Sequence[str]) -> Matched:
    hashes = _hash(left, keys), _hash(right, keys)
    if any(each.n_unique() < len(each) for each in hashes):
        return _without_duplicates(left, right, keys)
    here, there = (each.to_frame("key").with_row_index(_PLACE) for each in hashes)
    both = here.join(there, on="key", maintain_order="left", suffix=" right")
    places = both[_PLACE], both[f"{_PLACE} right"]
    found = Matched(left[places[0]], right[places[1]], _others(left, places[0]), _others(right, places[1]))
    return found if _same_keys(found.left, found.right, keys) else _joined(left, right, keys)


def _others(frame: pl.DataFrame, places: pl.Series) -> pl.DataFrame:
    """Return the rows of `frame` that are not at `places`."""
    others = np.ones(frame.height, dtype=np.bool_)
    others[places.to_numpy()] = False
    return frame.filter(pl.Series(others))


def _hash(frame: pl.DataFrame, keys: Sequence[str]) -> pl.Series:
    return frame.select(pl.struct(keys).hash()).to_series()


def _by_hash(left: pl.DataFrame, right: pl.DataFrame, keys: Sequence[str]) -> Matched:
    one, other = _hash(left, keys), _hash(right, keys)
    found = _chosen(left, right, [one.is_in(other.implode()), other.is_in(one.implode())])
    return found if _same_keys(found.left, found.right, keys) else _joined(left, right, keys)


def _joined(left: pl.DataFrame, right: pl.DataFrame, keys: Sequence[str]) -> Matched:
    places = left.select(keys).with_row_index(_PLACE)
    both = places.join(
        right.select(keys).with_row_index(_PLACE), on=keys, nulls_equal=True, maintain_order="left", suffix=" right"
    )
    return Matched(
        left[both[_PLACE]],
        right[both[f"{_PLACE} right"]],
        left.join(right.select(keys), on=keys, how="anti", nulls_equal=True),
        right.join(left.select(keys), on=keys, how="anti", nulls_equal=True),
    )


def _without_duplicates(left: pl.DataFrame, right: pl.DataFrame, keys: Sequence[str]) -> Matched:
    sides = left, right
    many = pl.concat([side.group_by(keys).len().filter(pl.col("len") > 1).select(keys) for side in sides]).unique()
    single = [side.join(many, on=keys, how="anti", nulls_equal=True, maintain_order="left") for side in sides]
    found = _joined(single[0], single[1], keys)
    counts = left.height - single[0].height, right.height - single[1].height
    return Matched(found.left, found.right, found.removed, found.added, counts)


def _same_keys(left: pl.DataFrame, right: pl.DataFrame, keys: Sequence[str]) -> bool:
    return left.height == right.height and all(left[key].equals(right[key]) for key in reversed(keys))


def _are_single(frame: pl.DataFrame, keys: Sequence[str]) -> bool:
    """Whether rows that are sorted by key, in some order of the keys, have each key but once."""
    count = frame.height - 1
    if count < 1:
        return True
    above, here = frame.select(keys).head(count), frame.select(keys).tail(count)
    equal = [above[key].eq_missing(here[key]) for key in reversed(keys)]
    repeated = equal[0]
    for column in equal[1:]:
        if not repeated.any():
            break
        repeated &= column
    return not repeated.any()
