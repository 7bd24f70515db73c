"""Rollback, deprecation, retirement and releases."""

from __future__ import annotations

import hashlib
import warnings
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.conftest import copy_project, template
from tests.promote.conftest import ADDED, RATE, SPEND, VALUED, git, on_first, record_of
from workbench.errors import FeatureNotFound, InvalidName, PromotionError, PromotionRefused, UsageError
from workbench.promote import deprecate, retire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench.project import Project

TODAY = datetime.now(UTC).date()
SPINE = pl.DataFrame({"user": ["u1"], "event_timestamp": [datetime(2024, 6, 1, tzinfo=UTC)]})


@pytest.fixture(scope="module")
def twice_once(published_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `twice` opens a copy of."""
    with template(tmp_path_factory, "twice", published_once) as root, closing(on_first(root)) as project:
        project.define(VALUED, log=False)
        project.promote("spend", accept={"spend": "twice"})
        return root


@pytest.fixture
def twice(twice_once: Path, tmp_path: Path, identity: None) -> Iterator[Project]:
    """``spend`` 1.0 and 2.0 published, 2.0 with doubled values."""
    with closing(on_first(copy_project(twice_once, tmp_path))) as project:
        yield project


@pytest.fixture
def reader(request: pytest.FixtureRequest) -> Iterator[Project]:
    """A handle on main of the project that a test has."""
    project: Project = request.getfixturevalue("twice" if "twice" in request.fixturenames else "published")
    with closing(wb.open(project.root, branch="main")) as opened:
        yield opened


def total(project: Project, ref: str = "spend:total", release: str | None = None) -> float:
    return float(project.store.training_set(SPINE, ref, release=release).frame["total"].item())


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


def test_why_changed_on_main_compares_what_was_published(twice: Project, reader: Project) -> None:
    why = reader.why_changed("spend")
    assert (why.old.partition(",")[0], why.new.partition(",")[0]) == ("1.0", "2.0")
    assert any("2" in change.detail for change in why.changes)
    twice.rollback("spend", "1.0")
    assert reader.why_changed("spend").new.startswith("1.0, published")


def test_why_changed_of_the_only_version_says_what_to_compare_it_with(published: Project) -> None:
    with (
        closing(wb.open(published.root, branch="main")) as main,
        pytest.raises(UsageError, match="one published version"),
    ):
        main.why_changed("spend")


def test_a_moment_before_a_rollback_in_the_same_second_gives_the_version_before_it(
    twice: Project, reader: Project
) -> None:
    moments, serving = [], "2.0"
    for to in ("1.0", "2.0", "1.0"):
        moments.append((datetime.now(UTC), serving))
        twice.rollback("spend", to)
        moments.append((datetime.now(UTC), to))
        serving = to
    wanted = {number: total(reader, f"spend@{number}:total") for number in ("1.0", "2.0")}
    for moment, number in moments:
        train = reader.store.at(time=moment).training_set(SPINE, "spend:total")
        assert train.frame["total"].item() == wanted[number]


def test_a_rollback_computes_nothing_and_writes_no_data(twice: Project) -> None:
    lake = twice.repository.home / "lake"
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
    assert reader.store.training_set(SPINE, "spend@1.1:visits").frame["visits"].item() is not None


@pytest.mark.parametrize("automatic", [True, False])
def test_loose_objects_are_packed_as_git_is_configured(twice: Project, *, automatic: bool) -> None:
    def named(number: int) -> str:
        content = str(number).encode()
        return hashlib.sha1(b"blob %d\0%s" % (len(content), content)).hexdigest()

    for name, value in (("gc.auto", "1"), ("gc.autoDetach", "false"), ("maintenance.auto", str(automatic).lower())):
        git(twice.root, "config", name, value)
    for number in [number for number in range(2_000) if named(number).startswith("17")][:2]:  # git counts these
        (twice.root / "blob").write_text(str(number))
        git(twice.root, "hash-object", "-w", "blob")
    twice.rollback("spend", "1.0")
    assert ("in-pack: 0" in git(twice.root, "count-objects", "-v")) is not automatic
    assert twice.rollback("spend", "2.0").record.current == "2.0"
    git(twice.root, "fsck", "--strict")


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
    with pytest.raises(UsageError, match="not a date"):
        twice.deprecate("spend@1", until)


def test_readers_get_the_window_that_policy_gives_them(twice: Project) -> None:
    with pytest.raises(PromotionError, match=r"30 days.*\n.*or later"):
        twice.deprecate("spend@1", TODAY + timedelta(days=3))
    assert record_of(twice).version("1").status == "live"
    before = datetime.now(UTC).date()
    until = twice.deprecate("spend@1").record.version("1").until
    window, day = timedelta(days=30), timedelta(days=1)
    assert until in {before + window, before + window + day}, "the next one where midnight came between"


def test_a_version_is_retired_after_its_last_day_only(twice: Project, reader: Project) -> None:
    with pytest.raises(PromotionError, match=r"not deprecated.*\n.*deprecate spend@1"):
        twice.retire("spend@1")
    twice.deprecate("spend@1")
    with pytest.raises(PromotionError, match="served until"):
        twice.retire("spend@1")
    late = datetime.now(UTC) + timedelta(days=32)
    assert retire(twice._workspace, "spend@1", now=late).record.versions[0].status == "retired"
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
        retire(twice._workspace, "spend@1", now=late)


def test_a_release_pins_what_was_published_and_keeps_it_from_retiring(published: Project, reader: Project) -> None:
    old = total(reader)
    release = published.cut_release("2026.11")
    assert release.versions == ("spend 1.0",)
    published.define(VALUED, log=False)
    published.promote("spend", accept={"spend": "twice"})
    assert total(reader) == old * 2
    assert total(reader, release="2026.11") == old
    deprecate(published._workspace, "spend@1")
    late = datetime.now(UTC) + timedelta(days=32)
    with pytest.raises(PromotionError, match=r"release 2026\.11 pins it"):
        retire(published._workspace, "spend@1", now=late)
    assert published.drop_release("2026.11").releases == ()
    retire(published._workspace, "spend@1", now=late)


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


@pytest.mark.journey
def test_a_rollback_names_what_was_built_on_what_goes(published: Project) -> None:
    published.define(RATE, log=False)
    published.define(VALUED, log=False)
    published.promote(accept={"spend": "twice"})
    done = published.rollback("spend", "1.0")
    assert any("rate 1.0 was computed from spend 2.0" in note for note in done.notes)


def test_dates_are_days(twice: Project) -> None:
    done = deprecate(twice._workspace, "spend@1", date(2030, 1, 31))
    assert done.to_dict()["versions"][0]["until"] == "2030-01-31"


LATE = datetime.now(UTC) + timedelta(days=40)


def test_an_announced_end_is_not_withdrawn_by_a_promotion(published: Project) -> None:
    published.deprecate("spend@1", successor="none")
    until = record_of(published).version().until
    published.define(SPEND.replace('owner="ann"', 'owner="bo"'), log=False)
    report = published.promote("spend")
    version = record_of(published).version("1")
    assert (version.number, version.status, version.until) == ("1.1", "deprecated", until)
    assert any("major version 1 is deprecated and served until" in note for note in report.plan.notes)
    published.define(VALUED, log=False)
    published.promote("spend", accept={"spend": "twice"})
    assert record_of(published).version("1").successor == "2.0"


def test_an_announced_end_is_not_withdrawn_by_a_rollback(twice: Project, reader: Project) -> None:
    twice.rollback("spend", "1.0")
    twice.define(SPEND.replace('owner="ann"', 'owner="bo"'), log=False)
    twice.promote("spend")
    twice.deprecate("spend@1", successor="2")
    until = record_of(twice).version("1").until
    done = twice.rollback("spend", "1.0")
    version = record_of(twice).version("1")
    assert (version.number, version.status, version.until) == ("1.0", "deprecated", until)
    assert "stays deprecated" in done.notes[0]


def test_the_version_that_was_rolled_back_to_does_not_send_its_readers_back(twice: Project, reader: Project) -> None:
    twice.deprecate("spend@1")
    assert record_of(twice).version("1").successor == "2.0"
    done = twice.rollback("spend", "1.0")
    assert "`deprecate spend@1 --until never`" in done.notes[0]
    with pytest.warns(wb.DeprecatedVersionWarning, match=r"spend@1\.0 is deprecated and served until [-0-9]+\.$"):
        total(reader)


def test_a_version_that_serves_is_not_deprecated_without_a_word_on_what_to_read_instead(published: Project) -> None:
    before = published.repository.resolve("main")
    with pytest.raises(PromotionError, match="--successor none"):
        published.deprecate("spend@1")
    with pytest.raises(FeatureNotFound):
        published.deprecate("spend@1", successor="7")
    with pytest.raises(PromotionError, match="ends with it"):
        published.deprecate("spend@1", successor="1.0")
    assert published.repository.resolve("main") == before
    published.define(RATE, log=False)
    published.promote("rate")
    assert published.deprecate("spend@1", successor="rate@1").record.version().successor == "rate@1"


def test_never_for_what_was_never_deprecated_changes_nothing(twice: Project) -> None:
    before = twice.repository.resolve("main")
    assert twice.deprecate("spend@1", "never").what == "spend 1.0 is not deprecated"
    assert twice.repository.resolve("main") == before


def pinned_by(project: Project, how: str) -> str:
    """Let something pin version 1.0 of ``spend``, and return its name."""
    if how == "release":
        project.cut_release("first")
        return "release first"
    if how == "training set":
        project.store.training_set(SPINE, ["spend@1.0:total"], save="kept")
        return "training set kept"
    if how == "view":
        project.define(RATE, log=False)
        project.promote("rate")
        return "view rate"
    sets = 'from workbench import feature_set\n\nlate = feature_set("late", ["spend@1.0:total"])\n'
    (project.root / "features" / "sets.py").write_text(sets)
    git(project.root, "add", "features/sets.py")
    git(project.root, "commit", "-qm", "A set")
    return "feature set late"


@pytest.mark.journey
@pytest.mark.parametrize("how", ["feature set", "release", "training set", "view"])
def test_a_pin_on_any_minor_version_keeps_its_major_version(published: Project, how: str) -> None:
    name = pinned_by(published, how)
    published.define(SPEND.replace('owner="ann"', 'owner="bo"'), log=False)
    published.promote("spend")
    published.define(VALUED, log=False)
    published.promote("spend", accept={"spend": "twice"} | ({"rate": "stays"} if how == "view" else {}))
    assert [version.number for version in record_of(published).versions] == ["1.0", "1.1", "2.0"]
    announced = published.deprecate("spend@1")
    assert any(note.startswith(name) for note in announced.notes)
    with pytest.raises(PromotionError, match=name):
        retire(published._workspace, "spend@1", now=LATE)
    accept = {name.rpartition(" ")[2]: "for the audit"}
    if how == "view":
        with pytest.raises(UsageError, match="does not pin it"):
            retire(published._workspace, "spend@1", accept=accept, now=LATE)
    else:
        done = retire(published._workspace, "spend@1", accept=accept, now=LATE)
        assert [version.status for version in done.record.versions] == ["retired", "retired", "live"]
        assert "for the audit" in published.repository.message("main")


def test_what_is_no_reference_is_refused_with_how_to_write_one(published: Project) -> None:
    for ref in ("@1", "", 5, None):
        with pytest.raises(UsageError, match="spend@1"):
            published.deprecate(ref)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="spend@1"):
            published.rollback(ref, "1.0")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="not a date"):
        published.deprecate("spend@1", 5)  # type: ignore[arg-type]
    with pytest.raises(InvalidName):
        published.cut_release(5)  # type: ignore[arg-type]
    with pytest.raises(FeatureNotFound, match="no version 9"):
        published.rollback("spend", "spend@9")
    assert published.rollback("spend", "spend@1").what == "spend is at 1.0 already"


@pytest.mark.parametrize("version", ["@9", "@9.9", "@1.7", "spend@3", "@", "@x", "@0"])
def test_a_version_that_does_not_exist_is_no_empty_side(published: Project, version: str) -> None:
    for left, right in ((version, "@1"), ("@1", version), ("main", version)):
        with pytest.raises((FeatureNotFound, UsageError)):
            published.diff("spend", left, right)
    with pytest.raises((FeatureNotFound, UsageError)):
        published.drift("spend", reference=version, current="@1")


def test_a_branch_without_the_view_is_an_empty_side(published: Project) -> None:
    published.define(RATE, log=False)
    assert published.diff("rate", "main", "exp/first").category == "new"
