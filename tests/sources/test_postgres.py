"""Against a real server on loopback. Each test has a schema of its own, dropped at the end."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import polars as pl
import pytest

from workbench.errors import SourceError
from workbench.sources.postgres import reading

from .conftest import Declare

HOST, PORT = "127.0.0.1", 5432
URL = f"postgresql://postgres:s3cret@{HOST}:{PORT}/test"
pytestmark = pytest.mark.service

Execute = Callable[[str], Any]


@pytest.fixture
def execute() -> Iterator[Execute]:
    """Run SQL in a schema of the test's own: ``{s}`` stands for its name."""
    try:
        socket.create_connection((HOST, PORT), timeout=2).close()
    except OSError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL on {HOST}:{PORT}: {error}")
    from adbc_driver_postgresql import dbapi

    schema = f"workbench_{uuid4().hex}"
    connection = dbapi.connect(URL, autocommit=True)
    cursor = connection.cursor()
    cursor.execute(f"create schema {schema}")

    def run(sql: str) -> str:
        cursor.execute(sql.format(s=schema))
        return schema

    try:
        yield run
    finally:
        cursor.execute(f"drop schema {schema} cascade")
        cursor.close()
        connection.close()


@pytest.fixture
def sales(execute: Execute) -> str:
    schema = execute(
        "create table {s}.sales as select i as id, "
        "timestamptz '2024-01-01 00:00:00+02' + i * interval '1 minute' as at, "
        "(i * 0.25)::numeric(9, 2) as amount, 'u' || i % 3 as buyer from generate_series(1, 40) i"
    )
    return f"{schema}.sales"


def test_rows_and_types_arrive(declare: Declare, sales: str) -> None:
    source = declare(sql=f"select * from {sales}", database=URL, key=["id"])
    frame = source.frame(source.snapshot()).collect()
    assert frame.schema == {"id": pl.Int32, "at": pl.Datetime("us", "UTC"), "amount": pl.Float64, "buyer": pl.String}
    assert frame.height == 40
    assert frame.get_column("amount").sum() == 205.0
    assert str(frame.get_column("at").min()) == "2023-12-31 22:01:00+00:00"
    assert source.check() == ()


def test_the_servers_order_means_nothing_and_values_do(declare: Declare, sales: str, execute: Execute) -> None:
    ordered = declare(sql=f"select * from {sales} order by id", database=URL).snapshot()
    assert declare(sql=f"select * from {sales} order by random()", database=URL).snapshot() == ordered
    execute(f"update {sales} set amount = amount + 0.01 where id = 3")
    assert declare(sql=f"select * from {sales}", database=URL).snapshot() != ordered


def test_landed_rows_stay_readable(declare: Declare, sales: str, execute: Execute) -> None:
    source = declare(sql=f"select * from {sales}", database=URL)
    taken = source.snapshot()
    execute(f"drop table {sales}")
    assert source.frame(taken).collect().height == 40


def test_a_source_cannot_write(declare: Declare, sales: str, execute: Execute) -> None:
    schema = sales.partition(".")[0]
    execute("create function {s}.spend() returns int language sql as 'update {s}.sales set amount = 0 returning 1'")
    for sql in (f"select {schema}.spend()", f"delete from {sales}", f"create table {schema}.other (i int)"):
        with pytest.raises(SourceError, match="failed") as caught:
            declare(sql=sql, database=URL).snapshot()
        assert "read-only transaction" in "\n".join(caught.value.lines)


@pytest.mark.parametrize(
    ("sql", "url"),
    [
        ("select nothing", URL),
        ("select 's3cret'::int", URL),
        ("select 1", URL.replace("/test", "/no_such_database_here")),
        ("select 1", URL.replace("5432", "1")),
        ("select 1; select 2", URL),
        ("select 1 as a, 2 as a", URL),
    ],
)
def test_no_failure_shows_the_password(declare: Declare, execute: Execute, sql: str, url: str) -> None:
    with pytest.raises(SourceError) as caught:
        declare(sql=sql, database=url).snapshot()
    seen: list[BaseException | None] = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert "s3cret" not in "".join(map(repr, seen)) + "".join(map(str, seen))


def test_no_snapshot_shows_the_password(declare: Declare, sales: str) -> None:
    taken = declare(sql=f"select * from {sales} where buyer <> 's3cret'", database=URL).snapshot()
    assert "s3cret" not in str(taken.to_dict())
    assert "postgres:***@127.0.0.1" in str(taken.detail["database"])


def test_numbers_too_long_for_a_float_are_refused(declare: Declare, execute: Execute) -> None:
    with pytest.raises(SourceError, match="more than 15 digits") as caught:
        declare(sql="select 12345678901234567890::numeric as n, now() as at", database=URL).snapshot()
    assert "n::bigint" in caught.value.remedy
    source = declare(sql="select n::numeric, '2024-01-01'::date as at from (values (1.1), (null)) v(n)", database=URL)
    assert source.frame().collect().get_column("n").drop_nulls().to_list() == [1.1]


def test_json_comes_as_text(declare: Declare, execute: Execute) -> None:
    source = declare(sql="select '{\"a\": 1}'::jsonb as j, '2024-01-01'::date as at", database=URL)
    assert source.frame().collect().get_column("j").to_list() == ['{"a": 1}']


def test_options_of_the_url_are_kept() -> None:
    assert "statement_timeout" in reading(f"{URL}?options=-c%20statement_timeout%3D9&application_name=x")
    assert "default_transaction_read_only%3Don" in reading(f"{URL}?options=-c%20statement_timeout%3D9")
    assert "connect_timeout=3" in reading(f"{URL}?connect_timeout=3")
