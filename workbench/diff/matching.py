"""Rows of two sides by their keys: which of them are which, in rows that are there together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from workbench.diff.order import Codes, are_ordered, codes_of, on_both

PLACE = "place among the rows"


@dataclass(frozen=True, slots=True)
class RowBlock:
    """All rows of both sides with certain keys.

    Attributes
    ----------
    left, right
        The rows.
    ordered
        Whether each side's are sorted by key.
    codes
        Their keys as integers, where these were made; of rows in no order, hashes of them.
    """

    left: pl.DataFrame
    right: pl.DataFrame
    ordered: bool = True
    codes: tuple[Codes, Codes] | None = None


@dataclass(frozen=True, slots=True)
class MatchedRows:
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


def match(part: RowBlock, keys: Sequence[str]) -> MatchedRows:
    """Return the rows of `part` by key, null keys with null keys; without keys, by their places.

    Rows that are in order, no two with the same key, need no join: the rows that both sides have are in the same order
    too. Which these are is told by the keys as integers, or else by a hash of them; hashes may be equal by chance, so
    that it is looked whether they were. Rows in no order are matched by their hashes in order, which is quicker than to
    sort or to join them.
    """
    left, right = part.left, part.right
    if not keys:
        count = min(left.height, right.height)
        return MatchedRows(left.head(count), right.head(count), left.slice(count), right.slice(count))
    if not part.ordered:
        return _match_scattered(part, keys)
    codes = part.codes or codes_of(left, right, keys)
    if codes is not None:
        if not all(are_ordered(side, strictly=True) for side in codes):
            return _without_duplicates(left, right, keys)
        if np.array_equal(*codes):
            return MatchedRows(left, right, left.clear(), right.clear())
        return _choose_match(left, right, [pl.Series(mask) for mask in on_both(*codes)])
    same = _same_keys(left, right, keys)
    if not _are_single(left, keys) or not (same or _are_single(right, keys)):
        return _without_duplicates(left, right, keys)
    return MatchedRows(left, right, left.clear(), right.clear()) if same else _by_hash(left, right, keys)


def _choose_match(left: pl.DataFrame, right: pl.DataFrame, common: Sequence[pl.Series]) -> MatchedRows:
    one, other = common
    return MatchedRows(left.filter(one), right.filter(other), left.filter(~one), right.filter(~other))


def _match_scattered(part: RowBlock, keys: Sequence[str]) -> MatchedRows:
    left, right = part.left, part.right
    places = equal_places(*(part.codes or (_hash(left, keys).to_numpy(), _hash(right, keys).to_numpy())))
    if places is None:
        return _without_duplicates(left, right, keys)
    rest = np.ones(left.height, dtype=np.bool_), np.ones(right.height, dtype=np.bool_)
    for alone, paired in zip(rest, places, strict=True):
        alone[paired] = False
    (one, other), (gone, new) = map(pl.Series, places), map(pl.Series, rest)
    found = MatchedRows(left[one], right[other], left.filter(gone), right.filter(new))
    return found if _same_keys(found.left, found.right, keys) else _match_by_join(left, right, keys)


def equal_places(left: Codes, right: Codes) -> tuple[Codes, Codes] | None:
    """Return the places of codes that both sides have, in the left's order; None where one has a code twice."""
    found = _neighbours(np.concatenate([left, right]), len(left))
    if found is None:
        orders = np.argsort(left), np.argsort(right)
        codes = left[orders[0]], right[orders[1]]
        if not all(are_ordered(side, strictly=True) for side in codes):
            return None
        _, *places = np.intersect1d(*codes, assume_unique=True, return_indices=True)
        found = orders[0][places[0]], orders[1][places[1]]
    there = np.full(len(left), -1, dtype=np.int64)
    there[found[0]] = found[1]
    both = np.flatnonzero(there >= 0)
    return both, there[both]


def _neighbours(codes: Codes, first: int) -> tuple[Codes, Codes] | None:
    """Return the places of equal codes among the `first` ones and among the others; None where that is not certain.

    The last bits of each code are replaced by its place: to sort such numbers takes half the time of sorting places.
    Codes that differ in the lost bits alone, or are there twice, make it uncertain.
    """
    bits = np.uint64(len(codes).bit_length())
    marked = codes.view(np.uint64) >> bits
    marked <<= bits
    marked |= np.arange(len(codes), dtype=np.uint64)
    marked.sort()
    alike = np.flatnonzero(marked[1:] ^ marked[:-1] < np.uint64(1) << bits)
    mask = (np.uint64(1) << bits) - np.uint64(1)
    one, other = ((marked[alike + step] & mask).astype(np.int64) for step in (0, 1))
    certain = np.all(one < first) and np.all(other >= first) and np.array_equal(codes[one], codes[other])
    return (one, other - first) if certain else None


def _hash(frame: pl.DataFrame, keys: Sequence[str]) -> pl.Series:
    return frame.select(pl.struct(keys).hash()).to_series()


def _by_hash(left: pl.DataFrame, right: pl.DataFrame, keys: Sequence[str]) -> MatchedRows:
    one, other = _hash(left, keys), _hash(right, keys)
    found = _choose_match(left, right, [one.is_in(other.implode()), other.is_in(one.implode())])
    return found if _same_keys(found.left, found.right, keys) else _match_by_join(left, right, keys)


def _match_by_join(left: pl.DataFrame, right: pl.DataFrame, keys: Sequence[str]) -> MatchedRows:
    one, other = (side.lazy().select(keys).with_row_index(PLACE) for side in (left, right))
    joined = one.join(other, on=keys, nulls_equal=True, maintain_order="left", suffix=" right")
    both = joined.collect(engine="streaming")  # in memory Polars 2.1 finds no NaN where each side has one row
    return MatchedRows(
        left[both[PLACE]],
        right[both[f"{PLACE} right"]],
        left.join(right.select(keys), on=keys, how="anti", nulls_equal=True),
        right.join(left.select(keys), on=keys, how="anti", nulls_equal=True),
    )


def _without_duplicates(left: pl.DataFrame, right: pl.DataFrame, keys: Sequence[str]) -> MatchedRows:
    sides = left, right
    many = pl.concat([side.group_by(keys).len().filter(pl.col("len") > 1).select(keys) for side in sides]).unique()
    single = [side.join(many, on=keys, how="anti", nulls_equal=True, maintain_order="left") for side in sides]
    found = _match_by_join(single[0], single[1], keys)
    counts = left.height - single[0].height, right.height - single[1].height
    return MatchedRows(found.left, found.right, found.removed, found.added, counts)


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
