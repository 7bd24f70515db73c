"""Reading what is published: by version from the lake, whatever branches, sources and definitions are since."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW, events
from tests.store.conftest import START, spine_of
from tests.store.stage import change, commit, git, publish, write
from workbench import errors
from workbench.project import FeatureStore
from workbench.registry import Registry

if TYPE_CHECKING:
    from workbench.project import Project

SPINE = spine_of(("u0", 190.0), ("u3", 100.5), ("nobody", 9.0))
SUM, MAX = [138.0, 74.0, None], [10.0, 10.0, None]
"""What ``spend`` 1.0 and 2.0 say of the spine."""


def totals(store: Any, ref: str = "spend", **options: Any) -> list[float | None]:
    return store.training_set(SPINE, ref, **options).frame["total"].to_list()  # type: ignore[no-any-return]  # polars' own


def test_main_reads_versions_and_an_experiment_its_own(mart: Project) -> None:
    main = mart.store
    assert totals(main) == totals(main, "spend@2") == totals(main, "spend@2.0:total") == MAX
    assert totals(main, "spend@1") == totals(main, "spend@1.0") == SUM
    mart.branch("exp/first")
    mart.define(EVENT_VIEW.replace("cum_sum()", "cum_min()"), log=False)
    assert totals(mart.store) == [0.0, 0.0, None]
    assert totals(mart.store, "spend@1") == SUM
    assert totals(main) == MAX, "what an experiment does is not published"
    ledger = mart.store.training_set(SPINE, "spend@1").ledger
    assert (ledger.branch, ledger.registry) == ("exp/first", mart.repository.resolve("main"))
    assert "published versions" in ledger.report().text()


def test_the_ledger_names_versions_and_the_commit(mart: Project) -> None:
    train = mart.store.training_set(spine_of(("u0", 7.0)), ["spend@1", "clock", "recent:odd"])
    ledger = train.ledger
    assert [entry.label for entry in ledger.views] == ["spend@1.0", "clock@1.0", "recent@1.0"]
    assert (ledger.commit, ledger.registry) == (mart.repository.resolve("main"),) * 2
    assert ledger.to_dict()["views"][0]["version"] == "1.0"
    assert "spend@1.0" in ledger.report().text(width=160)


def test_no_definition_and_no_source_is_needed_to_read_what_is_published(mart: Project) -> None:
    shutil.rmtree(mart.root / "data")
    commit(mart, {"features/sets.py": None, "features/broken.py": "import nothing_of_this_name\n"}, "Break it")
    assert totals(mart.store) == MAX
    assert mart.store.snapshot("spend@1")["total"].max() == 147.0
    assert mart.store.rows("late", START, START + timedelta(minutes=3)).height == 3
    assert mart.store.key_dtypes("spend") == {"user": pl.String()}
    assert mart.store.why("spend", {"user": "u0"}, START).value == 0.0


def test_declared_ttl_and_created_are_those_of_the_record(mart: Project) -> None:
    spine = spine_of(("u0", 7.0), ("u0", 12.5))
    train = mart.store.training_set(spine, ["recent:amount", "late:total"])
    assert train.frame["amount"].to_list() == [7.0, None]
    assert train.frame["total"].to_list() == [None, 0.0]
    assert mart.store.training_set(spine, "late", as_known=False).frame["total"].to_list() == [7.0, 7.0]


def test_feature_sets_are_mains_and_may_name_versions(mart: Project) -> None:
    train = mart.store.training_set(SPINE, "both")
    assert train.frame["number"].to_list() == [190, 100, 9]
    assert train.frame["total"].to_list() == SUM


def test_what_is_published_while_somebody_reads_does_not_mix(mart: Project) -> None:
    store = mart.store
    store.training_set(SPINE, "spend")
    mart.define(EVENT_VIEW.replace("cum_sum()", "cum_min()"), branch="exp/first", log=False)
    publish(mart, "spend", "3.0")
    assert totals(store) == [0.0, 0.0, None], "the next call reads the new version"
    assert totals(store, "spend@2.0") == MAX, "and the one before stays as it was"


def test_a_deprecated_version_warns_once_a_call_with_end_and_successor(mart: Project) -> None:
    until = datetime.now(UTC).date() + timedelta(days=3)
    change(mart, "spend", "1.0", status="deprecated", until=until, successor="2.0")
    store = mart.store
    says = rf"spend@1\.0 is deprecated and served until {until}\. Read spend@2\.0 instead\."
    for read in (
        lambda: store.training_set(SPINE, ["spend@1:total", "both"]),
        lambda: store.snapshot("spend@1"),
        lambda: store.rows("spend@1.0"),
        lambda: store.why("spend@1", {"user": "u0"}, START),
        lambda: mart.sql('from "spend@1"'),
    ):
        with pytest.warns(wb.DeprecatedVersionWarning, match=says) as caught:
            read()
        assert len(caught) == 1
        assert caught[0].filename == __file__, "the warning names the line that reads"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.snapshot("spend")
    with pytest.warns(wb.DeprecatedVersionWarning):
        ledger = store.training_set(SPINE, "spend@1").ledger
    assert ledger.to_dict()["deprecations"]
    assert "deprecated" in ledger.report().text(width=160)


def test_a_version_past_its_end_says_so(mart: Project) -> None:
    change(mart, "spend", "1.0", status="deprecated", until=date(2020, 1, 1), successor="other_spend@1.0")
    with pytest.warns(wb.DeprecatedVersionWarning, match=r"ended on 2020-01-01. Read other_spend@1\.0"):
        mart.store.snapshot("spend@1")


def test_a_retired_version_names_what_to_read_instead(mart: Project) -> None:
    change(mart, "spend", "1.0", status="retired", successor="2.0")
    with pytest.raises(errors.FeatureNotFound, match=r"1\.0 of view 'spend' is retired\.\nRead 2\.0"):
        mart.store.snapshot("spend@1.0")


def test_a_time_reads_what_was_published_then(mart: Project) -> None:
    first = Registry.at(mart.repository)
    assert first.version("spend").number == "2.0"
    then = git(mart, "log", "-1", "--format=%cI", "main")
    assert totals(mart.store.at(time=then)) == MAX
    with pytest.raises(errors.UsageError, match="had no commit yet"):
        mart.store.at(time="2001-01-01")
    with pytest.raises(errors.UsageError, match="one release or one time"):
        mart.store.at()


def test_unpublished_views_say_how_to_publish_them(shop: Project) -> None:
    shop.branch("main")
    with pytest.raises(errors.FeatureNotFound, match="promote spend") as raised:
        shop.store.snapshot("spend")
    assert "No version of view 'spend' is published" in str(raised.value)


@pytest.mark.parametrize(
    ("ref", "error", "says"),
    [
        ("spned", errors.FeatureNotFound, "did you mean 'spend'"),
        ("botth", errors.FeatureNotFound, "did you mean 'both'"),
        ("total", errors.FeatureNotFound, "'spend:total'"),
        ("spend:totla", errors.FeatureNotFound, "did you mean 'spend:total'"),
        ("spend@3", errors.FeatureNotFound, "no version 3 of view 'spend'.\nPublished versions: 1.0, 2.0"),
        ("spend@1.7", errors.FeatureNotFound, "no version 1.7"),
        ("nothing@1", errors.FeatureNotFound, "No version of view 'nothing'"),
        ("both@1", errors.FeatureNotFound, "No version of view 'both'"),
        ("spend@latest", errors.UsageError, "spend@2"),
        ("@1", errors.UsageError, "does not name a view"),
        ("../../etc/passwd", errors.FeatureNotFound, "'../../etc/passwd'"),
        ("registry/spend", errors.FeatureNotFound, "registry/spend"),
        ("spend\n@1", errors.WorkbenchError, ""),
        ("spend@1 as ../x", errors.InvalidName, "alias"),
        ("spend@1 as x (user)", errors.UsageError, "does not rename a key"),
        ("spend (users=buyer)", errors.JoinError, "did you mean 'user'"),
        ("both as other", errors.UsageError, "is a feature set"),
        (7, errors.UsageError, "not a reference"),
        ([], errors.UsageError, "No features"),
    ],
)
def test_references_that_are_wrong_say_what_was_meant(
    mart_to_read: Project, ref: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error) as raised:
        mart_to_read.store.training_set(SPINE, ref)
    assert says in str(raised.value)


def test_a_broken_file_of_main_is_named_where_a_feature_set_may_have_been_in_it(mart: Project) -> None:
    commit(mart, {"features/sets.py": "import nothing_of_this_name\n"}, "Break it")
    with pytest.raises(errors.FeatureNotFound, match=r"At [0-9a-f]{10}, features/sets\.py does not load"):
        mart.store.training_set(SPINE, "both")


def test_a_version_of_what_a_branch_does_not_define_is_pointed_to(mart: Project) -> None:
    mart.branch("exp/other", start=git(mart, "rev-list", "--max-parents=0", "main"))
    with pytest.raises(errors.FeatureNotFound, match=r"write the version, as in 'spend@1'"):
        mart.store.snapshot("spend")


def test_a_record_spoiled_by_hand_is_refused_by_name_and_hurts_no_other_view(mart: Project) -> None:
    commit(mart, {"registry/spend.toml": "format = 1\nview = 'other'\n"}, "Spoil it")
    with pytest.raises(errors.RegistryError, match=r"registry/spend\.toml on main"):
        mart.store.snapshot("spend")
    assert mart.store.snapshot("recent").height == 7
    record = Registry.at(mart.repository).record("recent")
    facts = record.versions[0].declaration
    write(mart, record.with_version(replace(record.versions[0], declaration={**facts, "entities": ["nobody"]})))
    with pytest.raises(errors.RegistryError, match="differ in entity"):
        mart.store.snapshot("recent")


@pytest.mark.parametrize("text", ["a = " + "[" * 50_000, "a = " + "9" * 5_000, "\0", "format = 1"])
def test_one_record_that_cannot_be_read_damages_one_view(mart: Project, text: str) -> None:
    commit(mart, {"registry/spend.toml": text}, "Spoil it")
    store = mart.store
    listed = store.catalog()
    assert {entry.view for entry in listed.entries} == {"clock", "late", "recent"}
    assert "registry/spend.toml" in listed.problems[0]
    assert mart.sql("select count(*) as n from recent").height == 1
    with pytest.raises(errors.QueryError, match="recen"):
        mart.sql("select * from recen")
    with pytest.raises(errors.FeatureNotFound, match="'total'"):
        store.training_set(SPINE, "total")
    with pytest.raises(errors.RegistryError, match=r"registry/spend\.toml"):
        store.snapshot("spend")
    assert "spend" in {one.view for one in mart.status().published if one.state == "not looked at"}


def test_a_file_that_is_missing_or_damaged_in_the_lake_is_named(mart: Project) -> None:
    (path,) = (mart.repository.home / "lake" / "spend" / "v2").glob("*.parquet")
    good = path.read_bytes()
    path.unlink()
    path.write_bytes(good[: len(good) // 3] + bytes(len(good) // 3) + good[2 * len(good) // 3 :])
    for read in (
        lambda: mart.store.training_set(SPINE, "spend"),
        lambda: mart.store.snapshot("spend"),
        lambda: mart.store.why("spend", {"user": "u0"}, START),
        lambda: mart.sql("select sum(total) from spend"),
    ):
        with pytest.raises(errors.LakeError, match=r"spend"):
            read()
    assert totals(mart.store, "spend@1") == SUM
    path.unlink()
    with pytest.raises(errors.LakeError, match=r"spend@2\.0 cannot be read: No such file"):
        mart.store.training_set(SPINE, "spend")
    FeatureStore(lambda: mart._workspace, "main").training_set(SPINE, "spend")  # its rows were computed here, too
    shutil.rmtree(mart.root / ".workbench" / "views")
    events(400).write_parquet(mart.root / "data" / "events.parquet")
    with pytest.raises(errors.LakeError, match="lacks 1 of its data files"):
        FeatureStore(lambda: mart._workspace, "main").training_set(SPINE, "spend")


def test_why_lists_the_rows_behind_and_says_when_the_source_moved(mart: Project) -> None:
    found = mart.why("spend@1:total", {"user": "u3"}, START + timedelta(minutes=30))
    (behind,) = found.behind
    assert (behind.name, behind.total, behind.note) == ("events", 4, "")
    assert found.ref == "spend@1.0:total"
    events(400).write_parquet(mart.root / "data" / "events.parquet")
    (behind,) = mart.why("spend@1:total", {"user": "u3"}, START + timedelta(minutes=30)).behind
    assert "the current rows" in behind.note
