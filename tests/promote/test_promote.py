"""Promotion from end to end: what is published, as which version, and what stands in its way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.promote.conftest import (
    ADDED,
    DESCRIBED,
    LEAKING,
    RATE,
    REFACTORED,
    RETYPED,
    SPEND,
    VALUED,
    git,
    more_events,
    record_of,
)
from workbench.errors import (
    FeatureNotFound,
    PlanOutdated,
    PromotionError,
    PromotionRefused,
    ProtectedBranch,
    UsageError,
)

if TYPE_CHECKING:
    from workbench.project import Project


def lake_rows(project: Project, view: str = "spend", asked: str | None = None) -> pl.DataFrame:
    version = record_of(project, view).version(asked)
    frame = project._workspace.lake.scan(view, version.major, version.delta_version, version.contract)
    return frame.sort("user", "at").collect()


def test_a_dry_run_changes_nothing_and_says_everything(shop: Project) -> None:
    before = git(shop.root, "for-each-ref")
    report = shop.promote("spend", dry_run=True)
    assert report.passed
    assert report.commit is None
    assert not report.is_refused
    assert git(shop.root, "for-each-ref") == before
    assert not (shop.repository.home / "lake").exists()
    change = report.changes[0]
    assert (change.view, change.category, change.number, change.previous) == ("spend", "new", "1.0", None)
    assert {gate.name for gate in report.gates} >= {"contract", "probes", "lint", "types", "metadata"}
    saved = json.loads(report.saved.read_text()) if report.saved else {}
    assert saved["digest"] == report.plan.digest
    text = report._repr_mimebundle_()["text/plain"]
    assert "+ spend" in text
    assert "none -> 1.0" in text
    assert "gates pass" in text


def test_a_dry_run_judges_what_would_keep_main_from_moving(shop: Project, tmp_path: Path) -> None:
    git(shop.root, "clone", "-q", "--bare", str(shop.root), str(tmp_path / "origin.git"))
    git(shop.root, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(shop.root, "fetch", "-q", "origin")
    assert shop.promote("spend", dry_run=True).passed
    git(shop.root, "commit", "-q", "--allow-empty", "-m", "Only here")
    planned = shop.promote("spend", dry_run=True)
    assert [gate.name for gate in planned.gates if not gate.passed] == ["main"]
    assert "→ Publish them first, as origin lets you: git push origin main." in planned.report().text(width=200)
    with pytest.raises(PromotionRefused, match="would be published along"):
        shop.promote("spend")
    git(shop.root, "push", "-q", "origin", "main")
    mine = shop.root / "features" / "spend.py"
    mine.write_text("# mine")
    planned = shop.promote("spend", dry_run=True)
    assert [gate.name for gate in planned.gates if not gate.passed] == ["main"]
    assert "features/spend.py" in planned.report().text(width=200)
    assert mine.read_text() == "# mine"


def test_promoting_publishes_definition_record_and_data_in_one_commit(shop: Project) -> None:
    before = shop.repository.resolve("main")
    report = shop.promote("spend")
    commit = shop.repository.show(shop.repository.resolve("main"))
    assert report.commit == commit.id
    assert before in commit.parents
    assert dict(commit.trailers)["Promoted-View"] == "spend 1.0"
    assert shop.repository.changed(before, commit.id, "") == {
        "features/spend.py": "added",
        "registry/spend.toml": "added",
    }
    version = record_of(shop).version()
    assert version.branch == "exp/first"
    assert version.published_by == "Test Researcher <test@example.org>"
    assert version.rows == 200
    rows = shop.view("spend").frame().sort("user", "at").collect()
    assert lake_rows(shop).equals(rows)


def test_readers_on_main_get_what_is_published(published: Project) -> None:
    published.define(VALUED, log=False)
    reader = wb.open(published.root, branch="main")
    spine = pl.DataFrame({"user": ["u1"], "event_timestamp": [lake_rows(published)["at"].max()]})
    on_main = reader.store.training_set(spine, "spend:total")
    tried = published.store.training_set(spine, "spend:total")
    pinned = published.store.training_set(spine, "spend@1:total")
    assert on_main.frame["total"].item() * 2 == tried.frame["total"].item()
    assert pinned.frame["total"].item() == on_main.frame["total"].item()
    reader.close()


@pytest.mark.parametrize(
    ("cell", "category", "number"),
    [
        (DESCRIBED, "metadata", "1.1"),
        (REFACTORED, "refactor", "1.1"),
        (ADDED, "additive", "1.1"),
        (VALUED, "value", "2.0"),
        (RETYPED, "breaking", "2.0"),
    ],
    ids=["metadata", "refactor", "additive", "value", "breaking"],
)
def test_the_category_decides_the_number(published: Project, cell: str, category: str, number: str) -> None:
    published.define(cell, log=False)
    accept = {"spend": "as intended"} if category == "value" else {}
    report = published.promote("spend", accept=accept)
    assert report.changes[0].category == category
    assert report.versions == {"spend": number}
    record = record_of(published)
    assert record.current == number
    assert record.version("1").number == ("1.0" if number == "2.0" else number)
    old = next(version for version in record.versions if version.number == "1.0")
    assert old.status == ("live" if number == "2.0" else "superseded")


def test_a_refactoring_moves_no_data(published: Project) -> None:
    published.define(REFACTORED, log=False)
    published.promote("spend")
    old, new = record_of(published).versions
    assert old.delta_version == new.delta_version
    assert old.code_hash != new.code_hash


def test_what_is_published_already_is_not_published_again(published: Project) -> None:
    before = published.repository.resolve("main")
    with pytest.raises(PromotionError, match=r"already published .*\n.*materialize"):
        published.promote("spend")
    assert published.repository.resolve("main") == before


def test_a_leak_is_refused_and_nothing_is_published(shop: Project) -> None:
    shop.define(LEAKING, log=False)
    before = shop.repository.resolve("main")
    with pytest.raises(PromotionRefused, match="probes of spend") as caught:
        shop.promote("spend")
    assert not caught.value.report.passed
    assert shop.repository.resolve("main") == before
    assert not (shop.repository.home / "lake").exists()


def test_names_that_cannot_be_promoted_say_why(shop: Project) -> None:
    with pytest.raises(FeatureNotFound, match="did you mean 'spend'"):
        shop.promote("spent")
    with pytest.raises(PromotionError, match="with all of its features"):
        shop.promote("spend:total")
    with pytest.raises(PromotionError, match="the target of promotions"):
        shop.promote("spend", branch="main")
    git(shop.root, "checkout", "-q", "--detach", "main")
    detached = wb.open(shop.root)
    with pytest.raises(PromotionError, match=r"HEAD is not a branch.*\n.*--branch"):
        detached.promote("spend")
    detached.close()
    git(shop.root, "checkout", "-q", "main")
    shop.branch("exp/empty")
    with pytest.raises(PromotionError, match="nothing to promote"):
        shop.promote()


def test_a_source_that_main_does_not_declare_is_named(project: Project) -> None:
    project.define(SPEND, log=False)
    with pytest.raises(PromotionError, match=r"does not declare the source events.*\n.*git add workbench.toml"):
        project.promote("spend")


def test_a_view_needs_what_it_reads(shop: Project) -> None:
    shop.define(RATE, log=False)
    with pytest.raises(PromotionError, match=r"rate reads spend.*\n.*promote spend rate"):
        shop.promote("rate")
    report = shop.promote(["rate", "spend"])
    assert report.versions == {"spend": "1.0", "rate": "1.0"}
    assert record_of(shop, "rate").version().inputs[0].version == "1.0"


def test_promoting_everything_that_changed_needs_no_names(shop: Project) -> None:
    shop.define(RATE, log=False)
    assert set(shop.promote().versions) == {"spend", "rate"}


@pytest.mark.journey
def test_a_view_downstream_is_not_changed_in_passing(shop: Project) -> None:
    shop.define(RATE, log=False)
    shop.promote()
    shop.define(VALUED, log=False)
    report = shop.promote("spend", dry_run=True, accept={"spend": "as intended"})
    assert not report.passed
    impact = report.plan.impacts[0]
    assert (impact.name, impact.columns, impact.affected, impact.included) == ("rate", ("total",), True, False)
    together = shop.promote("spend", with_downstream=True, accept={"spend": "as intended", "rate": "follows"})
    assert together.versions == {"spend": "2.0", "rate": "2.0"}
    assert together.changes[1].indirect


@pytest.mark.journey
def test_a_view_downstream_that_uses_other_columns_is_not_touched(shop: Project) -> None:
    shop.define(ADDED, log=False)
    shop.define(RATE, log=False)
    shop.promote()
    shop.define(ADDED.replace('pl.col("at").cum_count()', '(pl.col("at").cum_count() * 2)'), log=False)
    report = shop.promote("spend", accept={"spend": "counted twice"})
    assert report.versions == {"spend": "2.0"}
    assert [(impact.name, impact.affected) for impact in report.plan.impacts] == [("rate", False)]


def test_a_saved_plan_is_executed_if_nothing_moved(shop: Project) -> None:
    planned = shop.promote("spend", dry_run=True)
    assert planned.saved is not None
    done = shop.execute(planned.saved)
    assert done.plan.digest == planned.plan.digest
    assert done.commit == shop.repository.resolve("main")


@pytest.mark.parametrize("moves", ["branch", "main", "data"])
def test_a_saved_plan_is_refused_once_something_moved(shop: Project, moves: str) -> None:
    planned = shop.promote("spend", dry_run=True)
    assert planned.saved is not None
    if moves == "branch":
        shop.define(VALUED, log=False)
    elif moves == "main":
        (shop.root / "note.txt").write_text("x")
        git(shop.root, "add", "note.txt")
        git(shop.root, "commit", "-qm", "A note")
    else:
        more_events(shop.root, 20)
    before = shop.repository.resolve("main")
    with pytest.raises(PlanOutdated):
        shop.execute(planned.saved)
    assert shop.repository.resolve("main") == before


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 1, "main": 3}', '{"format": 9}'])
def test_what_is_no_plan_is_not_executed(shop: Project, tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="not a saved plan"):
        shop.execute(path)
    with pytest.raises(UsageError, match="not a saved plan"):
        shop.execute(tmp_path / "none.json")


def test_both_sides_of_a_conflict_are_shown(published: Project) -> None:
    other = wb.open(published.root)
    other.branch("exp/other", objective="Another way")
    other.define(VALUED, log=False)
    other.promote("spend", accept={"spend": "twice"})
    published.define(SPEND.replace('pl.col("amount").cum_sum()', '(pl.col("amount") * 3).cum_sum()'), log=False)
    report = published.promote("spend", dry_run=True)
    assert not report.passed
    text = report._repr_mimebundle_()["text/plain"]
    assert "features/spend.py was changed on both sides" in text
    assert "git merge main" in text
    sides = report.report().tables[0]
    assert sides.columns == ("main", "", "exp/first")
    differing = [(str(left), str(right)) for left, mark, right in sides.rows if mark == "|"]
    assert [("* 2" in left, "* 3" in right) for left, right in differing] == [(True, True)]
    with pytest.raises(PromotionRefused, match=r"features/spend\.py"):
        published.promote("spend")
    other.close()


@pytest.mark.journey
def test_a_merge_that_is_clean_but_changes_values_is_caught(published: Project) -> None:
    lines = ["    factor = 1.0", *(f"    # {line}" for line in range(6))]
    lines += [
        '    events = events.with_columns(pl.col("amount") * factor)',
        *(f"    # {line}" for line in range(6, 12)),
    ]
    lines += ["    offset = 0.0", '    events = events.with_columns(pl.col("amount") + offset)', "    return events"]
    long = SPEND.replace("    return events", "\n".join(lines))
    published.define(long, log=False)
    published.promote("spend")
    other = wb.open(published.root)
    other.branch("exp/other", objective="Another way")
    other.define(long.replace("factor = 1.0", "factor = 2.0"), log=False)
    published.define(long.replace("offset = 0.0", "offset = 5.0"), log=False)
    other.promote("spend", accept={"spend": "twice"})
    report = published.promote("spend", dry_run=True, accept={"spend": "shifted"})
    assert not report.plan.conflicts
    failed = [gate.name for gate in report.gates if not gate.passed]
    assert failed == ["merge"]
    other.close()


def test_going_on_after_a_promotion_is_no_conflict(published: Project) -> None:
    published.define(ADDED, log=False)
    assert published.promote("spend").versions == {"spend": "1.1"}
    published.define(ADDED.replace("Visits so far", "Visits until now"), log=False)
    assert published.promote("spend").versions == {"spend": "1.2"}


def test_newer_source_data_does_not_look_like_a_change(published: Project) -> None:
    more_events(published.root, 20)
    published.define(DESCRIBED, log=False)
    report = published.promote("spend")
    assert report.changes[0].category == "metadata"
    assert any("newer" in note for note in report.plan.notes)


def test_the_working_tree_on_main_follows(published: Project) -> None:
    assert (published.root / "features" / "spend.py").exists()
    assert git(published.root, "status", "--porcelain", "--untracked-files=no") == ""


def test_a_checkout_cannot_lift_mains_protection(published: Project) -> None:
    toml = published.root / "workbench.toml"
    toml.write_text(toml.read_text().replace("[project]", '[project]\nprotected = ["else"]'))
    opened = wb.open(published.root, branch="main")
    before = opened.repository.resolve("main")
    with pytest.raises(ProtectedBranch):
        opened.define(VALUED, log=False)
    with pytest.raises(ProtectedBranch):
        opened.repository.commit("main", {"features/spend.py": "x = 1\n"}, message="By the back door")
    with pytest.raises(ProtectedBranch):
        opened.branch("else")
    assert opened.repository.resolve("main") == before
    assert opened.store.rows("spend").height == 200
    opened.close()


def test_whatever_changes_what_readers_get_is_a_new_major_version(published: Project) -> None:
    weaker = SPEND.replace(", ge=0, desc", ", desc").replace('event_time="at", ', 'event_time="at", ttl="1h", ')
    published.define(weaker, log=False)
    (change,) = published.promote("spend", dry_run=True).changes
    assert (change.number, change.category) == ("2.0", "breaking")
    assert change.why == ("total: ge 0 is gone", "ttl 1h is new")
