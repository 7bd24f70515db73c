"""Views that join a table without times: it is known always, and what leaks beside it is found all the same."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.conftest import copy_project, template

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench.project import Project

WORTH = '''\
class Worth(FeatureModel):
    user: str
    at: UTC
    worth: float = Feature(unit="EUR", nullable=True)


@feature_view(entities="user", event_time="at", owner="ann")
def worth(events: pl.LazyFrame, plans: pl.LazyFrame) -> LazyFrame[Worth]:
    """What a user has spent so far, by the rate of the plan."""
    priced = events.join(plans, on="user", how="left").sort("user", "at")
    return priced.select("user", "at", worth=(pl.col("amount") * pl.col("rate")).cum_sum().over("user"))
'''


def declare(root: Path, rate: float = 2.0) -> None:
    toml = root / "workbench.toml"
    if "plans" not in toml.read_text():
        toml.write_text(
            toml.read_text() + '\n[sources.plans]\npath = "data/plans.csv"\nstatic = true\nkey = ["user"]\n'
        )
    lines = "".join(f"u{number},{rate + number}\n" for number in range(7))
    (root / "data" / "plans.csv").write_text(f"user,rate\n{lines}")


@pytest.fixture(scope="module")
def planned_once(begun_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with template(tmp_path_factory, "planned", begun_once) as root:
        declare(root)
        return root


@pytest.fixture
def project(planned_once: Path, tmp_path: Path, identity: None) -> Iterator[Project]:
    with closing(wb.open(copy_project(planned_once, tmp_path), branch="exp/first")) as opened:
        yield opened


def test_a_view_joins_a_static_table_and_is_computed_again_where_it_changes(project: Project) -> None:
    result = project.define(WORTH, log=False)
    assert result.passed
    assert {check.name: check.detail for check in result.checks}["leakage"].endswith(
        "rows of plans are taken as known always"
    )
    declare(project.root, 3.0)
    again = project.define(WORTH, log=False)
    assert again.view_id != result.view_id
    assert not again.reused


def test_a_leak_beside_a_static_table_is_found(project: Project) -> None:
    result = project.define(WORTH.replace(".cum_sum()", ".shift(-1)"), log=False)
    assert [check.name for check in result.checks if check.failed] == ["leakage"]


def test_what_the_static_table_says_of_others_is_entity_locality(project: Project) -> None:
    all_rates = WORTH.replace('plans, on="user"', 'plans.with_columns(pl.col("rate").max()), on="user"')
    result = project.define(all_rates, log=False)
    assert "entity-locality" in [check.name for check in result.checks if check.failed]
