"""`reproduce`: the same again from commit and data; where that cannot be, what is not as it was."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import workbench as wb
from tests.conftest import EVENT_VIEW, events
from tests.store.conftest import spine_of
from tests.store.stage import change, declare, publish
from workbench import errors
from workbench.cli import main
from workbench.reproduce.differences import differences
from workbench.sources.digest_cache import DigestMemo, Stamp
from workbench.store import Reference
from workbench.store.tracking import training_run
from workbench.tracking import Tracker

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.project import Project

DOUBLE = '''\
class Double(FeatureModel):
    user: str
    at: UTC
    twice: float = Feature(unit="count")


@feature_view(entities="user", event_time="at")
def double(spend: pl.LazyFrame) -> LazyFrame[Double]:
    """Twice what a user has spent."""
    return spend.select("user", "at", twice=pl.col("total") * 2)
'''
RANDOM = '''\
class Dice(FeatureModel):
    at: UTC
    eyes: float = Feature(unit="count"TOLERANCE)


@feature_view(event_time="at")
def dice(events: pl.LazyFrame) -> LazyFrame[Dice]:
    """Other values every time."""
    import random

    eyes = pl.col("amount").map_elements(lambda amount: amount + random.random(), return_dtype=pl.Float64)
    return events.select("at", eyes=eyes)
'''
SPINE = spine_of(("u0", 7.0), ("u3", 100.5), ("u1", 9.0))


@pytest.fixture(autouse=True)
def quiet_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave what is submitted in the outbox."""
    monkeypatch.setattr(Tracker, "warm", lambda self: None)


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try views on no rows, so that chance in their values is not seen before they are computed."""
    monkeypatch.setattr("workbench.compute.trial.ROWS", 0)


def views_of(project: Project) -> list[str]:
    return sorted(path.name for path in (project.root / ".workbench" / "views").iterdir())


def test_a_view_is_computed_again_and_is_the_same(project: Project) -> None:
    result = project.define(EVENT_VIEW, log=False)
    before = views_of(project)
    again = project.reproduce(result.view_id)
    assert (again.verdict, again.passed, again.causes) == ("identical", True, ())
    assert (again.commit, again.rows_then, again.rows_now) == (result.commit, 200, 200)
    assert views_of(project) == before, "it was computed in a cache of its own"
    assert not list((project.root / ".workbench").glob("reproduce-*")), "which is gone"
    assert "identical" in again.report().text()


def test_the_recorded_commit_counts_not_todays_code(project: Project) -> None:
    old = project.define(EVENT_VIEW, log=False)
    project.define(EVENT_VIEW.replace("cum_sum()", "cum_max()"), log=False)
    again = project.reproduce(old.view_id[:8])
    assert (again.verdict, again.commit) == ("identical", old.commit)


def test_a_run_is_found_by_its_key(project: Project) -> None:
    result = project.define(EVENT_VIEW)
    assert result.ticket is not None
    assert project.reproduce(result.ticket.key).identity == result.view_id


def test_a_view_of_a_view_is_built_from_the_sources_on(project: Project) -> None:
    project.define(EVENT_VIEW, log=False)
    result = project.define(DOUBLE, log=False)
    assert project.reproduce(result.view_id).verdict == "identical"
    events(210).write_parquet(project.root / "data" / "events.parquet")
    again = project.reproduce(result.view_id)
    assert ("data", "events") in [(cause.kind, cause.name) for cause in again.causes]


def test_changed_data_is_named_with_what_it_did(project: Project) -> None:
    result = project.define(EVENT_VIEW, log=False)
    grown = events(205).with_columns(pl.when(pl.col("event_id") == 199).then(50.0).otherwise("amount").alias("amount"))
    grown.write_parquet(project.root / "data" / "events.parquet")
    again = project.reproduce(result.view_id)
    assert (again.verdict, again.passed, again.rows_then, again.rows_now) == ("different", False, 200, 205)
    (cause,) = again.causes
    assert (cause.kind, cause.name) == ("data", "events")
    assert again.differences is not None
    assert (again.differences.added, again.differences.removed) == (5, 0)
    (column,) = again.differences.columns
    assert (column.column, column.rows, column.largest) == ("total", 1, 49.0)
    shown = again.report().text(width=160)
    assert "different" in shown
    assert "events" in shown


def test_every_byte_is_read_again_whatever_is_remembered_of_it(project: Project) -> None:
    result = project.define(EVENT_VIEW, log=False)
    source = project.sources["events"]
    before = source.snapshot()
    files: Any = before.detail["files"]
    data = project.root / "data" / "events.parquet"
    events(205).write_parquet(data)
    memo = DigestMemo(project.root / ".workbench" / "sources" / "events" / "digests.json")
    memo.replace({data: (Stamp.of(data.stat()), files[0]["sha256"])})
    assert source.snapshot() == before, "what is remembered is wrong"
    assert [cause.name for cause in project.reproduce(result.view_id).causes] == ["events"]


def test_data_that_is_kept_in_versions_is_read_as_it_was(project: Project) -> None:
    config = project.root / "workbench.toml"
    config.write_text(config.read_text().replace('path = "data/events.parquet"', 'path = "data/events.csv"'))
    events().write_csv(project.root / "data" / "events.csv")
    reopened = wb.open(project.root)
    reopened.branch("exp/first")
    result = reopened.define(EVENT_VIEW, log=False)
    events(300).write_csv(project.root / "data" / "events.csv")
    assert reopened.reproduce(result.view_id).verdict == "identical", "the copy of the text file is still there"
    reopened.close()


@pytest.mark.usefixtures("untried")
def test_a_definition_that_is_not_deterministic_is_told(project: Project) -> None:
    result = project.define(RANDOM.replace("TOLERANCE", ""), log=False)
    again = project.reproduce(result.view_id)
    assert (again.verdict, again.causes) == ("different", ())
    assert "is not deterministic" in again.report().text()


@pytest.mark.usefixtures("untried")
def test_the_declared_tolerance_is_what_counts(project: Project) -> None:
    result = project.define(RANDOM.replace("TOLERANCE", ", tolerance=2.0"), log=False)
    again = project.reproduce(result.view_id)
    assert (again.verdict, again.passed) == ("within tolerance", True)


def test_other_libraries_are_named_and_do_no_harm_where_values_agree(project: Project) -> None:
    result = project.define(EVENT_VIEW, log=False)
    journal: Path = project.repository.home / "journal" / "spend.jsonl"
    entry = json.loads(journal.read_text())
    entry["versions"]["python"] = "3.99"
    journal.write_text(json.dumps(entry) + "\n")
    again = project.reproduce(result.view_id)
    assert again.passed
    (cause,) = again.causes
    assert (cause.kind, cause.name) == ("library", "python")
    assert cause.detail.startswith("3.99 then")


def test_a_computed_view_that_was_cleaned_away_is_compared_by_its_digest(project: Project) -> None:
    result = project.define(EVENT_VIEW, log=False)
    shutil.rmtree(project.root / ".workbench" / "views")
    again = project.reproduce(result.view_id)
    assert (again.verdict, again.rows_then) == ("identical", None)


def test_a_training_set_is_built_again(shop: Project) -> None:
    shop.store.training_set(SPINE, ["both", "recent:amount"], label="label", save="first")
    again = shop.reproduce("first")
    assert (again.kind, again.verdict, again.causes) == ("training set", "identical", ())
    assert shop.reproduce(shop.store.saved("first").run[:10]).name == "first"
    shop.define(EVENT_VIEW.replace("cum_sum()", "cum_max()"), log=False)
    assert shop.reproduce("first").verdict == "identical", "it is built from its own commit"


def test_a_training_set_whose_data_changed_says_which_columns(shop: Project) -> None:
    shop.store.training_set(SPINE, ["both", "recent:amount"], save="first")
    changed = events().with_columns(pl.when(pl.col("event_id") == 7).then(9.0).otherwise("amount").alias("amount"))
    changed.write_parquet(shop.root / "data" / "events.parquet")
    again = shop.reproduce("first")
    assert again.verdict == "different"
    assert again.differences is not None
    assert {column.column: column.rows for column in again.differences.columns} == {"total": 1, "amount": 1}
    assert {cause.name for cause in again.causes} == {"events", "spend", "recent"}


def test_a_saved_file_that_was_tampered_with_is_noticed(shop: Project) -> None:
    shop.store.training_set(SPINE, "spend", save="first")
    saved = shop.store.saved("first")
    saved.frame.with_columns(total=pl.lit(1.0)).write_parquet(saved.path)
    again = shop.reproduce("first")
    assert ("data", "first") in [(cause.kind, cause.name) for cause in again.causes]
    assert again.verdict == "identical", "what is built now is what was recorded then"


@pytest.mark.parametrize("what", ["nothing", "ab", "", "../x", "f" * 64])
def test_what_was_never_recorded_says_so(project: Project, what: str) -> None:
    project.define(EVENT_VIEW, log=False)
    with pytest.raises(errors.UsageError, match="is not a training set, view id or MLflow run"):
        project.reproduce(what)


def test_a_name_that_is_nearly_right_is_offered(shop: Project) -> None:
    shop.store.training_set(SPINE, "spend", save="first_try")
    with pytest.raises(errors.UsageError, match="did you mean 'first_try'"):
        shop.reproduce("frist_try")


def test_a_commit_that_is_gone_says_so(project: Project) -> None:
    result = project.define(EVENT_VIEW, log=False)
    project.branch("exp/other")
    project.delete_branch("exp/first", force=True)
    for words in (["reflog", "expire", "--expire=now", "--all"], ["gc", "--prune=now", "--quiet"]):
        subprocess.run(["git", *words], cwd=project.root, check=True)
    with pytest.raises(errors.UsageError, match="no longer in this repository"):
        project.reproduce(result.view_id)


def test_a_source_that_is_gone_says_which(project: Project) -> None:
    result = project.define(EVENT_VIEW, log=False)
    (project.root / "data" / "events.parquet").unlink()
    with pytest.raises(errors.SourceError, match=r"events\.parquet"):
        project.reproduce(result.view_id)


def test_the_verb_fails_where_it_is_not_the_same(
    shop: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(shop.root)
    view_id = shop.view("spend").view_id
    assert main.main(["reproduce", view_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "identical"
    events(250).write_parquet(shop.root / "data" / "events.parquet")
    assert main.main(["reproduce", view_id]) == 1
    assert "different" in capsys.readouterr().out
    assert main.main(["reproduce", "nothing"]) == 2


def test_entries_of_before_are_still_read(project: Project) -> None:
    result = project.define(EVENT_VIEW, log=False)
    path: Path = project.repository.home / "journal" / "spend.jsonl"
    old = json.loads(path.read_text())
    for later in ("sources", "versions", "data_digest"):
        old.pop(later)
    path.write_text(json.dumps(old) + "\n")
    assert project.reproduce(result.view_id).verdict == "identical"


@pytest.mark.parametrize(
    ("old", "new", "tolerance", "rows", "largest"),
    [
        ([1.0, None, float("nan")], [1.0, None, float("nan")], None, 0, None),
        ([1.0, 2.0, 3.0], [1.0 + 1e-14, 2.0, 3.0], None, 0, None),
        ([1.0, 2.0, 3.0], [1.0, 2.5, 4.0], None, 2, 1.0),
        ([1.0, 2.0, 3.0], [1.0, 2.5, 4.0], 0.5, 1, 1.0),
        ([1.0, 2.0, None], [1.0, 2.0, 3.0], 9.0, 1, None),
        ([1.0, float("inf"), 3.0], [1.0, float("-inf"), 3.0], 9.0, 1, float("inf")),
        ([1, 2, 3], [1, 2, 4], None, 1, 1.0),
        ([1, 2, 3], [1, 2, 4], 1.0, 0, None),
        (["a", "b", None], ["a", "c", None], None, 1, None),
    ],
)
def test_values_differ_beyond_the_tolerance_only(
    old: list[Any], new: list[Any], tolerance: float | None, rows: int, largest: float | None
) -> None:
    frames = [pl.DataFrame({"k": [1, 2, None], "x": values}) for values in (old, new)]
    found = differences(frames[0], frames[1].reverse(), keys=["k"], tolerances={"x": tolerance})
    assert (found.added, found.removed) == (0, 0)
    assert [(column.rows, column.largest) for column in found.columns] == ([(rows, largest)] if rows else [])


def test_rows_gained_and_lost_are_counted_and_equal_keys_paired_in_order() -> None:
    old = pl.DataFrame({"k": [1, 1, 2], "x": [5, 6, 7]})
    new = pl.DataFrame({"k": [1, 1, 1, 3], "x": [6, 5, 9, 7]})
    found = differences(old, new, keys=["k"], tolerances={})
    assert (found.added, found.removed, found.columns) == (2, 1, ())


@pytest.mark.journey
def test_a_published_training_set_reads_the_same_delta_versions_again(mart: Project) -> None:
    features: list[str | Reference] = [wb.use("spend", as_="top"), "both", "recent:amount"]
    train = mart.store.training_set(SPINE, features, save="first", full_names=True)
    saved = mart.store.saved("first")
    assert [(view.label, view.delta_version) for view in saved.views] == [
        ("spend@2.0", 0),
        ("clock@1.0", 0),
        ("spend@1.0", 0),
        ("recent@1.0", 0),
    ]
    assert saved.commit == saved.ledger.registry == mart.repository.resolve("main")
    mart.define(EVENT_VIEW.replace("cum_sum()", "cum_min()"), branch="exp/first", log=False)
    publish(mart, "spend", "3.0")
    change(mart, "spend", "1.0", status="retired")
    (mart.root / "data" / "events.parquet").unlink()
    again = mart.reproduce("first")
    assert (again.verdict, again.causes) == ("identical", ())
    assert (
        not mart.store.training_set(SPINE, "spend").features["total"].equals(train.frame["top__total"].alias("total"))
    )


def test_a_training_set_of_both_a_branchs_and_published_views_is_built_again(mart: Project) -> None:
    mart.branch("exp/first")
    mart.store.training_set(SPINE, ["recent:amount", "spend@1"], save="mixed")
    change(mart, "spend", "1.0", status="retired")
    assert mart.reproduce("mixed").verdict == "identical"


def write_as_long(path: Path, rows: pl.DataFrame) -> None:
    """Write other rows in place of a Parquet file, in as many bytes: a file of another size is known to be another."""
    size, content = path.stat().st_size, io.BytesIO()
    rows.write_parquet(content, compression="zstd", compression_level=22)
    written = content.getvalue()
    footer = len(written) - 8 - int.from_bytes(written[-8:-4], "little")
    path.unlink()  # it may be one file with the cache's
    path.write_bytes(written[:footer] + bytes(size - len(written)) + written[footer:])


def test_rows_of_the_lake_that_are_not_what_was_published_are_noticed(mart: Project) -> None:
    mart.store.training_set(SPINE, "spend@1", save="first")
    (path,) = (mart.repository.home / "lake" / "spend" / "v1").glob("*.parquet")
    rows = pl.read_parquet(path)
    write_as_long(path, rows.with_columns(pl.when(pl.col("user") == "u6").then(0.0).otherwise("total").alias("total")))
    again = mart.reproduce("first")
    assert ("data", "spend@1.0") in [(cause.kind, cause.name) for cause in again.causes]
    path.unlink()
    shutil.rmtree(mart.root / ".workbench")  # nor can they be computed again
    (mart.root / "data" / "events.parquet").unlink()
    with pytest.raises(errors.LakeError, match="backup"):
        mart.reproduce("first")


def test_a_saved_training_set_says_what_it_read(mart: Project) -> None:
    subprocess.run(
        ["git", "tag", "-a", "-m", "Release", "release/2026.11", "main"], cwd=mart.root, check=True, capture_output=True
    )
    mart.store.training_set(SPINE, "spend", release="2026.11", save="first")
    saved = mart.store.saved("first")
    assert (saved.ledger.release, saved.views[0].label) == ("2026.11", "spend@2.0")
    run = training_run(mart._workspace, saved)
    assert run.tags["workbench.release"] == "2026.11"
    assert run.params["views"] == "spend@2.0"
    (view, itself) = run.datasets
    assert (view.name, view.source["version"]) == ("spend@2.0", 0)
    assert pl.scan_delta(str(view.source["uri"]), version=0).collect().height == 200
    assert itself.name == "first"
    assert mart.reproduce("first").verdict == "identical"


def test_a_published_version_is_computed_again_wherever_it_was_computed_first(mart: Project) -> None:
    shutil.rmtree(mart.repository.home / "journal")
    shutil.rmtree(mart.root / ".workbench" / "views")
    old = mart.reproduce("spend@1")
    assert (old.verdict, old.causes, old.rows_now) == ("identical", (), 200)
    assert mart.reproduce("spend@2.0").identity != old.identity
    with pytest.raises(errors.FeatureNotFound, match="no version 3"):
        mart.reproduce("spend@3")
    with pytest.raises(errors.FeatureNotFound, match="did you mean 'spend'"):
        mart.reproduce("spned@1")


@pytest.mark.journey
def test_a_version_whose_experiment_is_gone_is_computed_from_main(project: Project) -> None:
    declare(project.root)
    project.define(EVENT_VIEW, log=False)
    first = publish(project, "spend")
    change(project, "spend", "1.0", commit="f" * 40)
    project.define(EVENT_VIEW.replace("cum_sum", "cum_max"), log=False)
    publish(project, "spend", "2.0")
    again = project.reproduce("spend@1.0")
    assert (again.passed, again.commit) == (True, first)
