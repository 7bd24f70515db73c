"""Samples of published rows: what new rows of a large view are compared with, without reading all that is published.

Which rows are in a sample depends on their keys alone. So the sample of rows that were added to others is made from
theirs and from the added rows, and two sides that are sampled in the same way have the same rows in common as before.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import polars as pl

from workbench.dtypes import row_width
from workbench.files import replacing
from workbench.memory import memory_share

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.compute import Amendment, StoredView
    from workbench.define import Contract
    from workbench.registry import Version

SCHEME = 3
LEAST = 200_000
"""Rows that a sample has at least; fewer rows are taken whole. As many make a profile's quantiles."""
_HELD = 1 / 16
"""The share of what is free that rows which are compared may take."""
LEAST_NEW = 1_000
"""Rows of what is compared with a sample that are left at least, where it has so many: else both sides have more."""


@dataclass(frozen=True, slots=True)
class Published:
    """Rows of a view that are published, or are to be.

    Attributes
    ----------
    view_id, digest, rows
        The address of what was computed, the exact digest of its rows, and their number.
    contract
        Their columns.
    """

    view_id: str
    digest: str
    rows: int
    contract: Contract

    @classmethod
    def of_version(cls, version: Version) -> Self:
        """Return the rows of a published version."""
        return cls(version.view_id, version.data_digest, version.rows, version.contract)

    @classmethod
    def of_stored(cls, stored: StoredView, contract: Contract) -> Self:
        """Return the rows of a computed view."""
        return cls(stored.view_id, stored.record.digest.exact, stored.record.rows, contract)

    @property
    def share(self) -> int:
        """Of how many rows their sample has one: a power of two."""
        return 1 << max(0, (self.rows // LEAST).bit_length() - 1)


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of views' rows.

    Attributes
    ----------
    facts
        Where what was found out about computed views is kept, by view id.
    """

    facts: Path

    def of(self, those: Published, frame: pl.LazyFrame, *, share: int) -> pl.LazyFrame:
        """Return one in `share` of the rows of `frame`, which are those."""
        if share < those.share or share == 1:
            return sampled(frame, those.contract, share)
        kept = self._kept(those)
        if kept is None:
            _keep(self._path(those), sampled(frame, those.contract, those.share))
            kept = self._kept(those)
        return sampled(frame if kept is None else kept, those.contract, share)

    def keep(self, those: Published, frame: pl.LazyFrame) -> None:
        """Keep the sample of the rows of `frame`, which are those."""
        self.of(those, frame, share=those.share)

    def amend(self, before: Published, amendment: Amendment, those: Published) -> None:
        """Keep the sample of the rows that came of `before` by an amendment, if theirs was kept."""
        sample = self._kept(before) if before.share > 1 else None
        if sample is not None and self._kept(those) is None:
            if before.share != those.share:
                sample = sampled(sample, those.contract, those.share)
            keys = [column.name for column in those.contract.columns if column.role != "feature"]
            left = sample.join(amendment.removed.lazy(), on=keys, how="anti", nulls_equal=True, maintain_order="left")
            added = sampled(amendment.added.lazy(), those.contract, those.share)
            _keep(self._path(those), pl.concat([left, added.select(left.collect_schema().names())]))

    def _kept(self, those: Published) -> pl.LazyFrame | None:
        """Return the sample that is kept; None where there is none that can be read."""
        path = self._path(those)
        try:
            is_whole = pl.scan_ipc(path, glob=False).collect_schema().keys() == {*those.contract.names}
        except (OSError, pl.exceptions.PolarsError):
            return None
        return pl.scan_ipc(path, glob=False) if is_whole else None

    def _path(self, those: Published) -> Path:
        text = "\n".join([those.digest, str(those.contract.schema), pl.__version__, str(those.share)])
        return self.facts / those.view_id / f"sample-{hashlib.sha256(text.encode()).hexdigest()[:16]}.arrow"


def sampled(frame: pl.LazyFrame, contract: Contract, share: int) -> pl.LazyFrame:
    """Return one in `share` of the rows, by a hash of their keys."""
    if share == 1:
        return frame
    keys = [column.name for column in contract.columns if column.role != "feature" and not column.dtype.is_nested()]
    return frame.filter(pl.struct(keys).hash(SCHEME) % share == 0)


def collect_sample(frame: pl.LazyFrame, rows: int) -> pl.LazyFrame:
    """Return about so many `rows`, in memory where they fit: a comparison reads each column by itself.

    What they are chosen from is then read once.
    """
    fit = rows * row_width(frame.collect_schema()) <= memory_share(_HELD)
    return frame.collect(engine="streaming").lazy() if fit else frame


def finer(share: int, rows: int) -> int:
    """Return `share`, or less where so many rows would leave too few."""
    while share > 1 and rows // share < LEAST_NEW:
        share //= 2
    return share


def _keep(path: Path, frame: pl.LazyFrame) -> None:
    with suppress(OSError, pl.exceptions.PolarsError), replacing(path) as unfinished:  # else it is made next time
        frame.sink_ipc(unfinished, compression="uncompressed", mkdir=False)  # it is written anew each time
