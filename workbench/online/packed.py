"""`Packed`: byte strings of one size in one piece, put together and taken apart without a step of Python's for each."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Packed(Sequence[bytes]):
    """Byte strings of one size.

    Attributes
    ----------
    data
        All of them, one behind another.
    size
        The bytes of each.
    """

    data: bytes
    size: int

    @classmethod
    def of_columns(cls, *columns: Array) -> Self:
        """Return strings that consist each of the values of some columns, as they are in memory."""
        made = np.empty(len(columns[-1]), [(str(place), column.dtype) for place, column in enumerate(columns)])
        for place, column in enumerate(columns):
            made[str(place)] = column
        return cls(made.tobytes(), made.itemsize)

    @property
    def array(self) -> Array:
        """The strings as a column."""
        return np.frombuffer(self.data, f"V{self.size}")

    def ends(self, start: int) -> Packed:
        """Return what each has from `start` on."""
        parts = np.frombuffer(self.data, np.uint8).reshape(-1, self.size)[:, start:]
        return Packed(parts.tobytes(), self.size - start)

    def __len__(self) -> int:
        return len(self.data) // self.size

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        begin = range(0, len(self.data), self.size)[place]
        return self.data[begin : begin + self.size]

    def __iter__(self) -> Iterator[bytes]:
        return (string for (string,) in struct.iter_unpack(f"{self.size}s", self.data))


def constant(string: bytes) -> Array:
    """Return a column that has the same string everywhere."""
    return np.frombuffer(string, f"V{len(string)}")


def packed(strings: Sequence[bytes]) -> Packed | None:
    """Return strings in one piece; None where there are none, or they have several sizes or none."""
    if isinstance(strings, Packed):
        return strings
    sizes = set(map(len, strings))
    return Packed(b"".join(strings), sizes.pop()) if len(sizes) == 1 and sizes != {0} else None


def joined(strings: Sequence[bytes]) -> bytes:
    """Return strings one behind another."""
    return strings.data if isinstance(strings, Packed) else b"".join(strings)


def pairs_of(prefix: bytes, keys: Sequence[bytes], values: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Return each key behind a prefix, and its value."""
    if isinstance(keys, Packed) and isinstance(values, Packed):
        made = Packed.of_columns(constant(prefix), keys.array, values.array)
        return struct.iter_unpack(f"{len(prefix) + keys.size}s{values.size}s", made.data)
    return zip(map(prefix.__add__, keys), values, strict=True)
