"""`DriftSide`: one side's rows in short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.records import to_plain


@dataclass(frozen=True, slots=True)
class DriftSide:
    """One side's rows in short.

    Attributes
    ----------
    dtype
        As text.
    rows, nulls, nans, infinities
        Counts.
    mean, std
        Over the finite values; `std` with n - 1. Of a boolean feature, the share of true. `None` for categories, and
        where there is none.
    """

    dtype: str
    rows: int
    nulls: int = 0
    nans: int = 0
    infinities: int = 0
    mean: float | None = None
    std: float | None = None

    @property
    def null_share(self) -> float:
        """Return nulls per row."""
        return self.nulls / self.rows if self.rows else 0.0

    @property
    def nan_share(self) -> float:
        """Return NaNs per row."""
        return self.nans / self.rows if self.rows else 0.0

    @property
    def infinity_share(self) -> float:
        """Return infinities per row."""
        return self.infinities / self.rows if self.rows else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the side as JSON-ready values, the shares among them."""
        shares = ("null_share", "nan_share", "infinity_share")
        plain: dict[str, Any] = to_plain(self)
        return plain | {name: getattr(self, name) for name in shares}
