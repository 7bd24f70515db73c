"""The catalog: what can be used is found by its words, and a view's page says where it comes from and who reads it."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.conftest import EVENT_VIEW
from tests.reproduce.test_reproduce import DOUBLE
from tests.store.conftest import RECENT, spine_of
from tests.store.stage import change, commit, git, publish
from workbench import errors
from workbench.catalog import Catalog, CatalogPage
from workbench.cli import main
from workbench.git import Repository
from workbench.registry import Registry, record_path

if TYPE_CHECKING:
    from workbench.project import Project

DECLARED = RECENT.replace(
    'ttl="5m"', 'ttl="5m", lookback="1h", owner="Fraud Team", tags={"domain": "payments", "tier": "gold"}'
).replace('Feature(unit="count")', 'Feature(unit="minute", description="How Much it was")')


@pytest.fixture
def described(mart: Project) -> Project:
    """The mart with words in it, and a view that nobody published."""
    mart.define(DECLARED, branch="exp/first", log=False)
    publish(mart, "recent", "2.0")
    change(mart, "recent", "2.0", run="a1b2c3")
    mart.define(DOUBLE, branch="exp/first", log=False)
    return mart


def test_a_view_is_found_by_what_is_said_of_it(described: Project) -> None:
    for words, view, where in (
        ("recent", "recent", "name"),
        ("FRAUD", "recent", "owner"),
        ("domain=pay", "recent", "tag"),
        ("minute", "recent", "unit"),
        ("how much", "recent", "feature's description"),
        ("odd", "recent", "feature"),
        ("anybody", "clock", "description"),
        ("user count", "late", "entity"),
        ("number", "clock", "feature"),
    ):
        found = described.store.catalog(words)
        assert len(found) < found.total
        told = {entry["view"]: entry["found"] for entry in found.to_dict()["views"]}
        assert where in told[view], words


def test_all_words_have_to_be_found_and_names_come_first(described: Project) -> None:
    assert described.store.catalog("user nothing").views == ()
    assert "did you mean 'recent'" in described.store.catalog("recnet").report().text()
    assert described.store.catalog("spend").views == ("spend",)
    assert described.store.catalog("late").views[0] == "late"
    assert described.store.catalog("").views == ("clock", "late", "recent", "spend")


def test_a_branchs_unpublished_views_are_there_and_marked(described: Project) -> None:
    assert "double" not in described.store.catalog().views
    described.branch("exp/first")
    catalog = described.store.catalog()
    entry = next(entry for entry in catalog if entry.view == "double")
    assert (entry.status, entry.version, entry.branch) == ("unpublished", None, "exp/first")
    assert "unpublished" in catalog.report().text()
    assert described.store.catalog("twice").views == ("double",)
    page = catalog["double"]
    assert page.to_dict()["made_from"] == ({"name": "spend", "kind": "view", "version": None, "sources": ("events",)},)
    assert "unpublished" in page.report().title
    assert page.version is None


def test_the_frame_has_a_row_a_view(described: Project) -> None:
    frame = described.store.catalog().to_frame()
    assert frame.height == 4
    row = frame.filter(view="recent").row(0, named=True)
    assert (row["version"], row["owner"], row["tags"]) == ("2.0", "Fraud Team", ["domain=payments", "tier=gold"])
    assert (row["features"], row["units"], row["rows"]) == (["amount", "odd"], ["count", "minute"], 200)
    assert frame.schema["published_at"] == pl.Datetime("us", "UTC")
    assert described.store.catalog("nothing at all").to_frame().schema == frame.schema


@pytest.mark.journey
def test_a_page_says_where_it_comes_from_who_reads_it_and_who_published_it(described: Project) -> None:
    publish(described, "double")
    git(described, "tag", "-a", "-m", "Release", "release/2026.11", "main")
    described.store.training_set(spine_of(("u0", 9.0)), "spend@1", save="first")
    change(described, "spend", "1.0", status="deprecated", until=date(2099, 1, 1), successor="2.0")
    page = described.store.catalog()["spend"]
    assert page.users.views == (("double@1.0", "2.0"),)
    assert page.users.feature_sets == (("both", "1"),)
    assert page.users.releases == (("2026.11", "2.0"),)
    assert page.users.training_sets == (("first", "1.0"),)
    told = page.to_dict()
    assert (told["shown"], told["current"], told["period"][0]) == ("2.0", "2.0", "2024-01-01T00:00:00+00:00")
    assert [(v["version"], v["status"]) for v in told["history"]] == [("1.0", "deprecated"), ("2.0", "live")]
    assert told["history"][0]["published_by"] == "Test Researcher <test@example.org>"
    assert told["history"][0]["branch"] == "exp/first"
    json.dumps(told)
    shown = page.report().text(width=200)
    for words in ("double@1.0", "both", "2026.11", "first", "deprecated until 2099-01-01", "Read spend@2.0", "events"):
        assert words in shown
    made = described.store.catalog()["double"].made_from[0]
    assert (made.name, made.version, made.sources) == ("spend", "2.0", ("events",))
    recent = described.store.catalog()["recent"].report().text(width=200)
    for words in ("Fraud Team", "domain=payments", "for 5m", "1h", "a1b2c3", "minute"):
        assert words in recent


def test_a_version_has_a_page_and_a_retired_one_too(mart: Project) -> None:
    change(mart, "spend", "1.0", status="retired")
    assert mart.store.catalog()["spend@1.0"].view.version == "1.0"
    assert mart.store.catalog()["spend@2"].view.version == "2.0"
    for ref, says in (("spend@7", "no version 7"), ("spned", "did you mean 'spend'"), ("both@1", "No version of view")):
        with pytest.raises(errors.FeatureNotFound, match=says):
            mart.store.catalog()[ref]


def test_a_release_has_a_catalog_of_its_own(mart: Project) -> None:
    git(mart, "tag", "-a", "-m", "Release", "release/2026.11", "main")
    mart.define(EVENT_VIEW.replace("cum_sum()", "cum_min()"), branch="exp/first", log=False)
    publish(mart, "spend", "3.0")
    then = mart.store.at(release="2026.11").catalog()
    assert {entry.view: entry.version for entry in then}["spend"] == "2.0"
    assert {entry.view: entry.version for entry in mart.store.catalog()}["spend"] == "3.0"
    assert "release 2026.11" in then.report().title


def test_what_cannot_be_read_is_a_note_and_hides_nothing_else(described: Project) -> None:
    commit(described, {"registry/late.toml": "spoiled = ["}, "Spoil it")
    described.repository.commit(
        "exp/first", {"features/broken.py": "import nothing_of_this_name\n"}, message="Break it"
    )
    catalog = described.store.catalog()
    assert catalog.views == ("clock", "recent", "spend")
    assert "registry/late.toml" in catalog.problems[0]
    assert described.store.catalog()["spend"].users.views == ()
    described.branch("exp/first")
    assert "features/broken.py on exp/first does not load" in described.store.catalog().report().text(width=200)


def test_a_project_that_published_nothing_says_how(project: Project) -> None:
    project.branch("main")
    catalog = project.store.catalog()
    assert (len(catalog), catalog.to_frame().height) == (0, 0)
    assert "promote" in catalog.report().text()


def test_hostile_words_are_only_words(described: Project) -> None:
    for words in (
        "<script>alert(1)</script>",
        "../../etc/passwd",
        "a" * 5000,
        "'; drop table x",
        "[red]x[/red]",
        "\x00",
    ):
        catalog = described.store.look_up(words)
        assert isinstance(catalog, Catalog)
        assert len(catalog) == 0
        bundle = catalog._repr_mimebundle_()
        assert "<script>alert" not in bundle["text/html"]


def test_two_hundred_records_are_listed_well_under_a_second(mart: Project) -> None:
    registry = Registry.at(mart.repository)
    record = registry.record("recent")
    versions = tuple(replace(record.versions[0], number=f"1.{n}", status="superseded") for n in range(4))
    text = record.with_version(replace(record.versions[0], number="1.4"))
    full = type(record)("recent", "1.4", (*versions, text.version("1.4"))).to_toml()
    files = {record_path(f"view_{n}"): full.replace('"recent"', f'"view_{n}"') for n in range(200)}
    repository = Repository.open(mart.root)
    repository.commit("main", dict(files), message="Publish many")
    repository.close()
    store = mart.store
    store.catalog("warm")
    started = time.process_time()
    catalog = store.catalog("purchase")
    seconds = time.process_time() - started
    assert (len(catalog), catalog.total) == (201, 204)
    assert seconds < 0.9
    assert "101 more" in catalog.report().text()


def test_the_verb_lists_searches_and_shows(
    described: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(described.root)
    described.use_branch_in_shell()
    assert main.main(["catalog", "--json"]) == 0
    assert [view["view"] for view in json.loads(capsys.readouterr().out)["views"]] == [
        "clock",
        "late",
        "recent",
        "spend",
    ]
    assert main.main(["catalog", "fraud", "team", "--json"]) == 0
    assert [view["view"] for view in json.loads(capsys.readouterr().out)["views"]] == ["recent"]
    assert main.main(["catalog", "spend@1"]) == 0
    assert "spend@1.0" in capsys.readouterr().out
    assert main.main(["catalog", "spend@9"]) == 1
    assert isinstance(described.store.look_up("spend"), CatalogPage)
    assert "text/html" in described.store.look_up("spend")._repr_mimebundle_()
    assert datetime.now(UTC) > described.store.catalog().entries[0].published_at  # type: ignore[operator]  # published


def test_a_page_shows_what_the_rows_look_like(mart_to_read: Project) -> None:
    page = mart_to_read.store.catalog()["spend"]
    assert page.profile().entities == 7
    assert page.profile()["total"].max == 10.0
    assert page.to_dict()["profile"]["rows"] == 200
    assert "Profile" in page.report().text()


def test_a_page_of_rows_that_are_gone_still_tells_the_rest(mart: Project) -> None:
    for file in (mart.repository.home / "lake").rglob("*.parquet"):
        file.unlink()
    shutil.rmtree(mart.root / ".workbench")  # nor can they be computed again
    (mart.root / "data" / "events.parquet").unlink()
    page = mart.store.catalog()["spend"]
    assert page.to_dict()["profile"] is None
    assert "Versions" in page.report().text()
    with pytest.raises(errors.LakeError):
        page.profile()
