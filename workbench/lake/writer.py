"""`LakeWriter`: publish a view's data as a new Delta version; made by the promote room alone.

Data files come first, under names that nothing else has; then one Delta commit names them. Whoever is killed in between
leaves files that no version names: `workbench.lake.sweep` finds them. A version that no registry record names is not
visible to anybody, so nothing here has to be undone.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from workbench.compute import write_parquet
from workbench.define import Contract
from workbench.errors import LakeError, ProjectError
from workbench.lake import transaction
from workbench.lake.lake import Lake
from workbench.lake.physical import delta_schema, encode, schema_hash, stored
from workbench.lake.statistics import footer_statistics
from workbench.lake.storage import LocalFolder
from workbench.lake.table import Commit, TableAt, file_name, number_of
from workbench.lake.transaction import Lost, NewFile

_SEARCHED = 100  # versions that are looked through for data which is there already
_TRIES = 50


class LakeWriter:
    """Writes the lake.

    Parameters
    ----------
    lake
        The lake.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def publish(
        self,
        data: pl.LazyFrame | Path,
        *,
        view: str,
        major: int,
        contract: Contract,
        view_id: str,
        metadata: Mapping[str, str],
        replace: bool = True,
    ) -> int:
        """Make `data` the newest Delta version of the table of `view` and `major`.

        Parameters
        ----------
        data
            The contract's columns with its dtypes, in any order; one row an entity and event time. A Parquet file is
            linked, not written again, where the file system and its dtypes allow.
        view, major
            Which table; made if it is not there.
        contract
            The columns' logical dtypes, and which are keys and times.
        view_id
            The address of the data. If one of the newest versions has it already, in these dtypes, nothing is written.
        metadata
            What `Lake.info` says of the version.
        replace
            False keeps the rows that the newest version has, and adds these.

        Returns
        -------
        int
            The Delta version that holds the data.

        Raises
        ------
        LakeError
            Where the data does not have the contract's columns, or the lake cannot be written.
        """
        table = self.lake.table(view, major)
        commit = _commit(contract, view_id, metadata)

        def attempt(files: Sequence[NewFile]) -> int:
            base = table.newest()
            if base is None:
                return transaction.create(table, contract, files, commit)
            if replace:
                return transaction.replace_all(table, base, contract, files, commit)
            if not transaction.same_columns(base, contract):
                raise LakeError.not_the_contract(view, ["the newest version has other columns"])
            return transaction.change_files(table, base, contract, remove=(), add=files, commit=commit)

        return self._written(table, contract, commit, [data], attempt)

    def amend(
        self,
        view: str,
        major: int,
        *,
        base: int,
        contract: Contract,
        view_id: str,
        metadata: Mapping[str, str],
        remove: Sequence[str],
        add: Sequence[Path],
    ) -> int:
        """Make a new Delta version out of the version `base`, whatever came on top of that, less and plus some files.

        Parameters
        ----------
        view, major
            Which table.
        base
            The Delta version to start from; its contract must have the same columns.
        contract, view_id, metadata
            As in `publish`, for the whole new version.
        remove
            Files of `base` that the new version does not have, as `Lake.files` gives them.
        add
            Parquet files with the contract's columns, that it has instead.

        Returns
        -------
        int
            The new Delta version, or the one among the newest that has this view id already.

        Raises
        ------
        LakeError
            For an unknown version, a file that `base` does not have, data that does not have the contract's columns.
        """
        table = self.lake.table(view, major)
        commit = _commit(contract, view_id, metadata)
        start = table.at(base)
        if not transaction.same_columns(start, contract):
            raise LakeError.not_the_contract(view, [f"Delta version {base} has other columns: publish it as a whole"])
        there = table.names(start)
        leave_out = {table.name_of(path) for path in remove}
        for name in sorted(leave_out - set(there)):
            raise LakeError.not_in_base(view, base, name)
        kept = [name for name in there if name not in leave_out]
        gone = table.missing(kept)
        if gone:
            raise LakeError.files_gone(view, major, base, gone)

        def attempt(files: Sequence[NewFile]) -> int:
            newest = table.newest()
            now = table.names(newest)
            back = [self._known(table, name, contract) for name in kept if name not in now]
            wanted = [*back, *files]
            if transaction.same_columns(newest, contract):
                unwanted = [name for name in now if name not in kept]
                return transaction.change_files(table, newest, contract, remove=unwanted, add=wanted, commit=commit)
            return transaction.replace_all(table, newest, contract, wanted, commit)

        first = max([number_of(name) for name in there], default=0) + 1
        return self._written(table, contract, commit, add, attempt, first=first)

    def _written(
        self,
        table: TableAt,
        contract: Contract,
        commit: Commit,
        data: Sequence[pl.LazyFrame | Path],
        attempt: Callable[[Sequence[NewFile]], int],
        *,
        first: int = 0,
    ) -> int:
        """Place the data and commit it, on top of whatever others commit meanwhile."""
        delta_schema(contract)  # refuses what no table can hold before anything is written
        for one in data:
            _check(one, table.view, contract)
        searched = -1
        files: list[NewFile] | None = None
        for _ in range(_TRIES):
            newest = table.latest()
            found = _published(table, commit, newest, above=searched)
            if found is not None:
                _discard(table, files)
                return found
            searched = -1 if newest is None else newest
            if files is None:
                files = self._placed(table, contract, data, first)
            try:
                return attempt(files)
            except Lost:
                continue
            except LakeError:
                _discard(table, files)
                raise
        _discard(table, files)
        raise LakeError.busy(table.label, _TRIES)

    def _placed(
        self, table: TableAt, contract: Contract, data: Sequence[pl.LazyFrame | Path], first: int
    ) -> list[NewFile]:
        """Put the data in the table's folder; all of it or nothing."""
        placed: list[NewFile] = []
        try:
            for number, one in enumerate(data, start=first):
                name = file_name(number, uuid.uuid4().hex)
                placed.append(NewFile(name, 0, ""))
                placed[-1] = self._place(table, contract, one, name)
        except BaseException:
            with suppress(LakeError):
                _discard(table, placed)
            raise
        return placed

    def _place(self, table: TableAt, contract: Contract, data: pl.LazyFrame | Path, name: str) -> NewFile:
        if isinstance(data, Path) and contract.schema == stored(contract):
            size = table.storage.place(data, name)
            return NewFile(name, size, footer_statistics(data, contract))
        encoded = encode(_scan(data) if isinstance(data, Path) else data, contract)
        if isinstance(table.storage, LocalFolder):
            path = table.storage.prepared(name)
            _write(encoded, path, table)
            table.storage.settle(name)
            return NewFile(name, path.stat().st_size, footer_statistics(path, contract))
        with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
            path = Path(folder, name)
            _write(encoded, path, table)
            return NewFile(name, table.storage.place(path, name), footer_statistics(path, contract))

    def _known(self, table: TableAt, name: str, contract: Contract) -> NewFile:
        """Return a file that the table has had as one to be added."""
        with table.storage.open(name) as file:
            statistics = footer_statistics(file, contract)
        return NewFile(name, next(one.size for one in table.storage.files() if one.name == name), statistics)


