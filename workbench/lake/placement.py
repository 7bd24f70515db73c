"""Put a view's data into a table's folder, before any version names it: linked, copied, or written as it is stored."""

from __future__ import annotations

import uuid
from contextlib import suppress
from pathlib import Path
from typing import TypeGuard

import polars as pl

from workbench.compute import write_parquet
from workbench.define import Contract
from workbench.drivers import reason
from workbench.errors import LakeError, ProjectError
from workbench.lake.encoding import encode, stored_schema
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


def place(table: TableAt, contract: Contract, data: pl.LazyFrame | Path, *, number: int) -> NewFile:
    """Put the data in the table's folder as the file of this `number`; all of it or nothing."""
    name = file_name(number, uuid.uuid4().hex)
    try:
        return _place(table, contract, data, name)
    except BaseException:
        with suppress(LakeError):
            table.storage.delete(name)
        raise


def is_linked(data: pl.LazyFrame | Path, contract: Contract) -> TypeGuard[Path]:
    """Whether the data is a file that is placed as it is."""
    return isinstance(data, Path) and contract.schema == stored_schema(contract)


def _place(table: TableAt, contract: Contract, data: pl.LazyFrame | Path, name: str) -> NewFile:
    if is_linked(data, contract):
        size = table.storage.place(data, name)
        return NewFile(name, size, footer_statistics(data, contract))
    encoded = encode(_scan(data) if isinstance(data, Path) else data, contract)
    with table.storage.work() as folder:
        path = folder / name
        _write(encoded, path, table)
        return NewFile(name, table.storage.place(path, name), footer_statistics(path, contract))


def _scan(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


def _write(frame: pl.LazyFrame, path: Path, table: TableAt) -> None:
    try:
        write_parquet(frame, path, view=table.view)
    except ProjectError as error:
        raise LakeError.not_written(table.uri, error.message) from error


def discard(table: TableAt, file: NewFile | None) -> None:
    """Delete a file that is known to be named by no version."""
    if file is not None:
        table.storage.delete(file.name)
