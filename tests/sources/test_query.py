from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest

from workbench.errors import SourceError, SourceNotFound

from .conftest import Declare


@pytest.fixture
def database(root: Path) -> str:
    with duckdb.connect(str(root / "shop.duckdb")) as connection:
        connection.execute(
            "create table sales as select i as id, timestamptz '2024-01-01 00:00:00+00' + to_minutes(i) as at, "
            "(i * 0.5)::double as amount from range(50) t(i)"
        ).fetchall()
    return "shop.duckdb"


def landed(root: Path) -> list[Path]:
    return sorted((root / ".workbench" / "sources" / "events" / "landed").glob("*"))


def test_files_are_queried_from_the_projects_root(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    rows.write_parquet(root / "data" / "a.parquet")
    source = declare(sql="select id, \"at\" from 'data/a.parquet' where id < 3")
    assert source.frame().sort("id").collect().equals(rows.select("id", "at").head(3))
    source = declare(sql="select * from read_parquet('data/*.parquet')")
    assert source.frame().collect().height == rows.height


def test_a_database_file_is_read(declare: Declare, database: str) -> None:
    source = declare(sql="select * from sales", database=database, key=["id"])
    taken = source.snapshot()
    assert taken.kind == "query"
    assert taken.detail["rows"] == 50
    assert source.frame(taken).collect_schema()["at"] == pl.Datetime("us", "UTC")
    assert source.check(taken) == ()


def test_the_order_of_the_server_means_nothing(declare: Declare, root: Path, database: str) -> None:
    one = declare(sql="select * from sales order by hash(id)", database=database)
    taken = one.snapshot()
    other = declare(sql='select amount, "at", id from sales order by id desc', database=database).snapshot()
    assert taken == other
    assert len(landed(root)) == 1
    assert one.frame(taken).collect().get_column("at").is_sorted()


def test_any_other_value_is_other_data(declare: Declare, root: Path, database: str) -> None:
    source = declare(sql="select * from sales", database=database)
    before = source.snapshot()
    with duckdb.connect(str(root / database)) as connection:
        connection.execute("update sales set amount = amount + 1e-9 where id = 7").fetchall()
    assert source.snapshot() != before


def test_landed_rows_answer_after_the_data_moved_on(declare: Declare, root: Path, database: str) -> None:
    source = declare(sql="select * from sales", database=database)
    taken = source.snapshot()
    with duckdb.connect(str(root / database)) as connection:
        connection.execute("delete from sales where id > 9").fetchall()
    assert source.frame(taken).collect().height == 50
    for file in landed(root):
        file.unlink()
    with pytest.raises(SourceError, match="returns different rows"):
        source.frame(taken)


def test_landed_rows_that_were_cleared_are_landed_again(declare: Declare, root: Path, database: str) -> None:
    source = declare(sql="select * from sales", database=database)
    taken = source.snapshot()
    for file in landed(root):
        file.unlink()
    assert source.frame(taken).collect().height == 50


@pytest.mark.parametrize(
    "sql",
    [
        "select 1; select 2",
        "insert into sales select * from sales",
        "copy (select 1) to 'stolen.csv'",
        "attach 'other.duckdb'",
        "create table other as select 1",
        "",
    ],
)
def test_only_one_select_is_run(declare: Declare, root: Path, database: str, sql: str) -> None:
    with pytest.raises(SourceError, match="not a single SELECT"):
        declare(sql=sql, database=database).snapshot()
    assert sorted(path.name for path in root.iterdir()) == ["data", "shop.duckdb"]


def test_our_own_variables_are_no_tables(declare: Declare) -> None:
    with pytest.raises(SourceError, match="declared does not exist"):
        declare(sql="select * from declared").snapshot()


def test_wrong_sql_shows_what_the_database_says(declare: Declare, database: str) -> None:
    with pytest.raises(SourceError, match="query of source 'events' failed") as caught:
        declare(sql="select amuont from sales", database=database).snapshot()
    assert "amuont" in "\n".join(caught.value.lines)


def test_two_columns_of_one_name_are_refused(declare: Declare) -> None:
    with pytest.raises(SourceError, match="twice: a"):
        declare(sql="select 1 as a, 2 as a").snapshot()


def test_a_missing_or_foreign_database_file_is_explained(declare: Declare, root: Path) -> None:
    with pytest.raises(SourceNotFound, match=r"gone\.duckdb"):
        declare(sql="select 1", database="gone.duckdb").snapshot()
    (root / "junk.duckdb").write_bytes(b"x" * 5000)
    with pytest.raises(SourceError, match="failed") as caught:
        declare(sql="select 1", database="junk.duckdb").snapshot()
    assert "not a valid DuckDB database" in "\n".join(caught.value.lines)


def test_other_databases_are_refused_without_their_password(declare: Declare) -> None:
    with pytest.raises(SourceError, match="no reader for mysql://") as caught:
        declare(sql="select 1", database="mysql://ann:s3cret@db/test").snapshot()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "cast"),
    [
        ("interval 1 day", "epoch_us(v) as v"),
        ("[interval 1 day]", "v::varchar as v"),
        ("170141183460469231731687303715884105727::hugeint", "v::varchar as v"),
        ("[170141183460469231731687303715884105727::hugeint]", "v::varchar as v"),
        ("340282366920938463463374607431768211455::uhugeint", "v::varchar as v"),
        ("timetz '10:11:12+02'", "v::varchar as v"),
        ("{'a': '101'::bit}", "v::varchar as v"),
        ("'1234567890123456789012345678901234567890'::bignum", "v::varchar as v"),
        ("union_value(a := 1)", "v::varchar as v"),
        ("map {'a': interval 1 day}", "v::varchar as v"),
        ("array_value('1'::bit, '1'::bit)", "v::varchar as v"),
        ("time '24:00'", "v::varchar as v"),
        ("[time '24:00']", "v::varchar as v"),
        ("timestamptz 'infinity'", "case when isfinite(v) then v end as v"),
        ("date '-infinity'", "case when isfinite(v) then v end as v"),
        ("{'a': timestamp 'infinity'}", "v::varchar as v"),
        ("timestamp '4000-01-01 (BC)'", "case when isfinite(v) then v end as v"),
    ],
)
def test_what_cannot_be_carried_is_refused_with_the_cast(declare: Declare, sql: str, cast: str) -> None:
    query = f"select {sql} as v, date '2024-01-01' as \"at\""
    with pytest.raises(SourceError, match=r"'v' is or holds .* cannot be carried exactly") as caught:
        declare(sql=query).snapshot()
    assert f"`{cast}`" in caught.value.remedy
    if "BC" not in sql:  # a finite moment stays one
        whole = f'select {cast}, "at" from ({query})'
        assert declare(sql=whole).frame().collect().height == 1


