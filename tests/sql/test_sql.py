"""SQL over published versions, any branch's views and sources: it reads what it names, and nothing else."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tests.conftest import EVENT_VIEW
from tests.store.conftest import START
from tests.store.stage import git, publish
from workbench import errors
from workbench.cli import main
from workbench.project import answer_into_file
from workbench.sql.stream import TableStream

if TYPE_CHECKING:
    from workbench.project import Project

KINDS = '''\
class Kinds(FeatureModel):
    user: str
    when: UTC
    gap: pl.Duration("us") = Feature(unit="second")
    kind: pl.Enum(["a", "b"])
    small: pl.UInt8


@feature_view(entities="user", event_time="when")
def kinds(events: pl.LazyFrame) -> LazyFrame[Kinds]:
    """Dtypes that DuckDB, Arrow or Delta have no word for."""
    return events.select(
        "user",
        when="at",
        gap=pl.duration(minutes=pl.col("event_id")),
        kind=pl.when(pl.col("event_id") % 2 == 0).then(pl.lit("a")).otherwise(pl.lit("b")).cast(pl.Enum(["a", "b"])),
        small=pl.col("event_id").cast(pl.UInt8),
    )
'''


def test_bare_names_are_what_the_store_reads(mart: Project) -> None:
    top = "select max(total) as top from "
    assert mart.sql(f"{top} spend").item() == mart.sql(f'{top} "spend@2.0"').item() == 10.0
    assert mart.sql(f'{top} "spend@1"').item() == mart.sql(f'{top} "Spend@1.0"').item() == 147.0
    mart.branch("exp/first")
    mart.define(EVENT_VIEW.replace("cum_sum()", "cum_min()"), log=False)
    assert mart.sql(f"{top} spend").item() < 10.0, "on an experiment, the branch's own"
    both = "select max(p.total), max(own.total) from main.spend p, spend own"
    assert mart.sql(both).row(0) == (10.0, mart.sql(f"{top} spend").item())
    assert mart.sql(f'{top} "spend@1"').item() == 147.0


def test_branches_and_releases_are_schemas(mart: Project) -> None:
    git(mart, "tag", "-a", "-m", "Release", "release/2026.11", "main")
    mart.define(EVENT_VIEW.replace("cum_sum()", "cum_min()"), branch="exp/first", log=False)
    publish(mart, "spend", "3.0")
    query = """
        select max(s.total) now, max(r.total) released, max("exp/first".spend.total) branch
        from spend s, "release/2026.11".spend r, "exp/first".spend
    """
    now, released, branch = mart.sql(query).row(0)
    assert released == 10.0
    assert now == branch < 10.0


def test_views_join_sources_and_what_the_query_names_itself(mart: Project) -> None:
    query = """
        with spend as (select user, count(*) as visits from spend group by all), own as (select 1 as one)
        select visits, events.amount from spend join events using (user), own where event_id = 3
    """
    assert mart.sql(query).row(0) == (29, 3.0)
    assert mart.sql("describe spend")["column_name"].to_list() == ["user", "at", "total"]
    assert mart.sql("from range(3)").height == 3


def test_times_are_utc_and_dtypes_survive(shop: Project) -> None:
    assert shop.define(KINDS, log=False).passed
    publish(shop, "kinds")
    shop.branch("main")
    row = shop.sql('select * from kinds order by "when" limit 1 offset 2')
    assert row.schema["when"] == pl.Datetime("us", "UTC")
    assert row.row(0) == ("u2", START + timedelta(minutes=2), timedelta(minutes=2), "a", 2)
    lag = shop.sql('select "when" - lag("when") over (order by "when") as lag from kinds offset 1 limit 1')
    assert lag.row(0) == (timedelta(minutes=1),)
    assert lag.schema == {"lag": pl.Duration("us")}
    hour = shop.sql("select hour(timestamptz '2024-01-01 12:00:00+02')")
    assert hour.item() == 10
    assert shop.sql("select timestamptz '2024-01-01'").item() == datetime(2024, 1, 1, tzinfo=UTC)


def test_durations_are_not_cut_to_what_an_interval_holds(shop: Project) -> None:
    fine = KINDS.replace('pl.Duration("us")', 'pl.Duration("ns")').replace("pl.duration(", "pl.duration(NS")
    for nanoseconds, name in (("1000, time_unit='ns', ", "whole"), ("1, time_unit='ns', ", "fine")):
        text = fine.replace("NS", f"nanoseconds={nanoseconds}").replace("Kinds", name.title())
        assert shop.define(text.replace("def kinds", f"def {name}"), log=False).passed
    assert shop.sql("select min(gap) from whole").item() == timedelta(microseconds=1)
    for query in ("select gap from fine", "select count(*) from fine where gap = interval 0 second"):
        with pytest.raises(errors.QueryError, match="'gap' has durations with nanoseconds"):
            shop.sql(query)
    assert shop.sql("select count(kind) from fine").item() > 0, "what a query does not read is not looked at"


@pytest.mark.parametrize(
    "query", ["from spend tablesample 10 rows", "from spend using sample 10", "select total from (from spend limit 10)"]
)
def test_a_sample_is_a_query_like_any_other(mart_to_read: Project, query: str) -> None:
    assert mart_to_read.sql(query).height == 10


def test_only_the_tables_that_a_query_names_are_computed(shop: Project) -> None:
    shop.define(EVENT_VIEW.replace("def spend(events", "def spend(events").replace("cum_sum", "cum_min"), log=False)
    views = shop.root / ".workbench" / "views"
    before = len(list(views.iterdir()))
    shop.repository.commit("exp/first", {"features/later.py": _later()}, message="Define without computing")
    shop.sql("select 1 from spend")
    assert len(list(views.iterdir())) == before
    assert shop.sql("select count(*) from later").item() == 200
    assert len(list(views.iterdir())) == before + 1


def _later() -> str:
    head = "import polars as pl\nfrom workbench import UTC, Feature, FeatureModel, LazyFrame, feature_view\n\n\n"
    return head + EVENT_VIEW.replace("Spend", "Later").replace("def spend", "def later").replace("cum_sum", "cum_max")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("select * from spned", "did you mean 'spend'"),
        ("select * from evnets", "did you mean 'events'"),
        ('from "spend@one"', "no view or source 'spend@one'"),
        ("from spend@1", 'from "view@2"'),
        ('from "exp/frst".spend', "did you mean 'exp/first'"),
        ('from "exp/first".spned', "did you mean 'exp/first.spend'"),
        ("from a.b.c", "'a.b.c'"),
        ("from information_schema.tables", "no branch 'information_schema'"),
        ("from 'data/events.parquet'", "no view or source 'data/events.parquet'"),
        ('from "x""; drop"', "no view or source"),
        ("select nope from spend", '"nope"'),
        ("select 1 as a, 2 as A", "two columns 'a'"),
        ("selec 1", "syntax error"),
        ("", "is empty"),
        ("-- nothing", "is empty"),
        ("from spend; from spend", "several statements"),
        ("select error('stop')", "stop"),
    ],
)
def test_what_cannot_be_answered_says_why(mart_to_read: Project, query: str, says: str) -> None:
    with pytest.raises(errors.QueryError) as raised:
        mart_to_read.sql(query)
    assert says in str(raised.value)
    assert raised.value.remedy


@pytest.mark.parametrize(
    "query",
    [
        "copy spend to '{out}'",
        "copy (select 1) to '{out}'",
        "export database '{out}'",
        "attach '{out}'",
        "create table x as select 1",
        "insert into spend values ('u0', now(), 1)",
        "with x as (insert into spend values ('u0', now(), 1) returning *) from x",
        "with x as (delete from spend returning *) from x",
        "install httpfs",
        "load httpfs",
        "set threads = 1",
        "pragma database_list",
        "call enable_logging('QueryLog', storage = 'file', storage_path = '{out}')",
        "from enable_logging('QueryLog', storage = 'file', storage_path = '{out}')",
        "from read_text('{secret}')",
        "from read_csv('{secret}')",
        "from '{secret}'",
        "from glob('/*')",
        "from query('from read_text(''{secret}'')')",
        "from duckdb_settings()",
        "show tables",
        "select 1; copy (select 1) to '{out}'",
    ],
)
def test_nothing_is_written_and_no_file_is_read(mart_to_read: Project, tmp_path: Path, query: str) -> None:
    secret, out = tmp_path / "secret.csv", tmp_path / "out.csv"
    secret.write_text("password\nhunter2\n")
    with pytest.raises(errors.QueryError) as raised:
        mart_to_read.sql(query.format(secret=secret, out=out))
    assert "hunter2" not in str(raised.value)
    assert not out.exists()


def test_functions_that_read_files_are_closed_even_where_no_name_tells(mart: Project, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("hunter2\n")
    for query in (f"select content from read_text('{secret}')", f"select (from read_blob('{secret}'))"):
        with pytest.raises(errors.QueryError):
            mart.sql(query)
    import duckdb

    from workbench.sql.run import _connect, _register
    from workbench.sql.tables import Tables

    with _connect(duckdb, tmp_path) as connection:
        _register(connection, Tables(mart._workspace, mart.store._reading()), [])
        with pytest.raises(duckdb.PermissionException):
            connection.execute(f"from read_text('{secret}')").fetchall()
        with pytest.raises(duckdb.InvalidInputException, match="locked"):
            connection.execute("set enable_external_access = true")


def test_the_verb_shows_a_hundred_rows_and_writes_them_all(
    mart: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(mart.root)
    mart.use_branch_in_shell()
    out = tmp_path / "all.parquet"
    query = "select *, 'nan'::double as odd, 1234567 as number from spend order by all"
    assert main.main(["sql", query, "--out", str(out), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert (answer["total"], answer["shown"], len(answer["rows"])) == (200, 100, 100)
    assert answer["rows"][0] == {
        "user": "u0",
        "at": "2024-01-01 00:00:00+00:00",
        "total": 0.0,
        "odd": "nan",
        "number": 1234567,
    }
    assert answer["columns"]["at"] == "Datetime(time_unit='us', time_zone='UTC')"
    assert pl.read_parquet(out).height == 200
    assert main.main(["sql", query]) == 0
    shown = capsys.readouterr().out
    assert "200 rows, 5 columns" in shown
    assert "The first 100 of 200 rows" in shown
    assert "1234567" in shown
    assert main.main(["sql", "from spned"]) == 1
    assert main.main(["sql", query, "--out", "x.xls"]) == 2
    assert main.main(["sql", "select 1 as x where false", "--json"]) == 0


def test_a_notebook_gets_no_more_than_a_person_reads(mart: Project) -> None:
    query = "select *, repeat('x', 100000) as long, '<script>' as page from events"
    answer = mart.store.answer(query)
    html: Any = answer._repr_mimebundle_()["text/html"]
    assert len(html) < 80_000
    assert "<script>" not in html
    wide = mart.store.answer(f"select {', '.join(f'{n} as c{n}' for n in range(60))}")
    assert "24 of 60 columns" in wide.report().text()


def test_a_pivot_whose_columns_the_data_say_is_refused_with_the_way_to_write_it(mart: Project) -> None:
    with pytest.raises(errors.QueryError, match="not one SELECT") as caught:
        mart.sql("pivot recent on user using sum(total)")
    assert "IN ('a', 'b')" in caught.value.remedy
    assert mart.sql("pivot events on user in ('u1', 'u2') using sum(amount) group by user").height


MANY = 140_000
"""More rows than DuckDB gives at a time."""


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let results be larger than memory from a few rows on."""
    monkeypatch.setattr("workbench.sql.result.memory_share", lambda *_, **__: 1_000)


