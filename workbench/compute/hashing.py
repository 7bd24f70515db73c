"""64-bit mixing on arrays: the arithmetic below the digests.

Everything is unsigned 64-bit arithmetic that wraps, on little-endian bit patterns, written out here instead of taken
from an engine's ``hash``: those promise nothing between versions, and a digest outlives the library it was made with.
The multipliers are those of splitmix64 and Murmur3 (public domain; Steele et al. 2014, doi:10.1145/2660193.2660195).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from workbench.compute.rounding import round_digits as rounded_floats
from workbench.errors import ComputeError

Words: TypeAlias = npt.NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
THIRD = np.uint64(0xFF51AFD7ED558CCD)
NULL = np.uint64(0x6E756C6C2D8F3A5B)
MASK = (1 << 64) - 1

_SHIFT_32 = np.uint64(32)
_SHIFT_29 = np.uint64(29)


@cache
def constant(*parts: str) -> np.uint64:
    """Return the fixed odd multiplier that belongs to `parts` (a purpose, a position)."""
    from hashlib import blake2b

    raw = blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(raw, "little") | 1)


def mix(words: Words, scratch: Words) -> Words:
    """Scramble `words` in place, one to one, and return them; `scratch` is overwritten."""
    np.right_shift(words, _SHIFT_32, out=scratch)
    np.bitwise_xor(words, scratch, out=words)
    np.multiply(words, SECOND, out=words)
    np.right_shift(words, _SHIFT_29, out=scratch)
    np.bitwise_xor(words, scratch, out=words)
    return words


def mix_words(words: Words, multiplier: np.uint64) -> Words:
    """Return a scrambled copy of ``words * multiplier``."""
    out = np.multiply(words, multiplier)
    return mix(out, np.empty_like(out))


def fold(words: Words, out: Words, scratch: Words) -> Words:
    """Put half a `mix` of `words` into `out`, for a sum that is weighted afterwards: cheaper, and still not linear."""
    np.multiply(words, THIRD, out=scratch)
    np.right_shift(scratch, _SHIFT_32, out=out)
    return np.bitwise_xor(out, scratch, out=out)


def total(words: Words) -> int:
    """Return the sum modulo 2**64."""
    return int(np.add.reduce(words, dtype=np.uint64))


Positions: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]

_INLINE = 12  # an Arrow string view holds strings up to this length within itself
_LENGTH = np.uint64(0xFFFFFFFF)
_TAIL_MASKS = np.array([(1 << (8 * n)) - 1 for n in range(9)], dtype=np.uint64)


class Space:
    """Arrays that are written again for each block, so that they stay in a core's cache."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._arrays: dict[str, Words] = {}

    def words(self, name: str, height: int) -> Words:
        """Return the first `height` words of the array `name`, whatever they are."""
        array = self._arrays.get(name)
        if array is None:
            array = self._arrays[name] = np.empty(self._rows, dtype=np.uint64)
        return array[:height]


