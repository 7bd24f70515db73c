"""The digest of a computed view: what its data is, whatever order its rows are in.

A view's rows form a multiset of (key, values). For each column the digest sums, over the rows, a scrambled function of
(key, value) modulo 2**64: a sum does not know the order of rows, threads or row groups. With k the scrambled key of a
row, w the word of its value (`words`) and c a constant of the column's name,

    t = mix(w * c + k),   first sum: t,   second sum: t * mix(k)

so both sums together are 128 bits. One sum of 64 bits would do against accidents but not against structure (data is not
random: swapped pairs, duplicated rows, values that cancel), and the two must vanish together: for a pair of values
swapped between the keys k1 and k2 the first asks that the two changes of t cancel, the second that they cancel when
weighted differently. Only where the same key occurs more than once, and the change is among its rows alone, do the two
coincide and leave 64 bits. Since every t is scrambled before it is added, changes that cancel in the values
(1, 4 -> 2, 3) do not cancel in t. The view's digest adds a third sum over whole rows, so that the association of the
columns to each other counts even among rows of equal key. None of this resists somebody who searches for collisions.

Floats count twice: `exact` to the bit, for "is this the same data", and `rounded` to 12 significant digits. The exact
digest is the rounded one plus one more weighted sum of the exact bits. Noise of the engine (about 1e-15) moves the
exact digest always and the rounded one where a value lies at the edge of a decimal cell (see `rounding`). Equal rounded
digests only suggest that a comparison will find the values equal: identifiers and times that are kept as floats differ
beyond the twelfth digit.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
import polars as pl

from workbench.compute.hashing import FIRST, GOLDEN, MASK, SECOND, Space, WordColumn, Words, constant, fold, mix, total
from workbench.compute.output_digest import SCHEME, OutputDigest, SumsRecord

_BLOCK = 16_384  # rows at a time: a handful of such arrays stay in a core's cache
_BATCH = 262_144


def digest_frame(frame: pl.LazyFrame, *, keys: Sequence[str]) -> OutputDigest:
    """Digest a frame's rows, some at a time."""
    return sum_frame(frame, keys=keys).digest()


def sum_frame(frame: pl.LazyFrame, *, keys: Sequence[str]) -> Sums:
    """Return the sums over a frame's rows: batch by batch, on as many threads as there are processors."""
    schema = frame.collect_schema()
    sums = Sums(schema, keys)
    batches = frame.collect_batches(chunk_size=_BATCH, maintain_order=False)
    workers = max(1, min(4, os.cpu_count() or 1))
    with ThreadPoolExecutor(workers, thread_name_prefix="digest") as pool:
        running: list[Future[Sums]] = []
        for batch in batches:
            running.append(pool.submit(Sums(schema, keys).add, batch))
            if len(running) > workers:
                sums.merge(running.pop(0).result())
        for left in running:
            sums.merge(left.result())
    return sums


@dataclass(slots=True)
class Lanes:
    """The running sums of one column."""

    first: int = 0
    second: int = 0
    bits: int = 0

    def merge(self, other: Lanes) -> None:
        """Add the sums over other rows."""
        self.first = (self.first + other.first) & MASK
        self.second = (self.second + other.second) & MASK
        self.bits = (self.bits + other.bits) & MASK

    def remove(self, other: Lanes) -> None:
        """Take the sums over some of these rows away."""
        self.first = (self.first - other.first) & MASK
        self.second = (self.second - other.second) & MASK
        self.bits = (self.bits - other.bits) & MASK


