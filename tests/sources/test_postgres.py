"""Against a real server on loopback. Each test has a schema of its own, dropped at the end."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import uuid4

import polars as pl
import pytest

from workbench.errors import SourceError
from workbench.sources import Source
from workbench.sources.postgres import read_only_url

from .conftest import Declare

HOST, PORT = "127.0.0.1", 5432
URL = f"postgresql://postgres:s3cret@{HOST}:{PORT}/test"
pytestmark = pytest.mark.service

Execute = Callable[[str], Any]


@pytest.fixture(scope="module")
def server() -> None:
    try:
        socket.create_connection((HOST, PORT), timeout=2).close()
    except OSError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL on {HOST}:{PORT}: {error}")


@pytest.fixture
def execute(server: None) -> Iterator[Execute]:
    """Run SQL in a schema of the test's own: ``{s}`` stands for its name."""
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
    assert frame.schema == {
        "id": pl.Int32,
        "at": pl.Datetime("us", "UTC"),
        "amount": pl.Decimal(9, 2),
        "buyer": pl.String,
    }
    assert frame.height == 40
    assert frame.get_column("amount").sum() == Decimal("205.00")
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
    for sql in (f"select {schema}.spend()", f"with d as (delete from {sales} returning 1) select * from d"):
        with pytest.raises(SourceError, match="failed") as caught:
            declare(sql=sql, database=URL).snapshot()
        assert "read-only transaction" in "\n".join(caught.value.lines)
    for sql in (f"delete from {sales}", f"create table {schema}.other (i int)", "begin", "set role none", "commit"):
        with pytest.raises(SourceError, match="not a single SELECT"):
            declare(sql=sql, database=URL).snapshot()


@pytest.mark.parametrize("end", ["-- the last word", ";", " ; -- done", "/* done */", "; /* a */ -- b\n\n"])
def test_a_query_may_end_as_people_end_it(declare: Declare, server: None, end: str) -> None:
    source = declare(sql=f"select array[1] as v, '2024-01-01'::date as at {end}", database=URL)
    assert source.frame().collect().get_column("v").to_list() == [[1]]


def test_a_host_may_stand_in_the_query_of_the_url(declare: Declare, server: None) -> None:
    url = f"postgresql:///test?host={HOST}&user=postgres&password=s3cret"
    assert declare(sql="select 1 as v, now() as at", database=url).frame().collect().height == 1


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:third%@db/test",
        "postgresql://ann:third%zz@db/test",
        "postgresql://ann:pass@third@db/test",
        "postgresql://ann:pass/third@db/test",
        "postgresql://ann:pass#third@db/test",
        "postgresql://ann:pass?third@db/test",
        "postgresql://db/test?password=third%",
    ],
)
def test_a_password_that_is_not_encoded_is_not_shown(declare: Declare, url: str) -> None:
    with pytest.raises(SourceError, match="is not a connection URL") as caught:
        declare(sql="select 1", database=url).snapshot()
    said = "\n".join([str(caught.value), *caught.value.lines, caught.value.remedy])
    assert "thi" not in said
    assert "rd%" not in said


def only(source: Source) -> Any:
    """Return the one value of ``v``, with its dtype."""
    column = source.frame().collect().get_column("v")
    return column.dtype, column.to_list()[0]


@pytest.mark.parametrize(
    ("sql", "dtype", "value"),
    [
        ("12345678901234567.8912::numeric(24, 4)", pl.Decimal(24, 4), Decimal("12345678901234567.8912")),
        ("1.5::numeric", pl.Decimal(38, 1), Decimal("1.5")),
        ("-0.05::numeric", pl.Decimal(38, 2), Decimal("-0.05")),
        ("12345678901234567890::numeric", pl.Decimal(38, 0), Decimal(12345678901234567890)),
        ("0.00012::numeric(2, 5)", pl.Decimal(5, 5), Decimal("0.00012")),
        ("12345::numeric(3, -2)", pl.Decimal(5, 0), Decimal(12300)),
        ("null::numeric", pl.Decimal(38, 0), None),
        ("'c0ffee00-0000-0000-0000-000000000001'::uuid", pl.String, "c0ffee00-0000-0000-0000-000000000001"),
        ("null::uuid", pl.String, None),
        ("'ab'::char(4)", pl.String, "ab"),
        ("'{\"a\": 1}'::jsonb", pl.String, '{"a": 1}'),
        ("'[1]'::json", pl.String, "[1]"),
        ("array[1, null]", pl.List(pl.Int32), [1, None]),
        ("'{}'::int[]", pl.List(pl.Int32), []),
        ("null::int[]", pl.List(pl.Int32), None),
        ("time '23:59:59.999999'", pl.Time, time(23, 59, 59, 999999)),
        ("date '9999-12-31'", pl.Date, date(9999, 12, 31)),
        ("timestamp '0001-01-01'", pl.Datetime("us"), datetime(1, 1, 1)),  # noqa: DTZ001  it has none
        ("'x'::name", pl.String, "x"),
        ("'\\x00ff'::bytea", pl.Binary, b"\x00\xff"),
        ("1.5::float4", pl.Float32, 1.5),
    ],
)
def test_values_arrive_exactly(declare: Declare, server: None, sql: str, dtype: Any, value: Any) -> None:
    assert only(declare(sql=f"select {sql} as v, '2024-01-01'::date as at", database=URL)) == (dtype, value)