def _scan(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


def _write(frame: pl.LazyFrame, path: Path, table: TableAt) -> None:
    try:
        write_parquet(frame, path, view=table.view)
    except ProjectError as error:
        raise LakeError.not_written(str(path), error.message) from error


def _discard(table: TableAt, files: Sequence[NewFile] | None) -> None:
    """Delete files that are known to be named by no version."""
    for file in files or ():
        table.storage.delete(file.name)


def _commit(contract: Contract, view_id: str, metadata: Mapping[str, str]) -> Commit:
    event_time = next((column.name for column in contract.columns if column.role == "event_time"), "")
    return Commit(
        delta_version=-1,
        view_id=view_id,
        schema=schema_hash(contract),
        event_time=event_time,
        writer=uuid.uuid4().hex,
        published_at=datetime.now(UTC),
        metadata=dict(metadata),
    )


def _published(table: TableAt, wanted: Commit, newest: int | None, *, above: int) -> int | None:
    """Return the newest Delta version above the given one that holds the wanted data and still has its files."""
    if newest is None:
        return None
    versions = range(newest, max(above, newest - _SEARCHED), -1)
    with ThreadPoolExecutor(8, thread_name_prefix="lake") as pool:  # an object store answers many at once
        commits = pool.map(table.commit, versions)
        same = [found for found in commits if found is not None and _same(found, wanted)]
    for found in same:
        if not table.missing(table.names(table.at(found.delta_version))):
            return found.delta_version
    return None


def _same(found: Commit, wanted: Commit) -> bool:
    return (found.view_id, found.schema) == (wanted.view_id, wanted.schema)


def _check(data: pl.LazyFrame | Path, view: str, contract: Contract) -> None:
    """Raise unless the data has the contract's columns with its dtypes, and no others."""
    try:
        found = (data if isinstance(data, pl.LazyFrame) else _scan(data)).collect_schema()
    except OSError as error:
        raise LakeError.unreadable(str(data), error) from error
    wanted = contract.schema
    details = [
        f"{name}: {found.get(name, 'absent')}, not {dtype}"
        for name, dtype in wanted.items()
        if name not in found or found[name] != dtype
    ]
    details += [f"{name}: not in the contract" for name in found if name not in wanted]
    if details:
        raise LakeError.not_the_contract(view, details)
