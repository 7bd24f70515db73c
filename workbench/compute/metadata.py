"""What is known of a computed view: the record beside its data."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.compute.output_digest import OutputDigest, SumsRecord
from workbench.lazy import deferred

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

DATA = "data.parquet"
"""The file that is written for a view."""
ROW_GROUP = 262_144
"""Rows of a row group in it."""


class ViewRecord(msgspec.Struct, frozen=True):
    """The history of a computed view.

    Parameters
    ----------
    view
        The view's name.
    view_id
        The address it is stored under.
    plan_hash
        Identity of the query plan it was computed by; None where the plan has none.
    code_hash, parameters, inputs
        What the view id was made from; `inputs` are the digests of the inputs' data by name.
    rows, size
        Number of rows; bytes of the Parquet file.
    seconds
        How long the computation took, digests included.
    digest
        Identity of the data.
    schema
        Dtype of each column, as Polars prints it.
    order
        The columns in stored order.
    keys
        The columns that say which row a value belongs to: entities and times.
    period
        First and last event time; None where there is none.
    created_at
        When it was computed.
    versions
        Of python, polars and workbench.
    sums
        What the digest was made of; None where other code stored the view.
    files
        The names of the files that hold its rows, in the order to read them.
    """

    view: str
    view_id: str
    plan_hash: str | None
    code_hash: str
    parameters: Mapping[str, Any]
    inputs: Mapping[str, str]
    rows: int
    size: int
    seconds: float
    digest: OutputDigest
    schema: Mapping[str, str]
    order: tuple[str, ...]
    keys: tuple[str, ...]
    period: tuple[datetime, datetime] | None
    created_at: datetime
    versions: Mapping[str, str]
    sums: SumsRecord | None = None
    files: tuple[str, ...] = (DATA,)


@dataclass(frozen=True, slots=True)
class StoredView:
    """A view in the cache: where its data is, and its record.

    Attributes
    ----------
    view_id
        The address it is stored under.
    folder
        Where its files are.
    record
        What is known of it.
    """

    view_id: str
    folder: Path
    record: ViewRecord

    @property
    def path(self) -> Path:
        """The file that was written for it last: all its rows, unless there are several `paths`."""
        return self.folder / DATA

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that hold its rows, in the order to read them; some may be those of earlier data of the view."""
        return tuple(self.folder / name for name in self.record.files)

    @property
    def place(self) -> Path:
        """Where its rows are: the file, or the folder where there are several."""
        return self.folder if len(self.paths) > 1 else self.path

    def digest_of_sums(self) -> str:
        """Return the exact digest that the stored sums give; empty where there are none."""
        if self.record.sums is None:
            return ""
        from workbench.compute.digest import Sums  # which imports NumPy

        sums = Sums(pl.scan_parquet(self.path, glob=False).collect_schema(), self.record.keys)
        sums.add_plain(self.record.sums)
        return sums.digest().exact

    def frame(self, row: str | None = None) -> pl.LazyFrame:
        """Return the data, lazily: the contract's columns in order, one row for each entity and event time.

        With `row` it has a column of this name before them, of the rows' numbers.
        """
        return pl.scan_parquet([*self.paths], glob=False, row_index_name=row)


def now() -> datetime:
    """Return this moment in UTC."""
    return datetime.now(UTC)


def versions() -> dict[str, str]:
    """Return the versions that a view was computed with: lineage, not part of any identity."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        own = version("feature-workbench")
    except PackageNotFoundError:
        own = "unknown"
    return {"python": platform.python_version(), "polars": pl.__version__, "workbench": own}
