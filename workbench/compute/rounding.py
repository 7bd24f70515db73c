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
_MANTISSA = np.uint64(52)

Floats = npt.NDArray[np.float64]


@lru_cache(maxsize=1)
def _scales() -> Floats:
    """Return for each sign and biased binary exponent the power of ten that leaves 12 or 13 digits before the point.

    NaN stands where values are kept as they are.
    """
    scales = np.full(_SPECIAL + 1, np.nan)
    for exponent in range(_SMALLEST, _SPECIAL):
        digits = int(np.floor((exponent - _BIAS) * np.log10(2.0)))
        scales[exponent] = float(f"1e{DIGITS - 1 - digits}")
    return np.concatenate([scales, scales])


def round_digits(values: Floats, out: Floats, scratch: Floats) -> Floats:
    """Put `values` at 12 significant digits into `out` and return it: zeros without sign, NaN with one bit pattern.

    Infinities and the smallest magnitudes stay as they are. `scratch` is overwritten.
    """
    exponents = np.right_shift(values.view(np.uint64), _MANTISSA, out=out.view(np.uint64))
    scales = np.take(_scales(), exponents.view(np.int64), mode="clip", out=scratch)
    with np.errstate(invalid="ignore", over="ignore"):
        np.multiply(values, scales, out=out)
        np.rint(out, out=out)
        np.divide(out, scales, out=out)
        if np.isnan(np.max(out, initial=-np.inf)):
            kept = np.isnan(out)
            np.add(values, 0.0, out=scratch)  # -0.0 + 0.0 is 0.0
            np.copyto(scratch, np.nan, where=np.isnan(scratch))
            np.copyto(out, scratch, where=kept)
    return out
