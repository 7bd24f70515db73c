"""`LakeWriter`: publish a view's data as a new Delta version; made by the promote room alone.

Data files come first, under names that nothing else has; then one Delta commit names them. Whoever is killed in between
leaves files that no version names: `workbench.lake.vacuum` finds them. A version that no registry record names is not
visible to anybody, so nothing here has to be undone.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from workbench.define import Contract
from workbench.errors import LakeDataMissing, LakeError
from workbench.lake import placement, transaction, vacuum
from workbench.lake.encoding import delta_schema, schema_hash
from workbench.lake.lake import Lake
from workbench.lake.placement import Data
from workbench.lake.table import DIGEST, DeltaCommit, TableAt, number_of
from workbench.lake.transaction import Lost, NewFile, Refused
from workbench.lake.vacuum import Swept

_SEARCHED = 100  # versions that are looked through for data which is there already
_TRIES = 50
SAFETY = timedelta(days=1)
"""The minimum age of a file to be removed, longer than any publish takes from data to record."""


class LakeWriter:
    """Writes the lake; several threads may publish views at once.

    Parameters
    ----------
    lake
        The lake.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self._encoding = Lock()

    def publish(
        self,
        data: Data | Path,
        *,
        view: str,
        major: int,
        contract: Contract,
        view_id: str,
        metadata: Mapping[str, str],
        replace: bool = True,
        anew: bool = False,
        added: tuple[Path, int] | None = None,
    ) -> int:
        """Make `data`, a query or files, the newest Delta version of the table of `view` and `major`.

        `added` are a file and a Delta version that together hold the data: where this version is the newest, the file
        is added to it, and the files that it has are kept.
        """
        table = self.lake.table(view, major)
        if added is not None:
            found = self._add(table, *added, _commit(contract, view_id, metadata), contract)
            if found is not None:
                return found
        commit = _commit(contract, view_id, metadata)
        present = None if replace else table.newest()
        number = 0 if present is None else _next(table.sizes(present))

        def attempt(base: Any | None, files: Sequence[NewFile]) -> int:
            if base is None:
                return transaction.create(table, contract, files, commit)
            if replace:
                return transaction.replace_all(table, base, contract, files, commit)
            if not transaction.same_columns(base, contract):
                raise Refused(LakeError.not_the_contract(view, ["the newest version has other columns"]))
            _complete(table, base)
            return transaction.add_files(table, base, contract, files, commit)

        data = [data] if isinstance(data, Path) else data
        return self._write(table, contract, commit, data, attempt, number=number, anew=anew)

    def _add(self, table: TableAt, path: Path, onto: int, commit: DeltaCommit, contract: Contract) -> int | None:
        """Add a file to a Delta version; None where it is not the newest one, or does not have all of its files."""
        base = table.newest()
        if base is None or base.version() != onto or not transaction.same_columns(base, contract):
            return None
        names = table.sizes(base)
        if table.missing(names):
            return None
        placement.check([path], table.view, contract)
        files = placement.place(table, contract, [path], number=_next(names))
        try:
            return transaction.add_files(table, base, contract, files, commit)
        except Lost:
            placement.discard(table, files)
            return None
        except Refused as refusal:
            placement.discard(table, files)
            raise refusal.error from refusal.__cause__

    def orphans(self, *, older_than: timedelta = SAFETY) -> list[str]:
        """Return the places of data files that no Delta version names: left by somebody who was killed."""
        return vacuum.orphans(self.lake, older_than=older_than)

    def vacuum(
        self,
        keep: Mapping[tuple[str, int], AbstractSet[int]],
        *,
        dry_run: bool = True,
        older_than: timedelta = SAFETY,
        drop_tables: Collection[tuple[str, int]] = (),
    ) -> Swept:
        """Delete the data files that no kept version needs, and those that no version names.

        Nobody may publish a version meanwhile that was cleaned before: hold the same lock as a promotion.
        """
        return vacuum.sweep(self.lake, keep, dry_run=dry_run, older_than=older_than, drop_tables=drop_tables)

    def _write(
        self,
        table: TableAt,
        contract: Contract,
        commit: DeltaCommit,
        data: Data,
        attempt: Callable[[Any, Sequence[NewFile]], int],
        *,
        number: int,
        anew: bool,
    ) -> int:
        """Place the data and commit it, on top of whatever others commit meanwhile."""
        delta_schema(contract)  # refuses what no table can hold before anything is written
        placement.check(data, table.view, contract)
        searched = -1
        files: list[NewFile] = []
        for _ in range(_TRIES):
            base = table.newest()  # what is searched is what is committed upon: in between nothing gets lost
            newest = -1 if base is None else base.version()
            found = None if anew else _find_published(table, commit, newest, above=searched)
            if found is not None:
                placement.discard(table, files)
                return found
            searched = newest
            if not files:
                with nullcontext() if placement.is_linked(data, contract) else self._encoding:  # memory is for one
                    files = placement.place(table, contract, data, number=number)
            try:
                return attempt(base, files)
            except Lost:
                continue
            except Refused as refusal:  # no other error is proof that no version names the files
                placement.discard(table, files)
                raise refusal.error from refusal.__cause__
        placement.discard(table, files)
        raise LakeError(
            f"Other writers committed first {_TRIES} times while {table.label!r} was published.",
            remedy="Run the same command again when they are done; readers still see the previous data.",
        )


def _commit(contract: Contract, view_id: str, metadata: Mapping[str, str]) -> DeltaCommit:
    event_time = next((column.name for column in contract.columns if column.role == "event_time"), "")
    return DeltaCommit(
        delta_version=-1,
        view_id=view_id,
        schema=schema_hash(contract),
        event_time=event_time,
        writer=uuid.uuid4().hex,
        published_at=datetime.now(UTC),
        metadata=dict(metadata),
    )


def _find_published(table: TableAt, wanted: DeltaCommit, newest: int, *, above: int) -> int | None:
    """Return the newest Delta version above the given one that holds the wanted data and still has its files."""
    versions = range(newest, max(above, newest - _SEARCHED), -1)
    if not versions:
        return None
    with ThreadPoolExecutor(8, thread_name_prefix="lake") as pool:  # an object store answers many at once
        commits = pool.map(table.commit, versions)
        same = [found for found in commits if found is not None and _holds_same_data(found, wanted)]
    for found in same:
        names = table.sizes(table.at(found.delta_version))
        if not table.missing(names):
            table.storage.renew(list(names))  # a cleaning that began before somebody named this version leaves them
            return found.delta_version
    return None


def _next(names: Iterable[str]) -> int:
    return max((number_of(name) for name in names), default=-1) + 1


def _complete(table: TableAt, version: Any) -> None:
    gone = table.missing(table.sizes(version))
    if gone:
        raise Refused(LakeDataMissing.files_gone(table.view, table.major, version.version(), gone))


def _holds_same_data(found: DeltaCommit, wanted: DeltaCommit) -> bool:
    """Whether two commits hold the same data: what was repaired has the old one's view id."""
    return (found.view_id, found.schema, found.metadata.get(DIGEST)) == (
        wanted.view_id,
        wanted.schema,
        wanted.metadata.get(DIGEST),
    )
