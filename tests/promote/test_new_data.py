"""New source data that looks wrong is left, or told of, before readers have it; and it can be taken back."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.promote.conftest import DESCRIBED, RATE, git, more_events, record_of
from tests.promote.stage import Table, begin, lake_rows, write
from workbench.cli.main import main
from workbench.drift import FeatureDrift
from workbench.drift.side import DriftSide
from workbench.errors import FeatureNotFound, LakeError, PromotionRefused, UsageError
from workbench.lake import TableAt
from workbench.promote.new_data import gross_fault, is_loss
from workbench.registry import Record, Registry

if TYPE_CHECKING:
    from workbench.project import Project


def events(project: Project) -> Path:
    return project.root / "data" / "events.parquet"


def replaced(project: Project, *changes: pl.Expr, rows: int = 1_000) -> None:
    """Let the source have its first `rows` rows, with columns changed."""
    pl.read_parquet(events(project)).head(rows).with_columns(changes).write_parquet(events(project))


def declare(project: Project, policy: str) -> None:
    with (project.root / "workbench.toml").open("a") as file:
        file.write(f"\n[policy]\n{policy}\n")
    git(project.root, "commit", "-qam", "Declare a policy")


def test_rows_that_fall_by_more_than_half_are_not_published(published: Project) -> None:
    before, original = lake_rows(published, "spend"), pl.read_parquet(events(published))
    for rows in (0, 99):
        original.head(rows).write_parquet(events(published))
        done = published.materialize()
        assert not done.passed
        assert f"left: rows fell from 200 to {rows} (limit: 50%)" in done.report().title
        assert lake_rows(published, "spend").equals(before)
        assert record_of(published).version().behind is not None
    original.head(100).write_parquet(events(published))
    assert published.materialize().passed
    assert lake_rows(published, "spend").height == 100
    assert record_of(published).version().behind is None


NAMED = '''\
class Ranked(FeatureModel):
    user: str
    at: UTC
    rank: float | None = Feature(unit="count")


@feature_view(entities="user", event_time="at", owner="ann")
def ranked(events: pl.LazyFrame, users: pl.LazyFrame) -> LazyFrame[Ranked]:
    """The rank of each event's user."""
    return events.join(users.select("user", "rank"), on="user", how="left").select("user", "at", "rank")
