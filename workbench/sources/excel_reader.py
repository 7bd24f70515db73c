"""Excel files: a sheet's cells by the types that they have there, with its first row as the header.

Cells of several kinds in one column are refused; what `dtypes` declares is read as text first, as from other files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.lazy import deferred
from workbench.sources import faults
from workbench.sources.dialect import Dialect
from workbench.sources.faults import Origin
from workbench.sources.spool import Spool

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")


def read(origin: Origin, files: Mapping[str, Path], dialect: Dialect, spool: Spool) -> pl.LazyFrame:  # noqa: ARG001  a sheet fits into memory
    """Return the rows of a sheet of each file; declared columns as texts."""
    frames = {name: _sheet(origin, name, file, dialect) for name, file in files.items()}
    first, schema = next((name, frame.schema) for name, frame in frames.items())
    lines = [
        f"{name} has {_columns(frame.schema)}; {first} has {_columns(schema)}"
        for name, frame in frames.items()
        if dict(frame.schema) != dict(schema)
    ]
    if lines:
        raise faults.schemas_differ(origin, lines)
    return pl.concat(frame.select(schema.names()) for frame in frames.values()).lazy()


def _columns(schema: Mapping[str, pl.DataType]) -> str:
    return faults.some(f"{name} {dtype}" for name, dtype in schema.items())


def _sheet(origin: Origin, name: str, file: Path, dialect: Dialect) -> pl.DataFrame:
    try:
        import fastexcel
    except ImportError:
        raise faults.excel_missing(origin, name) from None
    try:
        book = fastexcel.read_excel(file)
        if dialect.sheet is not None and dialect.sheet not in book.sheet_names:
            raise faults.no_sheet(origin, name, dialect.sheet, book.sheet_names)
        return _rows(origin, name, book, dialect)
    except fastexcel.UnsupportedColumnTypeCombinationError as error:
        raise faults.mixed_cells(origin, name, str(error)) from None
    except fastexcel.FastExcelError as error:
        raise faults.corrupt(origin, name, str(error)) from None


def _rows(origin: Origin, name: str, book: Any, dialect: Dialect) -> pl.DataFrame:
    place = dialect.sheet or 0
    header = book.load_sheet(place, header_row=None, n_rows=1, dtypes="string").to_polars()
    names = [str(value) for value in (header.row(0) if header.height else ()) if value is not None]
    if not names:
        raise faults.nothing(origin, name)
    if twice := [column for column, count in Counter(names).items() if count > 1]:
        raise faults.repeated_columns(origin, name, twice)
    wanted = {*dialect.texts, *(column for column, dtype in dialect.dtypes.items() if not _is_time(dtype))}
    texts = dict.fromkeys(wanted.intersection(names), "string")
    sheet = book.load_sheet(place, schema_sample_rows=None, dtype_coercion="strict", dtypes=texts)
    frame: pl.DataFrame = sheet.to_polars()
    plain = [name for name, dtype in frame.schema.items() if dtype == pl.Null]
    times = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime)]
    declared = [name for name in dialect.dtypes if isinstance(frame.schema.get(name), pl.Date | pl.Datetime)]
    return frame.with_columns(
        pl.col(plain).cast(pl.String),
        pl.col(set(times) - set(declared)).cast(pl.Datetime("us")),
        *(_as_text(pl.col(column)) for column in declared),
    )


def _is_time(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Date | pl.Datetime)


def _as_text(column: pl.Expr) -> pl.Expr:
    """Return moments as ISO 8601, first instants of days as days."""
    moment = column.cast(pl.Datetime("us"))
    day = pl.when(moment == moment.dt.truncate("1d")).then(moment.dt.strftime("%Y-%m-%d"))
    return day.otherwise(moment.dt.strftime("%Y-%m-%dT%H:%M:%S%.f"))
