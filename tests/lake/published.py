"""Small views to publish: a contract, rows in its dtypes, and Parquet files of them as the view cache has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from workbench.define import ColumnContract, Contract
from workbench.lake import Lake

MOMENT = pl.Datetime("us", "UTC")
START = datetime(2024, 1, 1, tzinfo=UTC)


def contract(**features: pl.DataType) -> Contract:
    """Return a contract keyed by ``user`` and ``at``, with a float ``total`` and the given features."""
    keys = (ColumnContract("user", pl.String(), "entity"), ColumnContract("at", MOMENT, "event_time"))
    columns = {"total": pl.Float64(), **features}
    return Contract((*keys, *(ColumnContract(name, dtype, "feature") for name, dtype in columns.items())))


SPEND = contract()


def rows(days: range = range(3), *, total: float = 1.0) -> pl.DataFrame:
    """Return the rows of two users on each of `days` since the start of 2024, sorted by keys."""
    wanted = [(user, START + timedelta(days=day), total * day) for user in ("ann", "bob") for day in days]
    return pl.DataFrame(wanted, schema=SPEND.schema, orient="row")


def saved(frame: pl.DataFrame, path: Path) -> Path:
    """Write the frame as the view cache does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # the lake may have it too, and what is published is not written again
    frame.write_parquet(path, compression="lz4")
    return path


def read(lake: Lake, version: int, *, under: Contract = SPEND) -> pl.DataFrame:
    """Return the rows of a version of the table that the tests publish to."""
    return lake.scan("spend", 1, version, under).collect()
