"""`Lake`: the canonical offline store, to read: every published version as it was published."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from workbench.config import NAME, valid_name
from workbench.define import Contract
from workbench.errors import InvalidName, LakeDataMissing, LakeError
from workbench.kept import Kept, made_by
from workbench.lake.encoding import decode, stored_schema
from workbench.lake.places import storage_at
from workbench.lake.statistics import FileStatistics
from workbench.lake.storage import Storage
from workbench.lake.table import DIGEST, DeltaCommit, TableAt
from workbench.lazy import deferred

if TYPE_CHECKING:
    import polars as pl

    from workbench.compute import StoredView, ViewCache
else:
    pl = deferred("polars")

_REMEMBERED = 1_000
_KEPT = 10_000
_MAJOR = re.compile(r"v([1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """A Delta version of a table, as it was published.

    Attributes
    ----------
    view_id
        The address of its data.
    delta_version
        Its number.
    rows, bytes, files
        Its size.
    published_at
        When its commit was made (UTC).
    metadata
        What the publisher wrote with it.
    in_time_order
        Whether the files follow each other in time: then rows that are sorted by event time within each entity in every
        file come so from `Lake.scan` too.
    """

    view_id: str
    delta_version: int
    rows: int
    bytes: int
    files: int
    published_at: datetime
    metadata: Mapping[str, str]
    in_time_order: bool


class VersionData(Protocol):
    """What a published version's record says of its rows: where they are, and what they are."""

    @property
    def major(self) -> int:
        """The major version, which names the table."""

    @property
    def delta_version(self) -> int:
        """The version of the table that holds them."""

    @property
    def contract(self) -> Contract:
        """Their columns."""

    @property
    def view_id(self) -> str:
        """The address of what was computed."""

    @property
    def data_digest(self) -> str:
        """The exact digest of the rows."""


