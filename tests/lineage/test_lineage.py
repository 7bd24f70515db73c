"""Lineage: what features are made from and go into, what a branch changed, and its picture; nothing is computed."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tests.conftest import EVENT_VIEW
from tests.store.stage import commit, declare, publish
from workbench import errors

if TYPE_CHECKING:
    from workbench.project import Project

HEAD = "import polars as pl\nfrom workbench import UTC, Feature, FeatureModel, LazyFrame, feature_view\n\n\n"
TWO = '''\
class Habit(FeatureModel):
    user: str
    at: UTC
    double: float = Feature(unit="count")
    visits: int = Feature(unit="count")


@feature_view(entities="user", event_time="at")
def habit(spend: pl.LazyFrame, events: pl.LazyFrame) -> LazyFrame[Habit]:
    """Made from a view and a source."""
    visits = events.select("user", "at", visits=pl.col("event_id").cum_count().over("user").cast(pl.Int64))
    return spend.join(visits, on=["user", "at"]).select("user", "at", "visits", double=pl.col("total") * 2)
'''
LOUD = '''\
class Loud(FeatureModel):
    user: str
    at: UTC
    loud: float = Feature(unit="count")


@feature_view(entities="user", event_time="at")
def loud(habit: pl.LazyFrame) -> LazyFrame[Loud]:
    """Made from one feature of a view."""
    return habit.select("user", "at", loud=pl.col("visits").cast(float))
'''
SETS = 'from workbench import feature_set\n\nboth = feature_set("both", ["habit:double", "spend"])\n'
FILES = {
    "features/spend.py": HEAD + EVENT_VIEW,
    "features/habit.py": HEAD + TWO,
    "features/loud.py": HEAD + LOUD,
    "features/sets.py": SETS,
}


def change(project: Project, files: dict[str, str | None]) -> None:
    project.repository.commit("exp/first", files, message="Change")


@pytest.fixture
def shop(project: Project) -> Project:
    """Three views and a feature set, the same on main and on the experiment; nothing is computed."""
    commit(project, dict(FILES), "Define")
    change(project, dict(FILES))
    return project


def names(nodes: Any) -> set[str]:
    return {node.name for node in nodes}


def test_things_lead_from_sources_to_sets(shop: Project) -> None:
    lineage = shop.lineage()
    pairs = {(edge.start, edge.end) for edge in lineage.things.edges}
    assert pairs == {
        ("source:events", "view:spend"),
        ("source:events", "view:habit"),
        ("view:spend", "view:habit"),
        ("view:habit", "view:loud"),
        ("view:habit", "feature set:both"),
        ("view:spend", "feature set:both"),
    }
    assert lineage.changed == {}


def test_nothing_is_computed_and_nothing_written_to_the_cache(shop: Project) -> None:
    shop.lineage()
    assert not (shop.root / ".workbench" / "views").exists()
    states = {node.name: node.facts["state"] for node in shop.lineage().nodes if node.kind == "view"}
    assert states == {"spend": "to compute", "habit": "waits for upstream", "loud": "waits for upstream"}


def test_columns_lead_through_views_to_the_sources(shop: Project) -> None:
    lineage = shop.lineage()
    assert names(lineage.upstream("habit:double")) == {
        *("events:user", "events:at", "events:amount"),
        *("spend:user", "spend:at", "spend:total"),
    }
    assert "events:amount" not in names(lineage.upstream("loud:loud"))
    assert names(lineage.downstream("events:amount")) == {"spend:total", "habit:double", "both"}
    assert names(lineage.upstream("loud")) == {"events", "spend", "habit"}
    assert names(lineage.downstream("spend")) == {"habit", "loud", "both"}


def test_a_part_holds_what_leads_there_and_what_comes_of_it(shop: Project) -> None:
    of_view = shop.lineage("loud")
    assert names(of_view.things.nodes) == {"events", "spend", "habit", "loud"}
    of_feature = shop.lineage("habit:visits")
    assert of_feature.by_column
    assert "spend:total" not in names(of_feature.nodes)
    assert names(of_feature.things.nodes) == {"events", "spend", "habit", "loud"}


def test_what_is_not_there_says_what_was_meant(shop: Project) -> None:
    with pytest.raises(errors.FeatureNotFound, match="did you mean 'habit'"):
        shop.lineage("habbit")
    with pytest.raises(errors.FeatureNotFound, match="did you mean"):
        shop.lineage().upstream("habit:duoble")
    with pytest.raises(errors.BranchNotFound):
        shop.lineage(branch="exp/none")


@pytest.mark.journey
def test_a_change_marks_what_it_touches_and_by_column_what_it_affects(shop: Project) -> None:
    change(
        shop,
        {
            "features/spend.py": HEAD
            + EVENT_VIEW.replace('"amount"', '"event_id"').replace("cum_sum()", "cum_sum().cast(float)")
        },
    )
    for view in ("spend", "habit", "loud"):
        shop.compute(view, log=False)
        shop.compute(view, branch="main", log=False)
    assert shop.lineage().changed == {
        "view:spend": "modified",
        "feature:spend:total": "modified",
        "view:habit": "affected",
        "feature:habit:double": "affected",
    }


def test_before_anything_is_computed_all_that_a_change_may_reach_is_marked(shop: Project) -> None:
    change(shop, {"features/spend.py": HEAD + EVENT_VIEW.replace("cum_sum()", "cum_max()")})
    changed = shop.lineage().changed
    assert changed["view:loud"] == "affected"
    assert changed["feature:habit:double"] == "affected"
    assert changed["feature:loud:loud"] == "affected", "spend's keys may differ, and loud's rows with them"


def test_what_depends_on_a_column_that_moved_is_affected_and_nothing_else(shop: Project) -> None:
    change(shop, {"features/spend.py": HEAD + EVENT_VIEW.replace("cum_sum()", "cum_max()")})
    for branch in ("main", "exp/first"):
        shop.compute("spend", branch=branch, log=False)
    assert shop.lineage().changed == {
        "view:spend": "modified",
        "feature:spend:total": "modified",
        "view:habit": "affected",
        "feature:habit:double": "affected",
    }


def test_a_refactoring_that_yields_the_same_data_affects_nothing(shop: Project) -> None:
    same = EVENT_VIEW.replace('pl.col("amount").cum_sum()', '(pl.col("amount") + 0).cum_sum()')
    change(shop, {"features/spend.py": HEAD + same})
    for branch in ("main", "exp/first"):
        shop.compute("spend", branch=branch, log=False)
    assert shop.lineage().changed == {"view:spend": "modified"}


def test_a_comment_changes_nothing(shop: Project) -> None:
    change(shop, {"features/spend.py": HEAD + "# why\n" + EVENT_VIEW})
    assert shop.lineage().changed == {}


def test_added_and_removed_views_are_marked(shop: Project) -> None:
    change(
        shop,
        {
            "features/loud.py": None,
            "features/quiet.py": FILES["features/loud.py"].replace("loud", "quiet").replace("Loud", "Quiet"),
        },
    )
    lineage = shop.lineage()
    assert lineage.changed["view:loud"] == "removed"
    assert lineage.changed["view:quiet"] == "added"
    assert ("view:habit", "view:loud") in {(edge.start, edge.end) for edge in lineage.edges}


def test_new_metadata_alone_modifies_the_view_and_affects_nothing(shop: Project) -> None:
    change(
        shop,
        {"features/spend.py": FILES["features/spend.py"].replace('event_time="at")', 'event_time="at", owner="ann")')},
    )
    assert shop.lineage().changed == {"view:spend": "modified"}


def test_a_view_that_reads_an_uncomputed_view_early_is_said_to_be_unknown(shop: Project) -> None:
    eager = LOUD.replace("return habit", "habit = habit.collect().lazy()\n    return habit")
    change(shop, {"features/loud.py": HEAD + eager})
    lineage = shop.lineage()
    (unknown,) = lineage.unknown
    assert unknown[0] == "loud"
    assert "habit is not computed yet" in unknown[1]
    assert not next(edge for edge in lineage.columns.edges if edge.end == "feature:loud:loud").is_exact
    assert any("does not show" in note for note in lineage.report().notes)
    remembered = shop.root / ".workbench" / "facts" / "columns"
    assert len(list(remembered.iterdir())) == 3, "spend, habit, and loud as main has it: the doubt is not remembered"
    shop.compute("loud", log=False)
    assert shop.lineage().unknown == ()


def test_a_broken_view_is_shown_and_takes_no_other_down(shop: Project) -> None:
    change(shop, {"features/odd.py": "def broken(:\n"})
    lineage = shop.lineage()
    assert next(node for node in lineage.nodes if node.name == "odd").facts["state"] == "broken"
    assert "habit" in names(lineage.nodes)
    assert any("odd" in note for note in lineage.report().notes)


def test_published_versions_and_their_training_sets(shop: Project) -> None:
    declare(shop.root)
    publish(shop, "spend")
    times = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=1)]
    shop.store.training_set(pl.DataFrame({"user": ["u1"], "event_timestamp": times}), "spend@1", save="first")
    lineage = shop.lineage("first")
    assert names(lineage.upstream("first")) == {"spend@1.0", "spend", "events"}
    assert next(node for node in lineage.nodes if node.kind == "version").facts["status"] == "live"


def test_a_set_that_names_a_major_version_is_made_from_its_live_minor(shop: Project) -> None:
    declare(shop.root)
    publish(shop, "spend")
    shop.define(EVENT_VIEW.replace('event_time="at"', 'event_time="at", owner="ann"'), log=False)
    publish(shop, "spend", "1.1")
    change(shop, {"features/sets.py": SETS.replace('"spend"', '"spend@1:total"')})
    lineage = shop.lineage("both")
    assert ("version:spend@1.1", "feature set:both") in {(edge.start, edge.end) for edge in lineage.edges}
    assert "spend@1.0" not in names(lineage.nodes)


def test_main_without_a_commit_and_an_empty_branch_have_a_lineage(project: Project) -> None:
    lineage = project.lineage()
    assert lineage.nodes == ()
    assert any("There are no definitions" in note for note in lineage.report().notes)


def test_column_lineage_is_remembered(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shop.lineage()
    monkeypatch.setattr("workbench.lineage.definitions.column_lineage", None)
    assert shop.lineage().edges == first.edges


def test_everything_is_json_a_frame_and_a_page(shop: Project, tmp_path: Any) -> None:
    for lineage in (shop.lineage(), shop.lineage(by_column=True), shop.lineage("habit:double")):
        values = json.loads(json.dumps(lineage.to_dict()))
        ids = {node["id"] for node in values["nodes"]}
        assert all({edge["from"], edge["to"]} <= ids for edge in values["edges"])
        assert lineage.to_frame().height == len(values["edges"])
        assert lineage.to_frame("nodes").height == len(values["nodes"])
        page = lineage.save(tmp_path / "lineage.html").read_text()
        assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
        assert "<script" not in page
        svg = page[page.index("<svg") : page.index("</svg>") + 6]
        drawn = ET.fromstring(svg)
        assert {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")} >= {"habit", "spend", "events"}
        assert "flowchart LR" in lineage.to_markdown()
        assert "habit" in lineage._repr_mimebundle_()["text/plain"]


def test_the_tree_says_what_a_thing_is_made_from_and_goes_into(shop: Project) -> None:
    assert shop.lineage("habit").diagram().text().splitlines() == [
        "view habit (2 features, not computed)",
        "made from:",
        "├─ view spend (1 feature, not computed)",
        "│  └─ source events",
        "└─ source events",
        "goes into:",
        "├─ view loud (1 feature, not computed)",
        "└─ feature set both",
    ]
    assert shop.lineage("habit:double").diagram().text().splitlines()[-4:] == [
        "view habit (2 features, not computed)",
        "  double < spend: at, total, user; events: at, user",
        "feature set both",
        "  < habit: double; spend: total",
    ]
