"""Skeletons: each kind runs as it is on a source with suitable columns, passes its checks, and can be published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from tests.conftest import template
from workbench.cli.main import main
from workbench.define import FeatureView, parse_cell
from workbench.errors import InvalidName, UsageError
from workbench.pipeline import KINDS, InputTable, NewCell, SkeletonKinds, write_skeleton
from workbench.project import Project

START = datetime(2024, 1, 1, tzinfo=UTC)
SOURCES = """
[sources.orders]
path = "data/orders.parquet"
event_time = "Ordered At"
available_at = "known"
key = ["order_id"]

[sources.customers]
path = "data/customers.csv"
static = true
key = ["id"]

[sources.texts]
path = "data/texts.parquet"
event_time = "at"
"""


def write_data(folder: Path) -> None:
    """Write orders as people have them: names with spaces, narrow types, repeated moments, nulls, known late."""
    rows = 240
    at = [START + timedelta(hours=7 * (row // 2)) for row in range(rows)]
    pl.DataFrame(
        {
            "order_id": range(rows),
            "Customer ID": [None if row % 60 == 7 else row % 5 for row in range(rows)],
            "Ordered At": at,
            "known": [None if row % 80 == 9 else each + timedelta(minutes=row % 3) for row, each in enumerate(at)],
            "class": [("toy", "book", "food")[row % 3] for row in range(rows)],
            "Price (EUR)": [None if row % 50 == 3 else row % 13 / 2 for row in range(rows)],
            "returned": [row % 4 == 0 for row in range(rows)],
        },
        schema_overrides={"Customer ID": pl.Int32, "Price (EUR)": pl.Float32, "class": pl.Categorical},
    ).write_parquet(folder / "orders.parquet")
    (folder / "customers.csv").write_text("id,city,since,rank\n0,Ulm,2020-01-01,1.5\n1,Bonn,2021-01-01,2\n2,,,\n")
    pl.DataFrame(
        {
            "page": [f"p{row % 3}" for row in range(30)],
            "at": [START + timedelta(hours=row // 2) for row in range(30)],
            "vector": [[row / 7, 1.0, -row / 3] for row in range(30)],
        }
    ).write_parquet(folder / "texts.parquet")


@pytest.fixture(scope="module")
def project(begun_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with template(tmp_path_factory, "skeletons", begun_once) as root:
        toml = (root / "workbench.toml").read_text()
        (root / "workbench.toml").write_text(toml.partition("[sources.events]")[0] + SOURCES)
        write_data(root / "data")
        with closing(wb.open(root, branch="exp/first")) as opened:
            repository = opened.repository
            repository._git.run("commit", "-qam", "Declare sources")
            opened.branch("exp/new", objective="Try skeletons")
            yield opened


def table(project: Project, name: str) -> InputTable:
    source = project.sources[name]
    return InputTable(name, dict(source.frame().collect_schema()), time=source.available_at, key=source.key)


VIEW = InputTable(
    "spend",
    {},
    time="at",
    entities=("user",),
    annotations={"user": "str", "at": "UTC", "n": "str", "total": "float"},
    is_view=True,
)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_gives_what_its_model_promises(project: Project, kind: str) -> None:
    read = {"on-view": VIEW}.get(kind) or table(project, {"embedding": "texts"}.get(kind, "orders"))
    found = write_skeleton(kind, read, others=[table(project, "customers")], owner='Ann "B"', taken=["orders_week"])
    cell = parse_cell(found.text)
    assert (cell.view, max(map(len, found.text.splitlines())) <= 120) == (found.view, True), found.text
    namespace: dict[str, object] = {"__name__": "trial"}
    exec(cell.module, namespace)
    view = namespace[found.view]
    assert isinstance(view, FeatureView)
    spend = pl.LazyFrame({"user": ["a", "a"], "at": [START, START + timedelta(days=1)], "total": [1, 3]})
    frames = [spend if name == "spend" else project.sources[name].frame() for name in view.inputs]
    rows = view(*frames).collect()
    assert {column.name: column.dtype for column in view.contract.columns} == rows.schema
    assert rows.height > 1
    assert not rows.select(view.event_time, *view.entities).is_duplicated().any()
    assert view.owner == 'Ann "B"'
    assert found.view not in {"orders_week", "orders", "customers"}
    assert json.loads(json.dumps(NewCell(found).to_dict()))["text"] == found.text
    assert all(column in read.dtypes or kind in {"on-view", "static"} for _, column, _ in found.choices)


@pytest.mark.parametrize(
    ("dtypes", "key", "entity", "number"),
    [
        ({"month": pl.Int64(), "carrier": pl.String(), "delay": pl.Float64()}, (), "carrier", "delay"),
        ({"status": pl.String(), "customer_id": pl.Int64(), "quantity": pl.Int64()}, (), "customer_id", "quantity"),
        ({"id": pl.Int64(), "store": pl.Int64(), "year": pl.Int64(), "units": pl.Int64()}, ("id",), "store", "units"),
        ({"station": pl.Int64()}, (), "station", None),
        ({"userId": pl.String(), "name": pl.String(), "price": pl.Decimal(9, 2)}, (), "userId", "price"),
    ],
)
def test_columns_are_chosen_by_name_and_type(
    dtypes: dict[str, pl.DataType], key: tuple[str, ...], entity: str, number: str | None
) -> None:
    events = InputTable("events", {**dtypes, "at": pl.Datetime("us", "UTC")}, time="at", key=key)
    chosen = {part: column for part, column, _ in write_skeleton("windowed", events).choices}
    assert chosen == {"entity": entity, "time": "at", **({"number": number} if number else {})}


NO_EVENTS = InputTable("places", {"city": pl.String()}, key=("city",))
TIMES_ONLY = InputTable("ticks", {"at": pl.Datetime("us", "UTC")}, time="at")


@pytest.mark.parametrize(
    ("kind", "read", "said"),
    [
        ("windwed", TIMES_ONLY, "did you mean 'windowed'"),
        ("windowed", NO_EVENTS, "new static places"),
        ("windowed", TIMES_ONLY, "new global"),
        ("lag", VIEW, "new on-view spend"),
        ("target-encoding", TIMES_ONLY, "label"),
        ("target-encoding", VIEW, "Name the source"),
        ("global", VIEW, "source of events"),
        ("on-view", TIMES_ONLY, "new windowed"),
        ("on-view", replace(VIEW, annotations={}), "cannot be read from its text"),
        ("static", TIMES_ONLY, "static = true"),
        ("static", NO_EVENTS, "by hand"),
        ("embedding", TIMES_ONLY, "as one list"),
    ],
)
def test_where_no_column_suits_the_remedy_is_said(kind: str, read: InputTable, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        write_skeleton(kind, read)
    assert said.lower() in f"{raised.value.message} {raised.value.remedy}".lower()


def new(project: Project, kind: str, of: str | None = None) -> NewCell:
    cell = project.new(kind, of)
    assert isinstance(cell, NewCell)
    return cell


def test_sources_and_names_are_those_of_the_project(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    cell = new(project, "windowed")
    assert cell.cell.startswith("%%feature\nclass OrdersWeek(")
    assert 'owner="Test Researcher"' in cell.text
    assert "or class, order_id" in cell._repr_mimebundle_()["text/plain"]
    with pytest.raises(UsageError, match="no source or view 'orderz'") as raised:
        project.new("windowed", "orderz")
    assert "Did you mean 'orders'" in raised.value.remedy
    with pytest.raises(UsageError, match="no view on exp/new"):
        project.new("on-view")
    with pytest.raises(InvalidName):
        project.new("windowed", name="No such")
    kinds = project.new()
    assert isinstance(kinds, SkeletonKinds)
    assert {kind: of for kind, of in kinds.tables.items() if of != ("orders", "texts")} == {
        "on-view": (),
        "static": ("orders", "customers"),
        "target-encoding": ("orders",),
        "embedding": ("texts",),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        assert main(["new", "windowed", "orders", "--name", "first"]) == 0
    assert capsys.readouterr().out == cell.text.replace("OrdersWeek", "First").replace("orders_week", "first")


def test_what_skeletons_can_be_made_of_is_listed_without_running_a_query(project: Project) -> None:
    settings, landed = project.root / "workbench.toml", project.root / ".workbench" / "sources" / "asked"
    before = settings.read_text()
    query = "sql = '''select 'u1' as \"user\", timestamp '2024-01-01' as \"at\"'''"
    settings.write_text(f'{before}\n[sources.asked]\n{query}\nevent_time = "at"\n')
    try:
        kinds = project.new()
        assert isinstance(kinds, SkeletonKinds)
        assert kinds.queries == ("asked",)
        assert kinds.tables["windowed"] == ("orders", "texts", "asked")
        assert "asked" not in kinds.tables["on-view"]
        assert "asked" in kinds.report().notes[-1]
        assert not landed.exists()
        assert new(project, "windowed", "asked").skeleton.inputs == ("asked",)
        assert landed.exists(), "it was run for the one who named it"
    finally:
        settings.write_text(before)


@pytest.mark.journey
def test_each_kind_runs_as_it_is_and_can_be_published(project: Project) -> None:
    views = []
    for kind in KINDS:
        cell = new(project, kind, "orders_week" if kind == "on-view" else None)
        result = project.define(cell.text, log=False)
        told = [(check.name, check.detail) for check in result.checks if not check.passed]
        assert not told, (kind, cell.text, told)
        assert project.view(result.view).frame().collect().height > 10
        views.append(result.view)
    report = project.promote(views, dry_run=True)
    assert not report.is_refused, report