'''


def test_a_source_that_is_empty_is_told_though_the_view_keeps_its_rows(tmp_path: Path) -> None:
    days = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 9), "1d", time_zone="UTC", eager=True)
    rows = pl.DataFrame({"user": ["a", "b", "c"] * 3, "at": days})
    users = rows.head(3).select("user", pl.col("at") - pl.duration(days=9), rank=pl.lit(1.0))
    project = begin(tmp_path, {"events": Table(rows, "at", "at"), "users": Table(users, "at", "at")})
    project.define(NAMED, log=False)
    project.promote("ranked", accept={"ranked:probes": "a trial"})
    write(tmp_path, "users", users.clear())
    assert "left: rows of users fell from 3 to 0 (limit: 50%)" in project.materialize().report().title
    project.close()


def test_what_is_refused_is_published_once_where_it_is_accepted_by_name(published: Project) -> None:
    replaced(published, rows=20)
    with pytest.raises(UsageError, match="without a reason"):
        published.materialize(accept=["spend"])
    with pytest.raises(FeatureNotFound):
        published.materialize(accept={"spent": "sold"})
    assert published.materialize(accept={"spend": "we sold the shop"}).passed
    version = record_of(published).version()
    assert (version.rows, version.behind) == (20, None)
    assert "we sold the shop" in published.repository.message("main")
    replaced(published, rows=5)
    assert not published.materialize().passed


def test_a_version_that_was_left_is_the_headline_and_its_reader_is_not(published: Project) -> None:
    published.define(RATE, log=False)
    published.promote("rate")
    replaced(published, pl.col("amount") - 1000)
    done = published.materialize()
    title = done.report().title
    assert title.startswith("spend 1.0 left: the new data breaks its contract")
    assert title.endswith(", and 1 more")
    assert [view.state for view in done.views] == ["left", "left"]
    since = record_of(published).version().behind
    main_now = published.repository.resolve("main")
    assert published.materialize().commit is None
    assert published.repository.resolve("main") == main_now
    assert record_of(published).version().behind == since


def test_the_policy_of_main_says_how_much_may_be_lost_and_what_happens(published: Project) -> None:
    declare(published, 'new_data = { rows = "warn", max_loss = 0.1 }')
    replaced(published, rows=150)
    done = published.materialize()
    assert done.passed
    assert done.views[0].warnings[0] == "rows fell from 200 to 150 (limit: 10%)"
    assert done.report().title.startswith("spend 1.0: rows fell from 200 to 150")
    assert done.report().tone == "warn"


@pytest.mark.parametrize(
    ("old", "new", "limit", "lost"),
    [(0, 0, 0.5, False), (10, 0, 1.0, True), (10, 5, 0.5, False), (10, 4, 0.5, True), (10, 12, 0.0, False)],
)
def test_a_loss_is_all_rows_or_more_than_the_share(*, old: int, new: int, limit: float, lost: bool) -> None:
    assert is_loss(old, new, limit) is lost


@pytest.mark.journey
def test_a_bad_materialization_is_taken_back_and_stays_so(
    published: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    published.define(RATE, log=False)
    published.promote("rate")
    monkeypatch.chdir(published.root)
    good, data = lake_rows(published, "spend"), record_of(published).version().delta_version
    original = pl.read_parquet(events(published))
    replaced(published, rows=20)
    assert main(["materialize", "--accept", "spend=it is meant", "--accept", "rate=it is meant"]) == 0
    assert lake_rows(published, "spend").height == 20
    assert main(["rollback", "spend", "--data", str(data)]) == 0
    assert lake_rows(published, "spend").equals(good)
    for _ in range(2):  # readers go on from what was taken back
        assert main(["materialize"]) == 0
        assert lake_rows(published, "spend").equals(good)
        assert lake_rows(published, "rate").height == 200
    capsys.readouterr()
    replaced(published, rows=19)  # a source that goes on changing is no reason to publish
    assert main(["materialize", "--json"]) == 0
    states = {view["view"]: view["state"] for view in json.loads(capsys.readouterr().out)["views"]}
    assert states == {"spend": "held", "rate": "current"}
    assert published.materialize().report().title.startswith("spend 1.0 held at its data")
    assert published.materialize("spend", accept={"spend": "now it is right"}).views[0].state == "updated"
    assert record_of(published).version().held is None
    assert lake_rows(published, "spend").height == 19
    published.rollback("spend", data=data)
    original.write_parquet(events(published))  # with the data back that is held, nothing is held any more
    assert published.materialize("spend").views[0].state == "current"
    assert record_of(published).version().held is None


def test_rows_that_are_gone_from_the_lake_are_computed_again(published: Project) -> None:
    before = lake_rows(published, "spend")
    place = published.repository.home / "lake" / "spend" / "v1"
    for gone in ("file", "table"):
        if gone == "table":
            shutil.rmtree(place)
        else:
            next(place.rglob("*.parquet")).unlink()
        done = published.materialize()
        assert done.views[0].state == "updated"
        assert "its data was missing from the lake" in done.report().title
        assert "identical" in done.report().title
        assert lake_rows(published, "spend").equals(before)
        assert published.materialize().report().title == "Up to date"


def test_a_table_made_anew_gives_nobody_other_rows_under_an_old_number(published: Project) -> None:
    published.cut_release("before")
    more_events(published.root, 30)
    shutil.rmtree(published.repository.home / "lake")
    done = published.materialize()
    assert (done.views[0].after, done.views[0].state) == (230, "updated")
    assert lake_rows(published, "spend").height == 230
    assert published.store.at(release="before").rows("spend").height == 200  # they were computed here, too
    shutil.rmtree(published.root / ".workbench" / "views")
    with pytest.raises(LakeError, match="not hold the data"):
        published.store.at(release="before").rows("spend")


def test_data_that_the_lake_has_no_more_is_not_taken_back_although_it_was_computed_here(published: Project) -> None:
    data = record_of(published).version().delta_version
    (held,) = (published.repository.home / "lake" / "spend" / "v1").rglob("*.parquet")
    more_events(published.root, 30)
    published.materialize()
    held.unlink()
    with pytest.raises(LakeError, match="data files"):
        published.rollback("spend", data=data)
    assert record_of(published).version().rows == 230


def test_data_that_is_taken_back_does_not_change_what_its_version_reads(published: Project) -> None:
    published.define(RATE, log=False)
    published.promote("rate")
    data = record_of(published, "rate").version().delta_version
    published.define(DESCRIBED, log=False)
    published.promote("spend")
    more_events(published.root, 30)
    published.materialize()
    published.rollback("rate", data=data)
    version = record_of(published, "rate").version()
    assert (version.rows, version.inputs[0].version) == (200, "1.1")


def test_a_promotion_asks_too_before_rows_are_lost_or_held_data_is_replaced(published: Project) -> None:
    data = record_of(published).version().delta_version
    more_events(published.root, 30)
    published.materialize()
    published.rollback("spend", data=data)
    published.define(DESCRIBED, log=False)
    with pytest.raises(PromotionRefused, match=r"replace the data of 1\.0, which was rolled back"):
        published.promote("spend")
    replaced(published, rows=20)
    with pytest.raises(PromotionRefused, match=r"rows fell from 200 to 20 \(limit: 50%\)"):
        published.promote("spend")
    published.promote("spend", accept={"spend:new data": "we sold the shop"})
    assert record_of(published).version().held is None
    assert lake_rows(published, "spend").height == 20


def test_values_in_another_unit_are_told_and_refused_where_the_policy_says_so(published: Project) -> None:
    original = pl.read_parquet(events(published))
    replaced(published, pl.col("amount") * 60)
    done = published.materialize()
    assert done.passed
    assert done.report().tone == "warn"
    assert done.report().title.startswith("spend 1.0: rows published before: total moved")
    original.write_parquet(events(published))
    published.materialize()
    declare(published, 'new_data = { values = "refuse" }')
    replaced(published, pl.col("amount") * 60)
    done = published.materialize()
    assert not done.passed
    assert "spend 1.0 left: rows published before: total moved" in done.report().title


SIDE = DriftSide("Float64", 1_000, mean=100.0, std=50.0)


@pytest.mark.parametrize(
    ("side", "said"),
    [
        (DriftSide("Float64", 100, mean=240.0, std=5.0), ""),
        (DriftSide("Float64", 100, mean=6_000.0, std=5.0), "has a different scale: mean 100 to 6000"),
        (DriftSide("Float64", 100, mean=1.7, std=0.5), "has a different scale: mean 100 to 1.7"),
        (DriftSide("Float64", 100, mean=100.0, std=0.0), "is 100 in all of them"),
        (DriftSide("Float64", 10, mean=100.0, std=0.0), ""),
        (DriftSide("Float64", 100, nulls=60, mean=100.0, std=50.0), "is null in 60% of them, and was in 0%"),
        (DriftSide("Float64", 100, nans=60, mean=100.0, std=50.0), "is NaN in 60% of them, and was in 0%"),
    ],
)
def test_gross_faults_are_found_whatever_the_trend(side: DriftSide, said: str) -> None:
    assert gross_fault(FeatureDrift("total", "numeric", SIDE, side)) == said


def told(project: Project) -> dict[str, object]:
    """Return the run that MLflow is to be told of main's newest commit."""
    key = project.repository.resolve("main")[:32]
    (path,) = project.repository.home.rglob(f"*-{key}.json")
    run: dict[str, object] = json.loads(path.read_text())
    return run


def test_status_catalog_and_mlflow_say_since_when_production_is_behind(published: Project) -> None:
    def state() -> tuple[str, str]:
        (found,) = published.status().published
        return found.state, found.why

    original = pl.read_parquet(events(published))
    assert state() == ("current", "")
    more_events(published.root, 30)
    assert state() == ("behind", "events changed since")
    assert "of 1 versions 1 behind" in published.status().report().text()

    original.head(0).write_parquet(events(published))
    published.materialize()
    behind = record_of(published).version().behind
    assert behind is not None
    assert published.status().published[0].since == behind.since
    assert state() == ("behind", behind.why)
    assert "rows fell from 200 to 0" in published.store.catalog().report().text(width=300)
    assert "rows fell from 200 to 0" in published.store.catalog()["spend"].report().text(width=300)
    run = told(published)
    assert (run["name"], run["status"]) == ("materialize: spend 1.0 left behind", "FAILED")
    assert "rows fell from 200 to 0" in str(run["tags"])

    original.write_parquet(events(published))
    published.materialize()
    assert state() == ("current", "")
    assert told(published)["name"] == "materialize: spend 1.0 caught up"

    next((published.repository.home / "lake").rglob("*.parquet")).unlink()
    assert state()[0] == "missing"
    published.materialize()
    events(published).unlink()
    assert state()[0] == "not looked at"


def test_readers_of_what_is_behind_are_behind(published: Project) -> None:
    published.define(RATE, log=False)
    published.promote("rate")
    more_events(published.root, 30)
    assert {one.view: one.why for one in published.status().published} == {
        "spend": "events changed since",
        "rate": "spend 1.0, which it reads, is behind",
    }


def test_the_page_of_a_view_lists_the_data_that_rollback_takes(published: Project) -> None:
    more_events(published.root, 30)
    published.materialize()
    assert [(one.number, one.version.rows) for one in published.store.catalog()["spend"].data] == [(1, 230), (0, 200)]


def test_how_published_versions_stand_is_found_by_what_is_known_until_it_moves(
    published: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [one.state for one in published.status().published] == ["current"]
    with closing(wb.open(published.root)) as other, monkeypatch.context() as patch:
        patch.setattr(TableAt, "statistics", None)
        patch.setattr(Record, "from_toml", None)
        assert [one.state for one in other.status().published] == ["current"]
    (data,) = (Path(published.status().lake) / "spend" / "v1").glob("*.parquet")
    data.parent.chmod(0o755)
    data.unlink()
    assert [one.state for one in published.status().published] == ["missing"]


def test_what_lists_say_of_a_record_is_kept_by_its_content(
    published: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(kept: Path | None = tmp_path / "known") -> tuple[object, object]:
        registry = Registry.at(published.repository, kept=kept)
        found = registry.summary("spend"), registry.live_versions("spend")
        registry.remember()
        return found

    first = look()
    with monkeypatch.context() as patch:
        patch.setattr(Record, "from_toml", None)
        patch.setattr("workbench.registry.registry.summary_of", None)
        assert look() == first
    published.deprecate("spend@1", "2099-01-01", successor="none")
    assert look() == look(None) != first
