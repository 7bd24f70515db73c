"""One table of the lake: the Delta table of a view and major version, whose versions never change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.drivers import reason
from workbench.errors import LakeDataMissing, LakeError
from workbench.lake.statistics import FileStatistics, in_time_order
from workbench.lake.storage import LOG, Storage
from workbench.lazy import deferred
from workbench.times import in_utc

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

VIEW_ID, SCHEMA, EVENT_TIME = "workbench.view_id", "workbench.schema", "workbench.event_time"
WRITER, METADATA = "workbench.writer", "workbench.metadata"
DIGEST = "data_digest"
"""The key of a version's metadata that is the exact digest of its rows."""


@dataclass(frozen=True, slots=True)
class DeltaCommit:
    """What a Delta commit of ours says of itself.

    Attributes
    ----------
    delta_version
        Its number.
    view_id
        The address of the data that it made visible.
    schema
        The hash of the names and dtypes that its contract gives.
    event_time
        The column of the contract that is the event time.
    writer
        Who wrote it: one call of `LakeWriter`.
    published_at
        When.
    metadata
        What the caller gave.
    """

    delta_version: int
    view_id: str
    schema: str
    event_time: str
    writer: str
    published_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)

    def to_log(self) -> dict[str, str]:
        """Return it as Delta's custom metadata."""
        return {
            VIEW_ID: self.view_id,
            SCHEMA: self.schema,
            EVENT_TIME: self.event_time,
            WRITER: self.writer,
            METADATA: json.dumps(dict(self.metadata), ensure_ascii=False, sort_keys=True),
        }


@dataclass(frozen=True, slots=True)
class TableAt:
    """The table of one view and major version; it need not be there yet."""

    view: str
    major: int
    storage: Storage

    @property
    def uri(self) -> str:
        """Where it is."""
        return self.storage.uri

    @property
    def label(self) -> str:
        """``view@major``."""
        return f"{self.view}@{self.major}"

    def latest(self) -> int | None:
        """Return its newest Delta version, published or not, or None where there is no table."""
        table = self.newest()
        return None if table is None else int(table.version())

    def newest(self) -> Any | None:
        """Return the newest version as deltalake has it, or None where there is no table."""
        from deltalake.exceptions import TableNotFoundError

        try:
            return self._open(None)
        except TableNotFoundError:
            return None

    def at(self, version: int) -> Any:
        """Return a version as deltalake has it."""
        from deltalake.exceptions import TableNotFoundError

        failure: LakeError | None = None
        try:
            if version >= 0:
                return self._open(version)
        except TableNotFoundError:
            pass
        except LakeError as error:
            failure = error
        latest = self.latest()
        if latest is None:
            raise LakeDataMissing.no_table(self.view, self.major, ())
        if failure is not None and version <= latest:
            raise failure
        raise LakeDataMissing(
            f"The lake's table of {self.view}@{self.major} has no Delta version {version}; its newest is {latest}.",
            remedy="The registry and the lake do not match: check that [lake] uri in workbench.toml is the lake that "
            "main's versions were published to, or restore the lake from a backup.",
        )

    def commit(self, version: int) -> DeltaCommit | None:
        """Return what the commit of a Delta version says, or None where it is not ours or not there."""
        name = f"{LOG}/{version:020d}.json"
        try:
            for line in (self.storage.read(name) or b"").splitlines():
                said = json.loads(line).get("commitInfo")
                if said is not None and VIEW_ID in said:
                    return _commit(version, said)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LakeError.not_read(
                self.storage.location(name), f"it is not a commit of a Delta table: {error}"
            ) from error
        return None

    def sizes(self, table: Any) -> dict[str, int]:
        """Return the bytes of each file of a version by its name, in no order."""
        files = pl.DataFrame(table.get_add_actions(flatten=True))
        return dict(zip(files["path"], files["size_bytes"], strict=True))

    def statistics(self, version: int) -> tuple[list[FileStatistics], bool]:
        """Return a version's files in the order to read them, and whether that is the order of their event times."""
        found = pl.DataFrame(self.at(version).get_add_actions(flatten=True)).rows(named=True)
        commit = self.commit(version)
        event_time = None if commit is None else commit.event_time
        return in_time_order([self._file(row, event_time) for row in found])

    def missing(self, sizes: Mapping[str, int]) -> list[str]:
        """Return those files that are not there in the size that they have, by their names and sizes in bytes."""
        there = {file.name: file.size for file in self.storage.files()}
        return [name for name, size in sizes.items() if there.get(name) != size]

    def name_of(self, path: str) -> str:
        """Return the name in the table of a file that `statistics` gave the path of."""
        return path.removeprefix(self.storage.location("-")[:-1])

    def _file(self, row: Mapping[str, Any], event_time: str | None) -> FileStatistics:
        columns = [name.removeprefix("min.") for name in row if name.startswith("min.")]
        bounds: dict[str, tuple[Any, Any]] = {name: (row[f"min.{name}"], row.get(f"max.{name}")) for name in columns}
        known = {name: (low, high) for name, (low, high) in bounds.items() if low is not None and high is not None}
        times = None if event_time is None else known.pop(event_time, None)
        return FileStatistics(
            path=self.storage.location(row["path"]),
            rows=row["num_records"] or 0,
            size=row["size_bytes"],
            number=number_of(row["path"]),
            event_time=None if times is None else (in_utc(times[0]), in_utc(times[1])),
            bounds=known,
        )

    def _open(self, version: int | None) -> Any:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError

        try:
            return DeltaTable(self.uri, version=version, storage_options=self.storage.options or None)
        except TableNotFoundError:
            raise
        except (DeltaError, OSError, ValueError) as error:
            raise LakeError.not_read(self.uri, reason(error)) from error


def _commit(version: int, said: Mapping[str, Any]) -> DeltaCommit:
    return DeltaCommit(
        delta_version=version,
        view_id=said[VIEW_ID],
        schema=said[SCHEMA],
        event_time=said[EVENT_TIME],
        writer=said[WRITER],
        published_at=datetime.fromtimestamp(said["timestamp"] / 1000, UTC),
        metadata=json.loads(said[METADATA]),
    )


def file_name(number: int, unique: str) -> str:
    """Return the name of a data file: the order in which it was added, and what nothing else is called."""
    return f"part-{number:05d}-{unique}.parquet"


def number_of(name: str) -> int:
    """Return the order in which the file was added; 0 for one that is not ours."""
    middle = name.split("-")[1:2]
    return int(middle[0]) if middle and middle[0].isdecimal() else 0