@pytest.mark.usefixtures("little_memory")
def test_a_result_that_memory_does_not_hold_is_refused_with_the_way_to_have_it(mart_to_read: Project) -> None:
    with pytest.raises(errors.MemoryLimit, match=r"returns more than [\d,]+ rows") as raised:
        mart_to_read.sql("select *, repeat('x', 100) as long from events")
    assert "--out" in raised.value.remedy
    assert "[compute] memory" in raised.value.remedy
    assert mart_to_read.sql("select count(*) from events").item() == 200


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".csv.gz", ".jsonl", ".json", ".json.gz"])
def test_a_result_too_large_for_memory_is_written_whole(mart_to_read: Project, tmp_path: Path, suffix: str) -> None:
    flat = "'x' || range as text, 'a'::enum('a', 'b') as kind, timestamptz '2024-01-01' + interval (range) hour as hour"
    nested = "" if "csv" in suffix else ", {'n': range} as nested, interval (range) minute as gap"
    query = f"select range as number, {flat}, null as none {nested} from range({MANY})"
    out = tmp_path / f"all{suffix}"
    answer = answer_into_file(mart_to_read.store, query, out=out)
    assert (answer.height, answer.frame.height, answer.out) == (MANY, 100, out)
    assert answer.frame["number"].to_list() == list(range(100))
    if suffix == ".parquet":
        found = pl.read_parquet(out)
        assert found.schema == answer.frame.schema
        assert found.schema["gap"] == pl.Duration("us")
        assert found["gap"][-1] == timedelta(minutes=MANY - 1)
    elif "csv" in suffix:
        found = pl.read_csv(out)
    else:
        found = pl.read_ndjson(out) if suffix == ".jsonl" else pl.DataFrame(_json(out), infer_schema_length=None)
    assert found["number"].to_list() == list(range(MANY))
    assert found["text"].tail(1).item() == f"x{MANY - 1}"
    answer_into_file(mart_to_read.store, "select 1 as one where false", out=out)
    assert out.stat().st_size or suffix == ".jsonl"


