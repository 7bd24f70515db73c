"""Put a view's data into a table's folder, before any version names it: linked, copied, or written as it is stored."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
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

Data = pl.LazyFrame | Sequence[Path]
"""A view's rows: a query, or the Parquet files that hold them."""


def check(data: Data, view: str, contract: Contract) -> None:
    """Raise unless the data has the contract's columns with its dtypes, and no others."""
    for part in [data] if isinstance(data, pl.LazyFrame) else data:
        _check(part, view, contract)


def _check(data: pl.LazyFrame | Path, view: str, contract: Contract) -> None:
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


def place(table: TableAt, contract: Contract, data: Data, *, number: int) -> list[NewFile]:
    """Put the data in the table's folder as the files of this `number` and the next ones; all of it or nothing."""
    parts: Sequence[pl.LazyFrame | Path] = [data] if isinstance(data, pl.LazyFrame) else data
    names = [file_name(number + place, uuid.uuid4().hex) for place in range(len(parts))]
    try:
        return [_place(table, contract, part, name) for part, name in zip(parts, names, strict=True)]
    except BaseException:
        for name in names:
            with suppress(LakeError):
                table.storage.delete(name)
        raise


def is_linked(data: Data, contract: Contract) -> TypeGuard[Sequence[Path]]:
    """Whether the data is files that are placed as they are."""
    return not isinstance(data, pl.LazyFrame) and contract.schema == stored_schema(contract)


def _place(table: TableAt, contract: Contract, data: pl.LazyFrame | Path, name: str) -> NewFile:
    if isinstance(data, Path) and is_linked([data], contract):
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


def discard(table: TableAt, files: Sequence[NewFile]) -> None:
    """Delete files that are known to be named by no version."""
    for file in files:
        table.storage.delete(file.name)