@dataclass(slots=True)
class Sums:
    """Running sums over rows: rows are added in any order, and the sums of parts merge into those of the whole."""

    schema: Mapping[str, pl.DataType]
    keys: Sequence[str]
    rows: int = 0
    key: Lanes = field(default_factory=Lanes)
    row: Lanes = field(default_factory=Lanes)
    columns: dict[str, Lanes] = field(default_factory=dict)
    _space: Space = field(default_factory=lambda: Space(_BLOCK))

    def __post_init__(self) -> None:
        self.columns = {name: Lanes() for name in self.schema if name not in self.keys}

    def add(self, frame: pl.DataFrame) -> Sums:
        """Add the rows of `frame`, whose columns are those of the schema."""
        taken = {name: WordColumn.of(frame[name]) for name in self.schema}
        for start in range(0, frame.height, _BLOCK):
            self._add_block(taken, start, min(start + _BLOCK, frame.height))
        return self

    def merge(self, other: Sums) -> None:
        """Add the sums over other rows of the same schema and keys."""
        self.rows += other.rows
        self.key.merge(other.key)
        self.row.merge(other.row)
        for name, lanes in other.columns.items():
            self.columns[name].merge(lanes)

    def remove(self, other: Sums) -> None:
        """Take the sums over some of these rows away."""
        self.rows -= other.rows
        self.key.remove(other.key)
        self.row.remove(other.row)
        for name, lanes in other.columns.items():
            self.columns[name].remove(lanes)

    def to_plain(self) -> SumsRecord:
        """Return the sums as plain values, to go on from."""
        lanes = {name: (one.first, one.second, one.bits) for name, one in self.columns.items()}
        key, row = ((one.first, one.second, one.bits) for one in (self.key, self.row))
        return SumsRecord(self.rows, key, row, lanes)

    def add_plain(self, other: SumsRecord) -> None:
        """Add sums over other rows of the same schema and keys, as `to_plain` gave them."""
        columns = {name: Lanes(*one) for name, one in other.columns.items()}
        self.merge(Sums(self.schema, self.keys, other.rows, Lanes(*other.key), Lanes(*other.row)).with_columns(columns))

    def with_columns(self, columns: dict[str, Lanes]) -> Sums:
        """Return these sums with those of the columns."""
        self.columns = columns
        return self

    def _add_block(self, taken: Mapping[str, WordColumn], start: int, stop: int) -> None:
        space, height = self._space, stop - start
        key, weight, row, term, scratch = (
            space.words(name, height) for name in ("key", "weight", "row", "term", "scratch")
        )
        bits = self._key_words(taken, start, stop)
        mix(np.multiply(key, FIRST, out=weight), scratch)
        self.rows += height
        self.key.merge(_lanes(key, weight, scratch))
        if bits is not None:
            self.key.merge(Lanes(bits=_weighted(fold(bits, term, scratch), weight, scratch)))
        np.copyto(row, key)
        row_bits = None
        for name, lanes in self.columns.items():
            exact, rounded = taken[name].block(start, stop, space)
            np.multiply(rounded, constant("column", name), out=term)
            np.add(term, key, out=term)
            mix(term, scratch)
            np.add(row, term, out=row)
            lanes.merge(_lanes(term, weight, scratch))
            if exact is not rounded:
                folded = fold(exact, term, scratch)
                lanes.merge(Lanes(bits=_weighted(folded, weight, scratch)))
                if row_bits is None:
                    row_bits = np.multiply(folded, constant("bits", name), out=space.words("bits", height))
                else:
                    np.add(row_bits, np.multiply(folded, constant("bits", name), out=folded), out=row_bits)
        self.row.merge(Lanes(first=total(mix(row, scratch))))
        if row_bits is not None:
            self.row.merge(Lanes(bits=total(mix(np.add(row, row_bits, out=row), scratch))))

    def _key_words(self, taken: Mapping[str, WordColumn], start: int, stop: int) -> Words | None:
        """Put one word for each row's key into the space; return one for its exact bits where the key has floats."""
        space, height = self._space, stop - start
        key, term, scratch = (space.words(name, height) for name in ("key", "term", "scratch"))
        key.fill(GOLDEN)
        bits: Words | None = None
        for name in sorted(self.keys):
            exact, rounded = taken[name].block(start, stop, space)
            np.multiply(key, SECOND, out=key)
            np.add(key, np.multiply(rounded, constant("key", name), out=term), out=key)
            mix(key, scratch)
            if exact is not rounded:
                bits = exact * constant("bits", name) + (bits if bits is not None else np.uint64(0))
        return bits

    def digest(self) -> OutputDigest:
        """Return the digest of the rows added so far."""
        columns = {
            name: {
                "rounded": self._column(name, self.columns.get(name, self.key), exact=False),
                "exact": self._column(name, self.columns.get(name, self.key), exact=True),
            }
            for name in self.schema
        }
        return OutputDigest(
            exact=self._whole(columns, "exact"),
            rounded=self._whole(columns, "rounded"),
            columns=columns,
            rows=self.rows,
        )

    def _column(self, name: str, lanes: Lanes, *, exact: bool) -> str:
        facts = [name, str(self.schema[name]), self.rows, lanes.first, lanes.second, self.key.first, self.key.second]
        return _hex([*facts, lanes.bits, self.key.bits] if exact else facts)

    def _whole(self, columns: Mapping[str, Mapping[str, str]], kind: str) -> str:
        facts = [*(columns[name][kind] for name in sorted(columns)), sorted(self.keys), self.rows, self.row.first]
        return _hex([*facts, self.row.bits] if kind == "exact" else facts)


def _lanes(terms: Words, weight: Words, scratch: Words) -> Lanes:
    return Lanes(first=total(terms), second=_weighted(terms, weight, scratch))


def _weighted(terms: Words, weight: Words, scratch: Words) -> int:
    return total(np.multiply(terms, weight, out=scratch))


def _hex(facts: Sequence[object]) -> str:
    return sha256(repr((SCHEME, *facts)).encode()).hexdigest()[:32]
