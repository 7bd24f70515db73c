"""64-bit mixing on arrays: the arithmetic below the digests.

Everything is unsigned 64-bit arithmetic that wraps, on little-endian bit patterns, written out here instead of taken
from an engine's ``hash``: those promise nothing between versions, and a digest outlives the library it was made with.
The multipliers are those of splitmix64 and Murmur3 (public domain; Steele et al. 2014, doi:10.1145/2660193.2660195).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Words: TypeAlias = npt.NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
THIRD = np.uint64(0xFF51AFD7ED558CCD)
NULL = np.uint64(0x6E756C6C2D8F3A5B)
MASK = (1 << 64) - 1

_SHIFT_32 = np.uint64(32)
_SHIFT_29 = np.uint64(29)


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


def mixed(words: Words, multiplier: np.uint64) -> Words:
    """Return a scrambled copy of ``words * multiplier``."""
    out = np.multiply(words, multiplier)
    return mix(out, np.empty_like(out))


def fold(words: Words, scratch: Words) -> Words:
    """Half a `mix`, for a sum that is weighted afterwards: cheaper, and still not linear."""
    np.multiply(words, THIRD, out=scratch)
    folded = np.right_shift(scratch, _SHIFT_32)
    return np.bitwise_xor(folded, scratch, out=folded)


def total(words: Words) -> int:
    """Return the sum modulo 2**64."""
    return int(np.add.reduce(words, dtype=np.uint64))