@dataclass(frozen=True, slots=True)
class WordColumn:
    """A column taken out of Polars once, to be turned into words block by block.

    Parameters
    ----------
    exact, rounded
        Words, or the floats or views of strings that they are still to be made from (then both are the same array).
    empty
        Which values are null; None where none is.
    buffers
        Where the strings lie that are longer than their views; None where these are no strings.
    """

    exact: Words | Floats
    rounded: Words | Floats
    empty: Mask | None
    buffers: list[Any] | None = None

    @classmethod
    def of(cls, series: pl.Series) -> Self:
        """Take the values of `series`, of any dtype that Parquet can hold."""
        series = series.rechunk()
        empty = series.is_null().to_numpy() if series.null_count() else None
        text = _as_text(series)
        if text is not None:
            views, buffers = _views(text)
            return cls(views, views, empty, buffers)
        exact, rounded = _values(series)
        return cls(exact, rounded, empty)

    def block(self, start: int, stop: int, space: Space) -> tuple[Words, Words]:
        """Return the exact words of some rows, and those of their values rounded to 12 significant digits.

        They stand until the next block of any column is made in `space`; those that are rounded may be its ``term``.
        """
        exact, rounded = self._words(slice(start, stop), space)
        if self.empty is None:
            return exact, rounded
        empty = self.empty[start:stop]
        filled = _filled(exact, empty, space.words("exact", stop - start))
        if rounded is exact:
            return filled, filled
        return filled, _filled(rounded, empty, space.words("term", stop - start))

    def _words(self, rows: slice, space: Space) -> tuple[Words, Words]:
        height = rows.stop - rows.start
        if self.buffers is not None:
            empty = None if self.empty is None else self.empty[rows]
            texts = _texts(self.exact[rows].view(np.uint64), self.buffers, empty, space)
            return texts, texts
        exact = self.exact[rows]
        if exact.dtype == np.uint64:
            words = exact.view(np.uint64)
            return words, words if self.exact is self.rounded else self.rounded[rows].view(np.uint64)
        if exact.dtype == np.float64:
            values, bits = exact.view(np.float64), exact.view(np.uint64)
        else:
            values, bits = space.words("wide", height).view(np.float64), space.words("exact", height)
            np.copyto(values, exact)
            np.copyto(bits, exact.view(np.uint32))
        out, scratch = space.words("term", height).view(np.float64), space.words("scratch", height).view(np.float64)
        return bits, rounded_floats(values, out, scratch).view(np.uint64)


def _filled(words: Words, empty: Mask, out: Words) -> Words:
    if words is not out:
        np.copyto(out, words)
    np.copyto(out, NULL, where=empty)
    return out


def words(series: pl.Series) -> tuple[Words, Words]:
    """Return the words of a whole column: see `WordColumn.block`."""
    return WordColumn.of(series).block(0, len(series), Space(len(series)))


def _values(series: pl.Series) -> tuple[Words | Floats, Words | Floats]:
    dtype = series.dtype
    if isinstance(dtype, pl.List | pl.Array):
        return _lists(series)
    if isinstance(dtype, pl.Struct):
        return _structs(series)
    same = _floats(series) if dtype.is_float() else _scalars(series)
    return same, same


def _floats(series: pl.Series) -> Floats:
    values: npt.NDArray[Any] = series.to_numpy()
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)


def _scalars(series: pl.Series) -> Words:
    dtype = series.dtype
    if dtype == pl.Null:
        return np.zeros(len(series), dtype=np.uint64)
    if dtype.is_integer() or dtype.is_temporal() or dtype == pl.Boolean:
        return _integers(series.cast(pl.Int64) if dtype.is_temporal() else series)
    raise ComputeError(
        f"Column {series.name!r} has the dtype {dtype}, which cannot be stored as a feature.",
        remedy="Cast it in the view to a number, a time, a string, or a list or struct of those.",
    )


def _integers(series: pl.Series) -> Words:
    filled = series.cast(pl.UInt8) if series.dtype == pl.Boolean else series
    if filled.null_count():
        filled = filled.fill_null(0)
    values = filled.to_numpy()
    if values.dtype == np.uint64:
        return values
    return values.astype(np.int64, copy=False).view(np.uint64)


def _as_text(series: pl.Series) -> pl.Series | None:
    """Return what is hashed as text; None for all else."""
    dtype = series.dtype
    if dtype in (pl.String, pl.Binary):
        return series
    if isinstance(dtype, pl.Categorical | pl.Enum | pl.Decimal) or dtype in (pl.Int128, pl.UInt128):
        return series.cast(pl.String)
    return None


def _views(series: pl.Series) -> tuple[Words, list[Any]]:
    """Return the 16 bytes of each string's Arrow view as two words, and where the bytes of the long strings lie."""
    if len(series) == 0:
        return np.zeros((0, 2), dtype=np.uint64), []
    array: Any = series.cast(pl.Binary).to_arrow(compat_level=pl.CompatLevel.newest())
    buffers = array.buffers()
    views: Words = np.frombuffer(buffers[1], dtype="<u8").reshape(-1, 2)
    return views[array.offset : array.offset + len(series)], buffers[2:]


