"""Floats rounded to 12 significant digits, fast enough to be done for every value that is stored.

A float is scaled by a power of ten that its binary exponent selects, rounded to an integer of 12 or 13 digits, and
scaled back. Decimal and not binary, because what people measure are decimals: 0.1 + 0.2 and 0.3 sit in the middle of a
decimal cell, so that noise in the last bits cannot move them out of it. A value that lies within the noise of the edge
of its cell can: for arbitrary reals with relative noise of 1e-15 that is about one value in ten thousand.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

DIGITS = 12
_BIAS = 1023
_SPECIAL = 0x7FF  # the exponent of infinities and NaN
_SMALLEST = 80  # below this exponent the scale would overflow: such values (< 1e-284) are kept as they are


@lru_cache(maxsize=1)
def _scales() -> npt.NDArray[np.float64]:
    """Return for each biased binary exponent the power of ten that leaves 12 or 13 digits before the point."""
    scales = np.ones(_SPECIAL + 1, dtype=np.float64)
    for exponent in range(_SMALLEST, _SPECIAL):
        digits = int(np.floor((exponent - _BIAS) * np.log10(2.0)))
        scales[exponent] = float(f"1e{DIGITS - 1 - digits}")
    return scales


def round_digits(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return `values` at 12 significant digits; infinities, NaN and the smallest magnitudes as they are."""
    exponents = values.view(np.uint64) >> np.uint64(52)
    np.bitwise_and(exponents, np.uint64(_SPECIAL), out=exponents)
    scales = np.take(_scales(), exponents.view(np.int64), mode="clip")
    with np.errstate(invalid="ignore", over="ignore"):
        out = np.multiply(values, scales)
        np.rint(out, out=out)
        np.divide(out, scales, out=out)
    if exponents.min(initial=_SPECIAL) < _SMALLEST or exponents.max(initial=0) == _SPECIAL:
        np.copyto(out, values, where=(exponents < _SMALLEST) | (exponents == _SPECIAL))
    return out
