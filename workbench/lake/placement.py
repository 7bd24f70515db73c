"""Put a view's data into a table's folder, before any version names it: linked, copied, or written as it is stored."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import polars as pl

from workbench.compute import write_parquet
from workbench.define import Contract
from workbench.drivers import reason
from workbench.errors import LakeError, ProjectError
from workbench.lake.encoding import encode, stored
from workbench.lake.statistics import footer_statistics
from workbench.lake.table import TableAt, file_name
from workbench.lake.transaction import NewFile


def check(data: pl.LazyFrame | Path, view: str, contract: Contract) -> None:
    """Raise unless the data has the contract's columns with its dtypes, and no others."""
    try:
        found = (data if isinstance(data, pl.LazyFrame) else _scan(data)).collect_schema()
    except (OSError, pl.exceptions.PolarsError) as error:
        if isinstance(data, pl.LazyFrame):
            raise
        raise LakeError.not_read(str(data), reason(error)) from error
    wanted = contract.schema
    details = [
        f"{name}: {found.get(name, 'absent')}, not {dtype}"
        for name, dtype in wanted.items()
        if name not in found or found[name] != dtype
    ]
    details += [f"{name}: not in the contract" for name in found if name not in wanted]
    if details:
        raise LakeError.not_the_contract(view, details)


def placed(table: TableAt, contract: Contract, data: Sequence[pl.LazyFrame | Path], *, first: int) -> list[NewFile]:
    """Put the data in the table's folder; all of it or nothing."""
    placed: list[NewFile] = []
    try:
        for number, one in enumerate(data, start=first):
            name = file_name(number, uuid.uuid4().hex)
            placed.append(NewFile(name, 0, ""))
            placed[-1] = _place(table, contract, one, name)
    except BaseException:
        with suppress(LakeError):
            discard(table, placed)
        raise
    return placed


def _place(table: TableAt, contract: Contract, data: pl.LazyFrame | Path, name: str) -> NewFile:
    if isinstance(data, Path) and contract.schema == stored(contract):
        size = table.storage.place(data, name)
        return NewFile(name, size, footer_statistics(data, contract))
    encoded = encode(_scan(data) if isinstance(data, Path) else data, contract)
    with table.storage.work() as folder:
        path = folder / name
        _write(encoded, path, table)
        return NewFile(name, table.storage.place(path, name), footer_statistics(path, contract))


def known(table: TableAt, name: str, contract: Contract) -> NewFile:
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
        raise LakeError.not_written(table.uri, error.message) from error


def discard(table: TableAt, files: Sequence[NewFile] | None) -> None:
    """Delete files that are known to be named by no version."""
    for file in files or ():
        table.storage.delete(file.name)