def _texts(views: Words, buffers: list[Any], empty: Mask | None, space: Space) -> Words:
    """Hash strings by the 16 bytes of their Arrow views, and by the bytes beyond where they are longer than 12.

    The first word of a view is the length and the first four bytes, the second the next eight, padded with zeros.
    """
    head, rest = views[:, 0], views[:, 1]
    out, scratch = space.words("exact", len(views)), space.words("scratch", len(views))
    mix(np.multiply(head, GOLDEN, out=out), scratch)
    np.add(out, rest, out=out)
    mix(np.multiply(out, FIRST, out=out), scratch)
    if not buffers:
        return out
    lengths = np.bitwise_and(head, _LENGTH, out=scratch)
    if int(np.max(lengths, initial=0)) > _INLINE:
        long = np.flatnonzero(lengths > _INLINE)
        if empty is not None:
            long = long[~empty[long]]
        out[long] = _long_texts(head[long], rest[long], lengths[long], buffers)
    return out


def _long_texts(head: Words, rest: Words, lengths: Words, buffers: list[Any]) -> Words:
    """Hash strings of more than 12 bytes: they lie in `buffers`, each view says in which one and where."""
    out = mix_words(head, GOLDEN)
    owner = rest & _LENGTH
    position = (rest >> np.uint64(32)).astype(np.int64) + 4
    left = lengths.astype(np.int64) - 4
    for number in np.unique(owner):
        _chain(out, np.flatnonzero(owner == number), position, left, memoryview(buffers[int(number)]))
    return out


def _chain(out: Words, active: Positions, position: Positions, left: Positions, data: memoryview) -> None:
    """Fold the bytes of the `active` strings into `out`, eight at a time, all strings one word further at once.

    Nothing is copied: the bytes are read as overlapping words, and a word that would reach past the end of `data` is
    read from the last possible place and shifted.
    """
    last = len(data) - 8
    overlapping: Words = np.ndarray(shape=(last + 1,), dtype="<u8", buffer=data, strides=(1,))
    while len(active):
        at = position[active]
        inside = np.minimum(at, last)
        word = overlapping[inside] >> (np.uint64(8) * (at - inside).view(np.uint64))
        word &= _TAIL_MASKS[np.minimum(left[active], 8)]
        out[active] = mix_words(out[active] + word, FIRST)
        position[active] += 8
        left[active] -= 8
        active = active[left[active] > 0]


def _lists(series: pl.Series) -> tuple[Words, Words]:
    flat = series.arr.to_list() if isinstance(series.dtype, pl.Array) else series
    lengths = flat.list.len().fill_null(0).to_numpy().astype(np.int64)
    inner = flat.filter(flat.list.len().fill_null(0) > 0).explode()
    exact, rounded = words(inner)
    ends = np.cumsum(lengths)
    within = np.arange(len(inner), dtype=np.int64) - np.repeat(ends - lengths, lengths)
    first = _combine_lists(exact, within, ends, lengths)
    return first, first if rounded is exact else _combine_lists(rounded, within, ends, lengths)


def _combine_lists(inner: Words, within: Positions, ends: Positions, lengths: Positions) -> Words:
    """Sum each list's elements, scrambled with their position, by differences of a running sum that wraps."""
    placed = mix_words(inner * GOLDEN + mix_words(within.view(np.uint64), THIRD), FIRST)
    running = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(placed, dtype=np.uint64)])
    sums = running[ends] - running[ends - lengths]
    return mix_words(sums + mix_words(lengths.view(np.uint64), GOLDEN), THIRD)


def _structs(series: pl.Series) -> tuple[Words, Words]:
    exact = np.zeros(len(series), dtype=np.uint64)
    rounded = exact
    for position, field in enumerate(series.struct.unnest().get_columns()):
        multiplier = constant("field", str(position))
        one, other = words(field)
        if rounded is not exact or other is not one:
            rounded = mix_words(rounded + other * multiplier, FIRST)
            exact = mix_words(exact + one * multiplier, FIRST)
        else:
            exact = mix_words(exact + one * multiplier, FIRST)
            rounded = exact
    return exact, rounded
