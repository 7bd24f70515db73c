"""Vacuum the lake: remove files that no version names, or that only expired versions name.

The log of a table stays as it is: a version that was cleaned away still says what it was, and reading it says that its
files are gone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from workbench.lake.lake import Lake
from workbench.lake.storage import LOG, WORK, StoredFile
from workbench.lake.table import TableAt

_OURS = re.compile(r"part-[0-9]{5,}-[0-9a-f]{32}\.parquet")


@dataclass(frozen=True, slots=True)
class Swept:
    """What a cleaning removed, or would remove.

    Attributes
    ----------
    files
        The data files' places.
    bytes
        Their size together; a file that the view cache has too is freed only when that lets go of it.
    tables
        The tables that were dropped as a whole.
    dry_run
        Whether nothing was removed.
    """

    files: tuple[str, ...]
    bytes: int
    tables: tuple[str, ...]
    dry_run: bool


def orphans(lake: Lake, *, older_than: timedelta) -> list[str]:
    """Return the places of data files that no Delta version names, and that are older than `older_than`."""
    return [table.storage.location(file.name) for table in lake.places() for file in _orphans(table, older_than)]


def sweep(
    lake: Lake,
    keep: Mapping[tuple[str, int], AbstractSet[int]],
    *,
    dry_run: bool,
    older_than: timedelta,
    drop_tables: Collection[tuple[str, int]],
) -> Swept:
    """Remove what no kept version needs; see `LakeWriter.vacuum`."""
    # all is read before anything is removed: an unreadable table stops the whole
    doomed = [(table, _files_to_delete(table, keep, older_than, drop_tables=drop_tables)) for table in lake.places()]
    dropped = [
        table
        for table, files in doomed
        if (table.view, table.major) in drop_tables and _unkept(table, keep) and _all_old(table, files, older_than)
    ]
    if not dry_run:
        for table, files in doomed:
            for file in files:
                table.storage.delete(file.name)
        for table in dropped:
            table.storage.drop()
    return Swept(
        files=tuple(table.storage.location(file.name) for table, files in doomed for file in files),
        bytes=sum(file.size for _, files in doomed for file in files),
        tables=tuple(table.label for table in dropped),
        dry_run=dry_run,
    )


def _files_to_delete(
    table: TableAt,
    keep: Mapping[tuple[str, int], AbstractSet[int]],
    older_than: timedelta,
    *,
    drop_tables: Collection[tuple[str, int]],
) -> list[StoredFile]:
    if not _unkept(table, keep):
        needed = {name for version in keep[table.view, table.major] for name in table.sizes(table.at(version))}
        return [file for file in _old(table, older_than) if file.name not in needed]
    is_dropped = (table.view, table.major) in drop_tables
    return _old(table, older_than) if is_dropped else _orphans(table, older_than)


def _unkept(table: TableAt, keep: Mapping[tuple[str, int], AbstractSet[int]]) -> bool:
    return not keep.get((table.view, table.major))


def _all_old(table: TableAt, doomed: Sequence[StoredFile], older_than: timedelta) -> bool:
    """Return whether all files are old, so that the whole table may go."""
    if {file.name for file in table.storage.files()} - {file.name for file in doomed}:
        return False
    log = table.storage.at(LOG).files()
    return all(file.modified <= datetime.now(UTC) - older_than for file in log)


def _orphans(table: TableAt, older_than: timedelta) -> list[StoredFile]:
    old = _old(table, older_than)  # listed before the log is read: what is committed meanwhile is named by then
    if not old:
        return []
    named = _referenced_files(table)
    return [file for file in old if file.name not in named]


def _referenced_files(table: TableAt) -> set[str]:
    """Return the names of all files that any version has."""
    newest = table.newest()
    if newest is None:
        return set()
    versions = range(newest.version() + 1)
    with ThreadPoolExecutor(8, thread_name_prefix="lake") as pool:
        logs = pool.map(lambda version: table.storage.read(f"{LOG}/{version:020d}.json"), versions)
        actions = [json.loads(line) for log in logs for line in (log or b"").splitlines()]
    return {action["add"]["path"] for action in actions if "add" in action} | set(table.sizes(newest))


def _old(table: TableAt, older_than: timedelta) -> list[StoredFile]:
    until = datetime.now(UTC) - older_than
    found = [file for file in table.storage.files() if _OURS.fullmatch(file.name)]
    for folder in table.storage.at(WORK).folders():  # of somebody who was killed while he wrote
        inside = table.storage.at(WORK, folder).files()
        found += [replace(file, name=f"{WORK}/{folder}/{file.name}") for file in inside]
    return [file for file in found if file.modified <= until]
