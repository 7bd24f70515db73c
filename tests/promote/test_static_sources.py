"""Materializing a view that joins a table without times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from tests.conftest import events
from tests.pipeline.test_static_sources import WORTH, declare
from tests.promote.conftest import git
from tests.promote.stage import computed, differing, lake_rows
from workbench.store.resolve import named_view
from workbench.store.source_rows import rows_behind

if TYPE_CHECKING:
    from workbench.project import Project


def test_new_events_are_computed_alone_and_a_new_static_table_computes_all(project: Project) -> None:
    declare(project.root)
    git(project.root, "add", "workbench.toml")
    git(project.root, "commit", "-qm", "Declare the plans")
    project.branch("exp/plans", start="main", objective="Price it")
    project.define(WORTH, log=False)
    project.promote(["worth"])
    view, _ = named_view("worth", project.store._reading())
    keys = {"user": pl.Series(["u1"])}
    behind = {each.name: each.rows for each in rows_behind(view, keys, datetime(2024, 1, 1, 2, tzinfo=UTC))}
    assert behind["plans"] is not None
    assert behind["plans"].rows() == [("u1", 3.0)]

    events(220).write_parquet(project.root / "data" / "events.parquet")
    (done,) = project.materialize().views
    assert done.how.startswith("about 2.7% of its entities")
    assert differing(lake_rows(project, "worth"), computed(project, "worth")).is_empty()

    declare(project.root, 5.0)
    (done,) = project.materialize().views
    assert "in full" in done.how
    found = lake_rows(project, "worth")
    assert differing(found, computed(project, "worth")).is_empty()
    assert found.filter(pl.col("user") == "u1")["worth"].max() == sum(row % 11 for row in range(1, 220, 7)) * 6.0