@pytest.fixture
def elsewhere(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = root / "notebooks"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_the_working_directory_never_answers_for_the_root(
    declare: Declare, root: Path, elsewhere: Path, rows: pl.DataFrame
) -> None:
    rows.write_parquet(root / "a.parquet")
    source = declare(sql="select * from 'a.parquet'")
    assert source.frame().collect().height == rows.height
    rows.head(1).write_parquet(elsewhere / "a.parquet")
    with pytest.raises(SourceError, match=r"reads 'a\.parquet' in the working directory"):
        source.snapshot()
    (root / "a.parquet").unlink()
    with pytest.raises(SourceError, match=r"reads 'a\.parquet' in the working directory"):
        source.snapshot()


@pytest.mark.parametrize(
    "rows",
    [
        "read_parquet($$x.parquet$$)",
        "read_parquet('data/' || 'x.parquet')",
        "read_parquet(['only.parquet', 'x.parquet'])",
        "'./x.parquet'",
        "'../notebooks/x.parquet'",
        "query('from ''x.parquet''')",
        "read_csv('x.csv')",
        "sniff_csv($$x.csv$$)",
        "read_text('x' || '.csv')",
        "read_blob('x.csv')",
        "parquet_metadata('x.parquet')",
        "(select count(*) from read_csv($a$x.csv$a$))",
        "glob('x.csv')",
        "glob('x.' || 'csv')",
    ],
)
def test_no_spelling_reads_the_working_directory(declare: Declare, root: Path, elsewhere: Path, rows: str) -> None:
    for folder, value in ((root, 1), (elsewhere, 666)):
        (folder / "data").mkdir(exist_ok=True)
        frame = pl.DataFrame({"v": [value]})
        for file in ("x.parquet", "data/x.parquet"):
            frame.write_parquet(folder / file)
        frame.write_csv(folder / "x.csv")
    pl.DataFrame({"v": [1]}).write_parquet(root / "only.parquet")
    with pytest.raises(SourceError, match=r"in the working directory, .*notebooks"):
        declare(sql=f"select * from {rows}").snapshot()
    for fine in ("'only.parquet'", "'data/*.parquet'", f"read_text('{root}/x.csv')", f"glob('{root}/*.csv')"):
        if rows == "'./x.parquet'":
            assert declare(sql=f"select count(*) as n from {fine}").snapshot().detail["rows"] == 1


def test_an_empty_result_keeps_its_columns(declare: Declare, database: str) -> None:
    source = declare(sql="select * from sales where false", database=database, key=["id"])
    assert [warning.message for warning in source.check()] == ["has no rows"]
    assert source.frame().collect().shape == (0, 3)


def test_rows_of_every_type_are_landed(declare: Declare) -> None:
    sql = """
        select timestamptz '2024-01-01 00:00:00+02' as "at", sum(i) as big, 1.5::decimal(9, 2) as price,
            time '10:00' as t, [1, 2] as items, {'a': 1} as pair, 'x'::enum('x', 'y') as kind, null as nothing,
            '1'::blob as raw, map {'a': 1} as named, timestamp_ns '2024-01-01 00:00:00.000000001' as nano
        from range(3) r(i)
    """
    source = declare(sql=sql)
    taken = source.snapshot()
    assert source.snapshot() == taken
    assert source.frame(taken).collect().height == 1
    assert declare(sql=sql.replace("{'a': 1}", "{'a': 2}")).snapshot() != taken
