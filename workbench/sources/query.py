"""A SQL query as a source: DuckDB over files or a database file, or PostgreSQL. Its result is landed by its digest."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from workbench.errors import SourceError, SourceNotFound
from workbench.sources.secrets import without_password
from workbench.sources.snapshot import Snapshot

if TYPE_CHECKING:
    from workbench.config import SourceSettings

SEEDS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)
"""Three independent 64-bit sums over the rows make an accidental collision no concern."""


class QuerySource:
    """The result of a source's `sql`."""

    kind = "query"

    def __init__(self, name: str, settings: SourceSettings, *, root: Path, cache: Path) -> None:
        self._name = name
        self._sql = settings.sql or ""
        self._database = settings.database
        self._root = root
        self._landing = cache / "queries"

    def snapshot(self, *, recheck: bool) -> Snapshot:  # noqa: ARG002 - a query is asked anew each time
        """Ask the query, land its result under its digest, and return its identity."""
        frame = self._ask()
        digest = result_digest(frame)
        path = self._path(digest)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(f".{os.getpid()}")
            frame.write_parquet(unfinished)
            unfinished.replace(path)
        database = without_password(self._database) if self._database else None
        detail = {"sql": self._sql, "database": database, "rows": frame.height, "landed": path.name}
        return Snapshot(self._name, digest, "query", detail, datetime.now(UTC))

    def scan(self, snapshot: Snapshot | None) -> pl.LazyFrame:
        """Return the landed result of the snapshot, or of asking now."""
        known = snapshot or self.snapshot(recheck=False)
        path = self._path(known.digest)
        if not path.exists():
            again = self.snapshot(recheck=True)
            if again.digest != known.digest:
                raise SourceError(
                    f"Source {self._name!r}: the result of the query is gone, and the query now gives another one.",
                    remedy="Run this again: it takes the new result.",
                )
        return pl.scan_parquet(path)

    def _path(self, digest: str) -> Path:
        return self._landing / f"{digest}.parquet"

    def _ask(self) -> pl.DataFrame:
        if self._database is not None and self._database.startswith(("postgres://", "postgresql://")):
            return self._ask_postgresql(self._database)
        return self._ask_duckdb()

    def _ask_duckdb(self) -> pl.DataFrame:
        import duckdb

        path = self._root / Path(self._database).expanduser() if self._database else None
        if path is not None and not path.is_file():
            raise SourceNotFound(
                f"Source {self._name!r}: there is no database {self._database}.",
                remedy=f"Correct [sources.{self._name}] database in workbench.toml.",
            )
        try:
            with duckdb.connect(str(path or ":memory:"), read_only=path is not None) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                connection.execute("SET file_search_path = $1", [str(self._root)])
                result = connection.execute(self._sql).to_arrow_table()
        except duckdb.Error as error:
            raise self._refused(error) from None
        return pl.DataFrame(pl.from_arrow(result))

    def _ask_postgresql(self, url: str) -> pl.DataFrame:
        try:
            return pl.read_database_uri(self._sql, url, engine="adbc")
        except ModuleNotFoundError:
            raise SourceError(
                f"Source {self._name!r} needs the PostgreSQL driver.",
                remedy="Install it with `pip install 'feature-workbench[postgres]'`.",
            ) from None
        except Exception as error:  # noqa: BLE001 - each driver has its own tree, and none of its errors may show the URL
            raise self._refused(error) from None

    def _refused(self, error: Exception) -> SourceError:
        said = without_password(str(error)).strip().splitlines() or [type(error).__name__]
        return SourceError(
            f"Source {self._name!r}: the query failed: {said[0]}",
            lines=[f"  {line}" for line in said[1:8]],
            remedy=f"Correct [sources.{self._name}] in workbench.toml, or start the database.",
        )


def result_digest(frame: pl.DataFrame) -> str:
    """Return the digest of a result: rows as a multiset, columns by name and dtype, in any order.

    It depends on Polars' row hash, so it may change with Polars' version; then views are computed once more.
    """
    ordered = frame.select(sorted(frame.columns))
    schema = "\n".join(f"{name}:{dtype!r}" for name, dtype in ordered.schema.items())
    sums = [_wrapped_sum(ordered, seed) for seed in SEEDS] if ordered.width else []
    return hashlib.sha256(f"{schema}\n{frame.height}\n{sums}".encode()).hexdigest()


def _wrapped_sum(frame: pl.DataFrame, seed: int) -> int:
    hashes = frame.hash_rows(seed)
    low, high = hashes & 0xFFFFFFFF, hashes // (1 << 32)
    return (int(low.sum()) + (int(high.sum()) << 32)) % (1 << 64)