class Lake:
    """The published views' data: one Delta table for each view and major version, at ``<uri>/<view>/v<major>``.

    It only reads. A Delta version is asked for by its number, which the registry says, and never changes.

    Parameters
    ----------
    uri
        ``[lake]`` in ``workbench.toml``: a path (a relative one from `root`), ``file://`` or ``s3://bucket/prefix``.
    root
        The project's root.
    storage
        Settings of the object store by their ``AWS_*`` names, before those of the environment.
    spare
        Computed views, which may have the very rows of a version that is not here.
    kept
        The folder where it is kept which files versions consist of; None to find it out anew.
    """

    def __init__(
        self,
        uri: str,
        *,
        root: Path,
        storage: Mapping[str, str] | None = None,
        spare: ViewCache | None = None,
        kept: Path | None = None,
    ) -> None:
        self._place = (uri, root, dict(storage or {}))
        self._spare = spare
        self._known: dict[tuple[str, int, str], tuple[tuple[FileStatistics, ...], bool]] = {}
        place = None if kept is None else kept / "lake"
        self._sizes: Kept[dict[str, int]] = Kept(place, dict[str, int], scheme=made_by("lake"), most=_KEPT)

    @cached_property
    def storage(self) -> Storage:
        """Its files."""
        uri, root, options = self._place
        return storage_at(uri, root=root, options=options)

    @property
    def uri(self) -> str:
        """Where it is."""
        return self.storage.uri

    def table(self, view: str, major: int) -> TableAt:
        """Return the table of `view` and `major`, whether it is there or not."""
        valid_name("view", view)
        if not _MAJOR.fullmatch(f"v{major}"):
            raise InvalidName.of("major version", str(major), rule="Major versions are 1, 2, 3, ...")
        return TableAt(view, major, self.storage.at(view, f"v{major}"))

    def tables(self) -> list[TableAt]:
        """Return the tables that are there, by view and major version."""
        return [table for table in self.places() if table.latest() is not None]

    def places(self) -> list[TableAt]:
        """Return where tables are or were begun, by view and major version."""
        found = []
        for view in self.storage.folders():
            if NAME.fullmatch(view):
                majors = [_MAJOR.fullmatch(name) for name in self.storage.at(view).folders()]
                found += [self.table(view, major) for major in sorted(int(match[1]) for match in majors if match)]
        return found

    def latest(self, view: str, major: int) -> int | None:
        """Return the newest Delta version of the table, whether the registry names it or not; None without a table."""
        return self.table(view, major).latest()

    def statistics(
        self, view: str, major: int, delta_version: int, *, digest: str | None = None
    ) -> list[FileStatistics]:
        """Return what is known of each file of a Delta version without reading it, in the order to read them."""
        return list(self._files(view, major, delta_version, digest))

    def files(self, view: str, major: int, delta_version: int, *, digest: str | None = None) -> list[str]:
        """Return the Parquet files of a Delta version, in the order to read them, as Polars and DuckDB take them."""
        return [file.path for file in self.statistics(view, major, delta_version, digest=digest)]

    def scan(
        self,
        view: str,
        major: int,
        delta_version: int,
        contract: Contract,
        *,
        digest: str | None = None,
        row: str | None = None,
    ) -> pl.LazyFrame:
        """Return the rows of a Delta version; with `row` their numbers are in a column of this name before theirs."""
        files = self.files(view, major, delta_version, digest=digest)
        if not files:
            empty = decode(pl.LazyFrame(schema=stored_schema(contract)), contract)
            return empty if row is None else empty.with_row_index(row)
        options = self.storage.options
        frame = pl.scan_parquet(
            files, glob=False, hive_partitioning=False, storage_options=options or None, row_index_name=row
        )
        return decode(frame, contract, besides=() if row is None else (row,))

    def rows(self, view: str, version: VersionData, *, row: str | None = None) -> pl.LazyFrame:
        """Return the rows of a published version as `scan` does; those computed here where the lake lacks them."""
        try:
            digest = version.data_digest
            return self.scan(view, version.major, version.delta_version, version.contract, digest=digest, row=row)
        except LakeDataMissing:
            spare = self._computed(version)
            if spare is None:
                raise
            return spare.frame(row)

    def row_files(self, view: str, version: VersionData) -> list[str]:
        """Return the files of the rows of a published version, in the order in which `rows` reads them."""
        try:
            return self.files(view, version.major, version.delta_version, digest=version.data_digest)
        except LakeDataMissing:
            spare = self._computed(version)
            if spare is None:
                raise
            return [str(path) for path in spare.paths]

    def require_files(self, view: str, version: VersionData) -> None:
        """Do nothing where the files of a published version are here, by what is listed; nothing is read."""
        table = self.table(view, version.major)
        commit = table.commit(version.delta_version)
        key = None if commit is None else f"{table.uri} {version.delta_version} {commit.writer}"
        sizes = None if key is None else self._sizes.get(key)
        if sizes is None:
            files, _ = self._statistics(table, version.delta_version, commit)
            sizes = {table.name_of(file.path): file.size for file in files}
            if key is not None:
                self._sizes.put(key, sizes)
        self._require(table, version.delta_version, commit, version.data_digest, sizes)

    def remember(self) -> None:
        """Keep what `require_files` found out."""
        self._sizes.save()

    def require(self, view: str, version: VersionData) -> None:
        """Do nothing where the rows of a published version can be read, by what is listed; nothing is read."""
        try:
            self.require_files(view, version)
        except LakeDataMissing:
            if self._computed(version) is None:
                raise

    def _computed(self, version: VersionData) -> StoredView | None:
        """Return the computed view with exactly the rows of a published version; None where there is none."""
        stored = None if self._spare is None else self._spare.get(version.view_id)
        return stored if stored is not None and stored.record.digest.exact == version.data_digest else None

    def info(self, view: str, major: int, delta_version: int) -> VersionInfo:
        """Return what a Delta version is."""
        table = self.table(view, major)
        commit = table.commit(delta_version)
        files, ordered = self._statistics(table, delta_version, commit)
        if commit is None:
            raise LakeError(
                f"Delta version {delta_version} of {view}@{major} was not published by Feature Workbench.",
                remedy="Read a version that the registry names; other programs must not write the lake.",
            )
        return VersionInfo(
            view_id=commit.view_id,
            delta_version=delta_version,
            rows=sum(file.rows for file in files),
            bytes=sum(file.size for file in files),
            files=len(files),
            published_at=commit.published_at,
            metadata=commit.metadata,
            in_time_order=ordered,
        )

    def _files(self, view: str, major: int, delta_version: int, digest: str | None) -> tuple[FileStatistics, ...]:
        table = self.table(view, major)
        commit = table.commit(delta_version)
        files, _ = self._statistics(table, delta_version, commit)
        self._require(table, delta_version, commit, digest, {table.name_of(file.path): file.size for file in files})
        return files

    def _require(
        self,
        table: TableAt,
        delta_version: int,
        commit: DeltaCommit | None,
        digest: str | None,
        sizes: Mapping[str, int],
    ) -> None:
        """Refuse a version that has other data than was published, or lacks files."""
        if commit is not None and digest is not None and commit.metadata.get(DIGEST, digest) != digest:
            raise LakeDataMissing(
                f"Delta version {delta_version} of {table.label} does not hold the data that was published "
                "under this number: the table was lost and created again.",
                remedy=f"Restore the lake from a backup, or run `materialize {table.view}` to compute the serving "
                "version again.",
            )
        gone = table.missing(sizes)
        if gone:
            raise LakeDataMissing.files_gone(table.view, table.major, delta_version, gone)

    def _statistics(
        self, table: TableAt, delta_version: int, commit: DeltaCommit | None
    ) -> tuple[tuple[FileStatistics, ...], bool]:
        """Return a version's files; what is known of a commit stays so, and opening a table takes milliseconds."""
        key = None if commit is None else (table.label, delta_version, commit.writer)  # a table made anew has others
        if key is not None and key in self._known:
            return self._known[key]
        try:
            files, ordered = table.statistics(delta_version)
        except LakeError:
            if table.latest() is None:
                known = [other.label for other in self.tables()]
                raise LakeDataMissing.no_table(table.view, table.major, known) from None
            raise
        if key is not None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = tuple(files), ordered
        return tuple(files), ordered
