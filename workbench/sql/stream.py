"""A table as DuckDB reads it: batch by batch, and only the columns and rows that the query needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from workbench.dtypes import instance
from workbench.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb._sources.polars import LazyFrameSource
else:
    try:
        from duckdb._sources.polars import LazyFrameSource
    except ImportError:  # another DuckDB: it reads all columns then, still batch by batch

        class LazyFrameSource:  # noqa: D101
            def __init__(self, obj):  # noqa: ANN001, ANN204
                self.obj = obj


class TableStream(LazyFrameSource):
    """A lazy frame that DuckDB scans as it does a LazyFrame, except that the rows are never in memory as a whole.

    DuckDB accepts it for its `__arrow_c_stream__`, which is Arrow's interface and gives all columns; for its base
    class, which is not public, it has columns and filters applied before rows are read.

    Attributes
    ----------
    failure
        What was raised while rows were read, of which DuckDB passes on the text alone.
    """

    def __init__(self, frame: pl.LazyFrame) -> None:
        super().__init__(frame)
        self.failure: BaseException | None = None
        self._empty = frame.head(0).collect()
        self._declared = self._empty.to_arrow().schema

    def __arrow_c_schema__(self) -> object:
        """Return the schema of all columns."""
        return self._declared.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return all rows and columns, whatever schema is requested: to cast is left to who asks."""
        return self.stream(None, ())[0]

    def stream(self, columns: Sequence[int] | None, filters: Sequence[Any]) -> tuple[object, bool]:
        """Return the rows that all `filters` keep, with the columns of these numbers, and whether it is these alone."""
        frame: pl.LazyFrame = self.obj
        if filters:
            from duckdb._sources.to_polars import to_polars

            frame = frame.filter([to_polars(each, self._empty.schema) for each in filters])
        read = range(self._empty.width) if columns is None else columns
        frame = frame.select([pl.nth(number) for number in read or [0]])  # without a column there are no rows
        schema = pa.schema([self._declared.field(number) for number in read])
        return pa.RecordBatchReader.from_batches(schema, self._batches(frame, schema)).__arrow_c_stream__(), (
            columns is not None
        )

    def _batches(self, frame: pl.LazyFrame, schema: Any) -> Iterator[Any]:
        try:
            for batch in frame.collect_batches(engine="streaming"):
                _require_microseconds(batch)
                table = batch.to_arrow()
                yield from (table.cast(schema) if len(schema) else table.select([])).to_batches()
        except BaseException as error:
            self.failure = error
            raise


def _require_microseconds(batch: pl.DataFrame) -> None:
    """Refuse durations with nanoseconds: DuckDB's intervals have none, and it would cut them off."""
    for name, dtype in batch.schema.items():
        coarse = _in_microseconds(dtype)
        if coarse != dtype and not batch[name].equals(batch[name].cast(coarse).cast(dtype), null_equal=True):
            raise QueryError(
                f"The column {name!r} has durations with nanoseconds, which SQL does not have.",
                remedy='Have a view round them to microseconds, `.dt.cast_time_unit("us")`, or leave the column out.',
            )


def _in_microseconds(dtype: pl.DataType) -> pl.DataType:
    """Return `dtype` with durations in microseconds that were in nanoseconds."""
    if isinstance(dtype, pl.Struct):
        return pl.Struct([pl.Field(field.name, _in_microseconds(instance(field.dtype))) for field in dtype.fields])
    if isinstance(dtype, pl.List):
        return pl.List(_in_microseconds(instance(dtype.inner)))
    if isinstance(dtype, pl.Array):
        return pl.Array(_in_microseconds(instance(dtype.inner)), dtype.size)
    return pl.Duration("us") if dtype == pl.Duration("ns") else dtype
