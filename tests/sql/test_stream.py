"""What DuckDB has of a table: the columns and rows that a query needs, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from workbench.sql.stream import TableStream

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS = 1_000_000


class Recorded(TableStream):
    """A table that notes what is asked of it."""

    def __init__(self, frame: pl.LazyFrame) -> None:
        super().__init__(frame)
        self.asked: list[tuple[list[int] | None, list[str]]] = []

    def stream(self, columns: Sequence[int] | None, filters: Sequence[Any]) -> tuple[object, bool]:
        self.asked.append((None if columns is None else list(columns), [each.fragment() for each in filters]))
        return super().stream(columns, filters)


def numbers() -> pl.LazyFrame:
    return pl.LazyFrame({"a": pl.int_range(ROWS, eager=True)}).with_columns(
        b=pl.col("a") % 7,
        c=pl.format("u{}", pl.col("a") % 1000),
        k=pl.format("{}", pl.col("a") // 1000).cast(pl.Categorical),
    )


def test_rows_come_in_batches_and_in_their_order() -> None:
    many, computed = 5_000_000, [0]

    def count(frame: pl.DataFrame) -> pl.DataFrame:
        computed.append(frame.height)
        return frame

    frame = pl.LazyFrame({"a": pl.int_range(many, eager=True)}).map_batches(count, streamable=True)
    reader = pa.RecordBatchReader.from_stream(TableStream(frame))
    first = reader.read_next_batch()
    assert 0 < sum(computed) < many / 2, "the rest is computed when it is read"
    rest = reader.read_all()
    assert pl.concat([pl.Series(first["a"]), pl.Series(rest["a"])]).equals(pl.int_range(many, eager=True))
    assert sum(computed) == many


def test_a_query_reads_the_columns_and_rows_that_it_needs() -> None:
    table = Recorded(numbers())
    with duckdb.connect() as connection:
        connection.register("t", table)
        found = connection.execute("select b, count(*), max(c) from t where a > 10 group by b order by b limit 1")
        assert found.fetchall() == [(0, (ROWS - 11) // 7 + 1, "u999")]
        assert table.asked == [([1, 2], ['("a" > 10)'])]
        assert connection.execute("select count(*) from t").fetchall() == [(ROWS,)]
        assert table.asked[1] in [([], []), ([0], [])]
        assert connection.execute("select count(*) from (from t limit 3)").fetchall() == [(3,)]


def test_tables_of_one_query_do_not_wait_for_each_other() -> None:
    with duckdb.connect() as connection:
        for name in "abcdef":
            connection.register(name, TableStream(numbers()))
        query = "select sum(a.a + b.b - c.a) from a positional join b positional join c, (from d limit 1) d"
        assert connection.execute(query).fetchall() == [(sum(number % 7 for number in range(ROWS)),)]
        union = " union all ".join(f"select a from {name}" for name in "abcdef")
        assert connection.execute(f"select count(*), sum(a) from ({union})").fetchall() == [
            (6 * ROWS, 6 * ROWS * (ROWS - 1) // 2)
        ]


def test_categories_are_right_in_every_batch() -> None:
    with duckdb.connect() as connection:
        connection.register("t", TableStream(numbers()))
        query = "select count(*), count(distinct k) from t where k = (a // 1000)::varchar"
        assert connection.execute(query).fetchall() == [(ROWS, 1000)]


def test_what_reading_raises_late_ends_the_query_and_is_kept() -> None:
    def fail(frame: pl.DataFrame) -> pl.DataFrame:
        if frame["a"].max() == ROWS - 1:
            raise KeyboardInterrupt
        return frame

    table = TableStream(numbers().map_batches(fail, streamable=True))
    with duckdb.connect() as connection:
        connection.register("t", table)
        with pytest.raises(BaseException):  # noqa: B017, PT011 - as DuckDB puts it
            connection.execute("select sum(a) from t").fetchall()
    assert table.failure is not None
