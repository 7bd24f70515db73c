"""Rollback, deprecation, retirement and releases."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.promote.conftest import ADDED, RATE, VALUED, git, record_of
from workbench.errors import FeatureNotFound, InvalidName, PromotionError, PromotionRefused, UsageError
from workbench.promote import deprecate, retire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.project import Project

TODAY = datetime.now(UTC).date()
SPINE = pl.DataFrame({"user": ["u1"], "event_timestamp": [datetime(2024, 6, 1, tzinfo=UTC)]})


@pytest.fixture
def twice(published: Project) -> Project:
    """``spend`` 1.0 and 2.0 published, 2.0 with doubled values."""
    published.define(VALUED, log=False)
    published.promote("spend", accept={"spend": "twice"})
    return published


@pytest.fixture
def reader(published: Project) -> Iterator[Project]:
    """A handle on main."""
    opened = wb.open(published.root, branch="main")
    yield opened
    opened.close()


def total(project: Project, ref: str = "spend:total", release: str | None = None) -> float:
    return float(project.store.training_set(SPINE, ref, release=release)["total"].item())


def test_a_rollback_gives_readers_the_old_values_and_main_the_old_definition(twice: Project, reader: Project) -> None:
    new = total(reader)
    done = twice.rollback("spend", "1.0")
    assert total(reader) * 2 == new
    assert record_of(twice).current == "1.0"
    assert "* 2" not in twice.repository.read("main", "features/spend.py")
    assert done.commit == twice.repository.resolve("main")
    assert total(reader, "spend@2:total") == new
    assert twice.rollback("spend", "2.0").record.current == "2.0"
    assert total(reader) == new


def test_a_rollback_computes_nothing_and_writes_no_data(twice: Project) -> None:
    lake = twice.root / ".workbench" / "lake"
    before = {path: path.stat().st_mtime_ns for path in lake.rglob("*") if path.is_file()}
    (twice.root / "data" / "events.parquet").unlink()
    twice.rollback("spend", "1.0")
    assert {path: path.stat().st_mtime_ns for path in lake.rglob("*") if path.is_file()} == before


def test_within_a_major_version_a_rollback_moves_what_the_major_gives(published: Project, reader: Project) -> None:
    published.define(ADDED, log=False)
    published.promote("spend")
    published.rollback("spend", "1.0")
    assert record_of(published).version("1").number == "1.0"
    with pytest.raises(FeatureNotFound, match="visits"):
        reader.store.training_set(SPINE, "spend:visits")
    assert reader.store.training_set(SPINE, "spend@1.1:visits")["visits"].item() is not None


def test_a_rollback_to_where_it_is_or_to_nowhere_changes_nothing(published: Project) -> None:
    before = published.repository.resolve("main")
    assert "already" in published.rollback("spend", "1.0").what
    with pytest.raises(FeatureNotFound, match=r"no version 7\.0"):
        published.rollback("spend", "7.0")
    with pytest.raises(FeatureNotFound, match="did you mean 'spend'"):
        published.rollback("spent", "1.0")
    with pytest.raises(UsageError):
        published.rollback("spend", "../1.0")
    with pytest.raises(UsageError, match="rollback spend --to 2"):
        published.rollback("spend@2", "1.0")
    assert published.repository.resolve("main") == before


def test_after_a_rollback_the_branch_goes_on_from_the_version_that_serves(twice: Project) -> None:
    twice.rollback("spend", "1.0")
    twice.define(VALUED.replace("* 2", "* 3"), log=False)
    report = twice.promote("spend", accept={"spend": "thrice"})
    assert report.versions == {"spend": "3.0"}
    assert "* 3" in twice.repository.read("main", "features/spend.py")


def test_a_deprecated_version_serves_and_warns_with_its_end_and_successor(twice: Project, reader: Project) -> None:
    until = TODAY + timedelta(days=45)
    twice.deprecate("spend@1", until)
    with pytest.warns(UserWarning, match=rf"{until}.*2\.0"):
        assert total(reader, "spend@1:total") > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        total(reader)
    assert twice.deprecate("spend@1", "never").record.version("1").status == "live"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        total(reader, "spend@1:total")


@pytest.mark.parametrize("until", ["soon", "2020-13-01"])
def test_what_is_no_day_is_refused(twice: Project, until: str) -> None:
    with pytest.raises(UsageError, match="no day"):
        twice.deprecate("spend@1", until)


def test_readers_get_the_window_that_policy_gives_them(twice: Project) -> None:
    with pytest.raises(PromotionError, match=r"30 days.*\n.*or later"):
        twice.deprecate("spend@1", TODAY + timedelta(days=3))
    assert record_of(twice).version("1").status == "live"
    assert twice.deprecate("spend@1").record.version("1").until == TODAY + timedelta(days=30)


def test_a_version_is_retired_after_its_last_day_only(twice: Project, reader: Project) -> None:
    with pytest.raises(PromotionError, match=r"not deprecated.*\n.*deprecate spend@1"):
        twice.retire("spend@1")
    twice.deprecate("spend@1")
    with pytest.raises(PromotionError, match="served until"):
        twice.retire("spend@1")
    late = datetime.now(UTC) + timedelta(days=32)
    assert retire(twice._rooms, "spend@1", now=late).record.versions[0].status == "retired"
    with pytest.raises(FeatureNotFound, match=r"retired|no version 1"):
        total(reader, "spend@1:total")
    assert total(reader) > 0


def test_what_is_pinned_is_not_retired(twice: Project) -> None:
    sets = 'late = feature_set("late", ["spend@1:total"], owner="ann", description="For the model")\n'
    (twice.root / "features").mkdir(exist_ok=True)
    (twice.root / "features" / "sets.py").write_text(f"from workbench import feature_set\n\n{sets}")
    git(twice.root, "add", "features/sets.py")
    git(twice.root, "commit", "-qm", "A set")
    twice.deprecate("spend@1")
    late = datetime.now(UTC) + timedelta(days=32)
    with pytest.raises(PromotionError, match="feature set late reads spend@1:total"):
        retire(twice._rooms, "spend@1", now=late)


def test_a_release_pins_what_was_published_and_keeps_it_from_retiring(published: Project, reader: Project) -> None:
    old = total(reader)
    release = published.cut_release("2026.11")
    assert release.versions == ("spend 1.0",)
    published.define(VALUED, log=False)
    published.promote("spend", accept={"spend": "twice"})
    assert total(reader) == old * 2
    assert total(reader, release="2026.11") == old
    deprecate(published._rooms, "spend@1")
    late = datetime.now(UTC) + timedelta(days=32)
    with pytest.raises(PromotionError, match=r"release 2026\.11 pins it"):
        retire(published._rooms, "spend@1", now=late)
    assert published.drop_release("2026.11").releases == ()
    retire(published._rooms, "spend@1", now=late)


def test_a_release_never_changes(published: Project) -> None:
    published.cut_release("2026.11")
    with pytest.raises(PromotionError, match="already"):
        published.cut_release("2026.11")
    with pytest.raises(PromotionError, match=r"did you mean '2026\.11'"):
        published.drop_release("2026.12")


@pytest.mark.parametrize("name", ["", "-f", "a b", "../x", "a..b", "x.lock", "--upload-pack=x", "a/b", "x" * 80])
def test_hostile_release_names_are_refused(published: Project, name: str) -> None:
    with pytest.raises(InvalidName):
        published.cut_release(name)


def test_nothing_published_gives_no_release(shop: Project) -> None:
    with pytest.raises(PromotionError, match="Nothing is published"):
        shop.cut_release("2026.11")


def test_policy_says_who_may_roll_back(twice: Project) -> None:
    toml = twice.root / "workbench.toml"
    toml.write_text(toml.read_text() + '\n[policy]\nrules = [{ views = ["spend"], promoters = ["bo@example.org"] }]\n')
    git(twice.root, "add", "workbench.toml")
    git(twice.root, "commit", "-qm", "Rules")
    with pytest.raises(PromotionRefused, match=r"bo@example\.org"):
        twice.rollback("spend", "1.0")
    assert record_of(twice).current == "2.0"


def test_a_rollback_names_what_was_built_on_what_goes(published: Project) -> None:
    published.define(RATE, log=False)
    published.define(VALUED, log=False)
    published.promote(accept={"spend": "twice"})
    done = published.rollback("spend", "1.0")
    assert any("rate 1.0 was computed from spend 2.0" in note for note in done.notes)


def test_dates_are_days(twice: Project) -> None:
    done = deprecate(twice._rooms, "spend@1", date(2030, 1, 31))
    assert done.to_dict()["versions"][0]["until"] == "2030-01-31"