@pytest.mark.parametrize(
    ("sql", "cast"),
    [
        ("12.34::money", "v::numeric as v"),
        ("4294967295::oid", "v::bigint as v"),
        ("'pg_class'::regclass", "v::text as v"),
        ("timetz '10:11:12+02'", "v::text as v"),
        ("inet '1.2.3.4'", "v::text as v"),
        ("macaddr '08:00:2b:01:02:03'", "v::text as v"),
        ("int4range(1, 3)", "v::text as v"),
        ("'101'::bit(3)", "v::text as v"),
        ("point '(1, 2)'", "v::text as v"),
        ("xml '<a/>'", "v::text as v"),
        ("interval '1 month'", "extract(epoch from v)::float8 as v"),
        ("array[[1, 2], [3, 4]]", "v::text as v"),
        ("array[1.5::numeric]", "v::float8[] as v"),
        ("array['{}'::jsonb]", "v::text[] as v"),
        ("array['ab'::char(4)]", "v::text[] as v"),
        ("array[time '24:00']", "v::text[] as v"),
        ("time '24:00'", "v::text as v"),
        ("timestamptz 'infinity'", "case when isfinite(v) then v end as v"),
        ("timestamp '-infinity'", "case when isfinite(v) then v end as v"),
        ("date '4000-01-01 BC'", "case when isfinite(v) then v end as v"),
        ("'NaN'::numeric", "v::float8 as v"),
        ("1e30::numeric + 1e-30::numeric", "v::float8 as v"),
        ("1e40::numeric(50, 0)", "v::float8 as v"),
    ],
)
def test_what_cannot_be_carried_is_refused_with_the_cast(declare: Declare, server: None, sql: str, cast: str) -> None:
    query = "select {} as v, '2024-01-01'::date as at"
    with pytest.raises(SourceError, match=r"'v' is or holds .* cannot be carried exactly") as caught:
        declare(sql=query.format(sql), database=URL).snapshot()
    assert f"`{cast}`" in caught.value.remedy
    expression = cast.removesuffix(" as v")
    if not ("BC" in sql and "isfinite" in cast):
        whole = f"select {expression} as v, at from ({query.format(sql)}) q"
        assert declare(sql=whole, database=URL).frame().collect().height == 1


def test_arrays_are_looked_at_one_by_one(declare: Declare, server: None) -> None:
    sql = "select v, '2024-01-01'::date as at from (values (array[1, 2]), (array[[1], [2]])) q(v)"
    with pytest.raises(SourceError, match="an array of arrays"):
        declare(sql=sql, database=URL).snapshot()


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
def test_no_failure_shows_the_password(declare: Declare, server: None, sql: str, url: str) -> None:
    with pytest.raises(SourceError) as caught:
        declare(sql=sql, database=url).snapshot()
    seen: list[BaseException | None] = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert "s3cret" not in "".join(map(repr, seen)) + "".join(map(str, seen))


def test_no_snapshot_shows_the_password(declare: Declare, sales: str) -> None:
    taken = declare(sql=f"select * from {sales} where buyer <> 's3cret'", database=URL).snapshot()
    assert "s3cret" not in str(taken.to_dict())
    assert "postgres:***@127.0.0.1" in str(taken.detail["database"])


def test_options_of_the_url_are_kept() -> None:
    assert "statement_timeout" in read_only_url(f"{URL}?options=-c%20statement_timeout%3D9&application_name=x")
    assert "default_transaction_read_only%3Don" in read_only_url(f"{URL}?options=-c%20statement_timeout%3D9")
    assert "connect_timeout=3" in read_only_url(f"{URL}?connect_timeout=3")
