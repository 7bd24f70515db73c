"""A view as one side of a comparison, by each way of naming it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.conftest import EVENT_VIEW, let_send
from tests.store.conftest import RECENT, spine_of
from tests.store.stage import git, publish
from workbench.comparison import side_at
from workbench.diff import diff_views
from workbench.errors import BranchNotFound, FeatureNotFound, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.pipeline import ViewResult
    from workbench.project import Project

DOUBLED = EVENT_VIEW.replace('pl.col("amount")', '(pl.col("amount") * 2)')
HELPED = "from .sums import so_far\n" + EVENT_VIEW.replace(
    'pl.col("amount").cum_sum().over("user")', 'so_far("amount")'
)
SUMS = (
    "import polars as pl\n\n\ndef so_far(column: str) -> pl.Expr:\n    return pl.col(column).cum_sum().over('user')\n"
)


def test_a_branch_a_version_a_release_and_a_moment_lead_to_their_rows(mart_to_read: Project) -> None:
    workspace = mart_to_read._workspace
    old = side_at(workspace, "spend", "@1.0")
    for ref in ("main", "@2.0", "spend@2", datetime.now(UTC).isoformat()):
        diff = diff_views(old, side_at(workspace, "spend", ref))
        assert diff.rows.left == 200, ref
        assert diff.column("total").changed > 100, ref
    assert diff_views(old, side_at(workspace, "spend", "exp/first")).rows.changed > 100
    assert diff_views(old, side_at(workspace, "spend", "spend@1")).rows.changed == 0


def test_a_release_is_read_as_it_pins_the_view(mart: Project) -> None:
    git(mart, "tag", "-a", "-m", "Release 2026.1", "release/2026.1", "main")
    mart.define(EVENT_VIEW.replace("cum_sum", "cum_min"), branch="exp/first", log=False)
    publish(mart, "spend", "3.0")
    side = side_at(mart._workspace, "spend", "release/2026.1")
    assert side.label == "spend@2.0"
    assert diff_views(side, side_at(mart._workspace, "spend", "@2.0")).rows.changed == 0


def test_what_names_no_side_is_refused(mart_to_read: Project) -> None:
    workspace = mart_to_read._workspace
    with pytest.raises(BranchNotFound, match="exp/first"):
        side_at(workspace, "spend", "exp/frist")
    with pytest.raises(FeatureNotFound):
        side_at(workspace, "spend", "@9.9")
    with pytest.raises(UsageError, match="another view"):
        side_at(workspace, "spend", "late@1.0")
    with pytest.raises(BranchNotFound):
        side_at(workspace, "spend", "deadbeef")


def queued(result: ViewResult) -> str:
    """Return what names a run that MLflow does not have yet."""
    assert result.ticket is not None
    return result.ticket.key


def test_a_run_is_what_it_computed_though_the_branch_went_on(shop: Project) -> None:
    let_send(shop.root)
    first = shop.define(EVENT_VIEW.replace("cum_sum", "cum_min"))
    shop.define(DOUBLED, log=False)
    assert first.run_id is not None
    side = side_at(shop._workspace, "spend", first.run_id)
    assert side.frame.select(pl.col("total").max()).collect().item() < 11
    assert "cum_min" in side.text["features/spend.py"]
    diff = diff_views(side, side_at(shop._workspace, "spend", "exp/first"))
    assert diff.rows.changed > 100
    assert diff.code.files


def test_a_runs_rows_are_computed_again_where_code_and_data_are_the_same(shop: Project, tmp_path: Path) -> None:
    run = queued(shop.define(EVENT_VIEW.replace("cum_sum", "cum_min")))
    kept = side_at(shop._workspace, "spend", run).frame.collect()
    shutil.rmtree(shop.root / ".workbench" / "views")
    assert side_at(shop._workspace, "spend", run).frame.collect().equals(kept)
    shutil.rmtree(shop.root / ".workbench" / "views")
    events = shop.root / "data" / "events.parquet"
    pl.read_parquet(events).head(100).write_parquet(events)
    with pytest.raises(UsageError, match="were removed"):
        side_at(shop._workspace, "spend", run)


def test_a_run_of_another_view_and_a_training_set_are_no_side(shop: Project) -> None:
    run = queued(shop.define(RECENT.replace("% 2 == 1", "% 2 == 0")))
    with pytest.raises(UsageError, match="computed 'recent'"):
        side_at(shop._workspace, "spend", run)
    shop.store.training_set(spine_of(("u1", 5)), "spend", save="first_try")
    with pytest.raises(UsageError, match="rows of a spine"):
        side_at(shop._workspace, "spend", shop.store.saved("first_try").run)


def test_a_models_run_is_what_the_model_was_trained_on(shop: Project) -> None:
    with shop.experiment("late") as run:
        shop.store.training_set(spine_of(("u1", 5)), "spend")
    shop.define(DOUBLED, log=False)
    assert run.key is not None
    side = side_at(shop._workspace, "spend", run.key)
    assert side.label == "run late"
    assert diff_views(side, side_at(shop._workspace, "spend", "exp/first")).rows.changed > 100
    with pytest.raises(FeatureNotFound, match="trained on"):
        side_at(shop._workspace, "recent", run.key)


def test_helpers_that_a_definition_reaches_are_part_of_its_code(shop: Project) -> None:
    def write(text: str) -> None:
        shop.repository.commit("exp/first", {"features/sums.py": text}, message="Another sum")

    write(SUMS)
    shop.define(HELPED, log=False)
    publish(shop, "spend")
    write(SUMS.replace("cum_sum", "cum_max"))
    sides = side_at(shop._workspace, "spend", "@1.0"), side_at(shop._workspace, "spend", "exp/first")
    assert [list(side.text) for side in sides] == [
        ["features/spend.py", "features/__init__.py", "features/sums.py"]
    ] * 2
    (file,) = diff_views(*sides).code.files
    assert (file.path, file.part) == ("features/sums.py", "helper")
