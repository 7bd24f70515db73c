"""Small steps within the tolerance do not add up: minor versions stay near the first version of their major."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

import workbench as wb
from tests.promote.conftest import git, more_events, record_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench.project import Project
    from workbench.promote.view_change import ViewChange


def total(value: str, *, more: str = "") -> str:
    """Return a view of each amount, ``x``, with something added; `more` is the same for a second feature."""
    said = 'description="An amount", tolerance=0.5'
    second = f"\n    second: float = Feature({said})" if more else ""
    return f'''\
class Amount(FeatureModel):
    user: str
    at: UTC
    value: float = Feature({said}){second}


@feature_view(entities="user", event_time="at", owner="ann")
def amount(events: pl.LazyFrame) -> LazyFrame[Amount]:
    """Each amount."""
    x = pl.col("amount")
    return events.select("user", "at", value={value}{f", second={more}" if more else ""})
'''


def promote(project: Project, cell: str) -> tuple[str, str]:
    """Publish a cell from a new experiment, and return its version and category."""
    define(project, cell)
    (change,) = project.promote("amount", accept={"amount": "meant"}).changes
    return change.number, change.category


def define(project: Project, cell: str) -> None:
    project.branch(f"exp/n{len(project.repository.names())}", objective="Test")
    project.define(cell, log=False)


def proposed(project: Project, cell: str) -> ViewChange:
    define(project, cell)
    (change,) = project.promote("amount", dry_run=True, accept={"amount": "meant"}).changes
    return change


@pytest.fixture
def project(root: Path) -> Iterator[Project]:
    opened = wb.open(root)
    yield opened
    opened.close()


KINDS = """\
class Amount(FeatureModel):
    user: str
    at: UTC
    plain: float = Feature(description="An amount", tolerance=0.5)
    whole: int = Feature(description="An amount", tolerance=3)
    listed: list[float] = Feature(description="An amount", tolerance=0.5)
    noisy: float = Feature(description="An amount")
    exact: int = Feature(description="An amount")


@feature_view(entities="user", event_time="at", owner="ann")
def amount(events: pl.LazyFrame) -> LazyFrame[Amount]:
    \"\"\"Each amount.\"\"\"
    x, step = pl.col("amount"), STEP
    return events.select(
        "user",
        "at",
        plain=x + 0.4 * step,
        whole=x.cast(pl.Int64) + 2 * step,
        listed=pl.concat_list(x, x + 0.4 * step),
        noisy=(x + 0.1) * (1 + 6e-13 * step),
        exact=x.cast(pl.Int64),
    )
"""


@pytest.mark.journey
def test_steps_within_the_tolerance_that_add_up_make_a_major_version(project: Project) -> None:
    assert promote(project, KINDS.replace("STEP", "0")) == ("1.0", "new")
    assert promote(project, KINDS.replace("STEP", "1")) == ("1.1", "refactor")
    change = proposed(project, KINDS.replace("STEP", "2"))
    assert (change.number, change.category) == ("2.0", "value")
    moved = dict.fromkeys(("plain", "whole", "listed", "noisy"), "changed")
    assert change.columns == {**moved, "exact": "same"}
    assert all("differ from version 1.0, the first of its major version" in why for why in change.why)
    assert promote(project, KINDS.replace("STEP", "2")) == ("2.0", "value")
    assert promote(project, KINDS.replace("STEP", "1")) == ("2.1", "refactor"), "a major version has a first of its own"


@pytest.mark.journey
def test_back_and_forth_within_the_tolerance_of_the_first_stays_in_the_major(project: Project) -> None:
    steps = ["x", "x + 0.4", "x + 0.5", "x"]
    assert [promote(project, total(step))[0] for step in steps] == ["1.0", "1.1", "1.2", "1.3"]
    assert proposed(project, total("x + 0.5001")).number == "2.0"


@pytest.mark.journey
def test_a_feature_is_measured_from_the_version_that_added_it(project: Project) -> None:
    assert promote(project, total("x")) == ("1.0", "new")
    assert promote(project, total("x", more="x * 2")) == ("1.1", "additive")
    assert promote(project, total("x + 0.4", more="x * 2 + 0.4")) == ("1.2", "refactor")
    change = proposed(project, total("x + 0.4", more="x * 2 + 0.8"))
    assert (change.number, change.columns) == ("2.0", {"value": "same", "second": "changed"})
    assert "differ from version 1.1" in change.why[0]


@pytest.mark.journey
def test_new_rows_and_rollbacks_do_not_move_the_measure(project: Project) -> None:
    promote(project, total("x"))
    promote(project, total("x + 0.4"))
    more_events(project.root, 30)
    assert proposed(project, total("x + 0.8")).number == "2.0", "the first version is computed on today's data"
    assert project.materialize().passed
    project.rollback("amount", to="1.0")
    assert promote(project, total("x - 0.4")) == ("1.2", "refactor")
    assert [version.follows for version in record_of(project, "amount").versions] == [None, "1.0", "1.0"]
    assert proposed(project, total("x + 0.4")).number == "2.0", "1.1 did not lead to what serves"
    assert proposed(project, total("x + 0.1")).number == "1.3"


@pytest.mark.journey
def test_what_cannot_be_computed_any_more_is_measured_by_its_published_rows(project: Project) -> None:
    promote(
        project,
        total("x").replace('x = pl.col("amount")', 'x = pl.col("amount") + 0 * pl.col("event_id").cast(pl.Float64)'),
    )
    promote(project, total("x + 0.4"))
    path = project.root / "data" / "events.parquet"
    pl.read_parquet(path).drop("event_id").write_parquet(path)
    config = project.root / "workbench.toml"
    config.write_text(config.read_text().replace('key = ["event_id"]\n', ""))
    git(project.root, "commit", "-qam", "Events have no id")
    reopened = wb.open(project.root)
    try:
        assert proposed(reopened, total("x + 0.3")).number == "1.2"
        assert proposed(reopened, total("x + 0.8")).number == "2.0"
    finally:
        reopened.close()


def test_the_difference_from_main_says_what_a_promotion_would(project: Project) -> None:
    promote(project, total("x"))
    promote(project, total("x + 0.4"))
    change = proposed(project, total("x + 0.8"))
    found = project.diff("amount")
    assert (found.category, found.why[0]) == ("value", change.why[0])
    assert found.why[0] == (
        "value: 100% of values differ from version 1.0, the first of its major version, by 0.8 on average and 0.8 at "
        "most; its tolerance is 0.5"
    )