def _json(file: Path) -> list[dict[str, Any]]:
    import gzip

    data = file.read_bytes()
    found: list[dict[str, Any]] = json.loads(gzip.decompress(data) if file.suffix == ".gz" else data)
    return found


def test_a_query_that_holds_too_much_at_a_time_says_so(mart_to_read: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "workbench.sql.run.duckdb_settings", lambda _: {"memory_limit": "20MB", "max_temp_directory_size": "0MB"}
    )
    with pytest.raises(errors.MemoryLimit, match="at a time") as raised:
        mart_to_read.sql("select count(*) from (select distinct range from range(10000000))")
    assert raised.value.remedy


def test_ctrl_c_ends_a_query_that_would_take_for_ever(mart_to_read: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = TableStream._batches

    def press(stream: TableStream, *asked: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        yield from batches(stream, *asked)

    monkeypatch.setattr(TableStream, "_batches", press)
    endless = "range(3000000) a, range(3000000) b where a.range * b.range = 7"
    with pytest.raises(KeyboardInterrupt):
        mart_to_read.sql(f"select count(*) from spend, {endless}")
    monkeypatch.undo()
    assert mart_to_read.sql("select count(*) from spend").item() > 0


def test_duckdb_writes_nothing_of_its_own_to_the_output(mart_to_read: Project) -> None:
    assert mart_to_read.sql("select current_setting('enable_progress_bar') as bar").item() is False
