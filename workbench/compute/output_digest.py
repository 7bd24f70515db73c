"""`OutputDigest`: what `digest` says of a computed view, as it is stored; to read it takes no arithmetic."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

SCHEME = "wb2"


class OutputDigest(msgspec.Struct, frozen=True):
    """The identity of a view's data.

    Parameters
    ----------
    exact
        Digest of the whole to the bit; what the ids of views that read it are made from.
    rounded
        Digest of the whole, floats rounded to 12 significant digits.
    columns
        For each column ``exact`` and ``rounded``.
    rows
        Number of rows.
    scheme
        Version of the way the digests are made; digests of different schemes do not compare.
    """

    exact: str
    rounded: str
    columns: Mapping[str, Mapping[str, str]]
    rows: int
    scheme: str = SCHEME


Lane = tuple[int, int, int]


class SumsRecord(msgspec.Struct, frozen=True):
    """Sums over rows, as they are stored: the digest of more rows is made from them and from the others' alone."""

    rows: int
    key: Lane
    row: Lane
    columns: Mapping[str, Lane]
