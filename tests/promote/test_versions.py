"""A version is what its record says: its own code, on the versions that it was made from."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import workbench as wb
from tests.conftest import copy_project, template
from tests.promote.conftest import git, more_events, record_of
from workbench.errors import PromotionError, PromotionRefused
from workbench.store import DeprecatedVersionWarning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench.project import Project
    from workbench.promote import PromotionReport

SUM = sum(row % 11 for row in range(200))
"""Of all amounts in the source."""
MORE = sum(row % 11 for row in range(30))
"""Of the amounts that `more_events` adds."""


def base(factor: int = 1, *, name: str = "v", owner: str = "ann", more: str = "") -> str:
    """Return a view of each event's amount times a factor; `more` is an expression for a second column ``w``."""
    second = "\n    w: float = Feature(description='Second')" if more else ""
    return f'''\
class Base(FeatureModel):
    user: str
    at: UTC
    {name}: float = Feature(description="An amount"){second}


@feature_view(entities="user", event_time="at", owner="{owner}")
def base(events: pl.LazyFrame) -> LazyFrame[Base]:
    """Each amount."""
    return events.select("user", "at", {name}=pl.col("amount") * {factor}{f", w={more}" if more else ""})
'''


def top(column: str = "v", *, owner: str = "ann", plus: int = 1) -> str:
    """Return a view that adds something to a column of ``base``."""
    return f'''\
class Top(FeatureModel):
    user: str
    at: UTC
    t: float = Feature(description="An amount and more")


@feature_view(entities="user", event_time="at", owner="{owner}")
def top(base: pl.LazyFrame) -> LazyFrame[Top]:
    """An amount, and more."""
    return base.select("user", "at", t=pl.col("{column}") + {plus})
'''


def promote(project: Project, *cells: str, names: tuple[str, ...] = (), downstream: bool = False) -> dict[str, str]:
    """Define cells on a new experiment, publish them, and return the versions."""
    project.branch(f"exp/n{len(project.repository.names())}", objective="Test")
    for cell in cells:
        project.define(cell, log=False)
    accept = dict.fromkeys({"base", "top"} & set(project.view_names()), "meant")
    return project.promote(names, accept=accept, with_downstream=downstream).versions


def total(project: Project, ref: str, *, branch: str = "main") -> float:
    """Return the sum of the one feature that matters of a view or version."""
    reader = wb.open(project.root, branch=branch)
    try:
        column = "t" if ref.startswith("top") else "v"
        return float(reader.sql(f'select sum({column}) as s from "{ref}"')["s"].item())
    finally:
        reader.close()


@pytest.fixture(scope="module")
def pair_once(root_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `pair` opens a copy of."""
    with template(tmp_path_factory, "pair", root_once) as root, closing(wb.open(root)) as project:
        promote(project, base(), top())
        promote(project, base(3), downstream=True)
        return root


@pytest.fixture
def pair(pair_once: Path, tmp_path: Path, identity: None) -> Iterator[Project]:
    """``base`` 1.0 and 2.0, three times as large, and ``top`` that reads it, 1.0 and 2.0, published together."""
    with closing(wb.open(copy_project(pair_once, tmp_path), branch="exp/n2")) as project:
        yield project


@pytest.mark.journey
def test_a_rollback_of_what_a_view_reads_leaves_its_versions_as_they_are(pair: Project) -> None:
    pair.rollback("base", "1.0")
    assert pair.materialize().commit is None
    assert (total(pair, "base"), total(pair, "top"), total(pair, "top@1")) == (SUM, 3 * SUM + 200, SUM + 200)
    more_events(pair.root, 30)
    pair.materialize()
    grown = SUM + MORE
    assert (total(pair, "base"), total(pair, "base@2")) == (grown, 3 * grown)
    assert (total(pair, "top"), total(pair, "top@2.0")) == (3 * grown + 230, 3 * grown + 230)
    with pytest.warns(DeprecatedVersionWarning, match="top@2 supersedes it"):
        assert total(pair, "top@1") == SUM + 200
    assert record_of(pair, "top").version().inputs[0].version == "2.0"


def test_a_rollback_of_a_view_holds_through_every_materialize(pair: Project) -> None:
    pair.rollback("top", "1.0")
    assert pair.materialize().commit is None
    assert pair.materialize(full=True).commit is None
    assert total(pair, "top") == SUM + 200
    more_events(pair.root, 30)
    pair.materialize()
    assert (total(pair, "top"), total(pair, "top@2")) == (SUM + MORE + 230, 3 * (SUM + MORE) + 230)


def test_a_minor_version_has_the_values_of_its_major_version_whatever_was_rolled_back(pair: Project) -> None:
    pair.rollback("base", "1.0")
    assert promote(pair, top(owner="bo")) == {"top": "3.0"}
    assert (total(pair, "top"), total(pair, "top@2")) == (SUM + 200, 3 * SUM + 200)
    assert "it reads base 1.0 instead of 2.0" in pair.repository.message("main")


@pytest.mark.journey
def test_every_live_major_version_is_brought_up_to_date_where_two_share_a_definition(root: Path) -> None:
    with_both = wb.open(root)
    promote(with_both, base())
    with_both.branch("exp/three", objective="Test")
    with_both.define(base(3), log=False)
    for _ in range(3):
        with_both.promote("base", branch="exp/three", accept={"base": "meant"})
        with_both.rollback("base", "1.0")
    assert [version.number for version in record_of(with_both, "base").versions] == ["1.0", "2.0", "3.0", "4.0"]
    more_events(root, 30)
    done = with_both.materialize()
    assert [view.number for view in done.views] == ["1.0", "2.0", "3.0", "4.0"]
    for number in ("2", "3", "4"):
        assert total(with_both, f"base@{number}") == 3 * (SUM + MORE)
    with_both.close()


def test_only_what_was_asked_for_is_published(pair: Project) -> None:
    promote(pair, base().replace("base", "wind").replace("Base", "Wind"))
    before = {view: record_of(pair, view) for view in ("base", "wind", "top")}
    more_events(pair.root, 30)
    done = pair.materialize("top")
    assert {view.view for view in done.views} == {"top"}
    assert {view.view for view in done.besides} == {"base"}
    assert any("base 2.0 was computed for what reads it and not published" in note for note in done.report().notes)
    assert record_of(pair, "wind") == before["wind"]
    assert record_of(pair, "base") == before["base"]
    assert total(pair, "top") == 3 * (SUM + MORE) + 230
    assert {view.view for view in pair.materialize("base").views} == {"base"}
    assert record_of(pair, "wind") == before["wind"]
    assert total(pair, "base") == 3 * (SUM + MORE)
    assert {view.state for view in pair.materialize(["base", "top"]).views} == {"current", "frozen"}


def test_a_record_names_the_minor_version_that_its_data_is_made_from_now(pair: Project) -> None:
    assert promote(pair, base(3, more="pl.col('amount')")) == {"base": "2.1"}
    pair.materialize()
    assert record_of(pair, "top").version().inputs[0].version == "2.1"
    assert record_of(pair, "top").version("1").inputs[0].version == "1.0"
    assert any("top 2.0 was computed from base 2.1" in note for note in pair.rollback("base", "2.0").notes)
    assert pair.materialize().passed
    assert record_of(pair, "top").version().inputs[0].version == "2.0"
    assert total(pair, "top") == 3 * SUM + 200


@pytest.mark.journey
def test_a_reader_of_other_columns_stays_until_it_is_published_with_it(root: Path) -> None:
    project = wb.open(root)
    promote(project, base(more="pl.col('amount')"), top())
    changed = base(more="pl.col('amount') * 2")
    report = dry(project, changed)
    assert [impact.sentence for impact in report.plan.impacts] == [
        "not touched: it uses none of the changed columns; stays on base 1.0 until it is published again"
    ]
    assert promote(project, changed) == {"base": "2.0"}
    assert project.materialize().passed
    assert record_of(project, "top").version().inputs[0].version == "1.0"
    assert promote(project, top(), names=("top",)) == {"top": "1.1"}
    assert record_of(project, "top").version().inputs[0].version == "2.0"
    project.close()


def dry(project: Project, cell: str) -> PromotionReport:
    project.branch("exp/dry", objective="Test")
    project.define(cell, log=False)
    return project.promote(dry_run=True, accept={"base": "meant"})


@pytest.fixture(scope="module")
def readers_once(root_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `readers` opens a copy of."""
    with template(tmp_path_factory, "readers", root_once) as root:
        (root / "features" / "sets.py").write_text(
            'from workbench import feature_set\n\nboth = feature_set("both", ["base:v"])\n'
            'pinned = feature_set("pinned", ["base@1:v"])\nother = feature_set("other", ["base:w"])\n'
        )
        git(root, "add", "features/sets.py")
        git(root, "commit", "-qm", "Sets")
        with closing(wb.open(root)) as project:
            promote(project, base(more="pl.col('amount')"), top())
        return root


@pytest.fixture
def readers(readers_once: Path, tmp_path: Path, identity: None) -> Iterator[Project]:
    """``base`` 1.0 with two features, and what reads ``v`` of it: the view ``top`` and a feature set."""
    with closing(wb.open(copy_project(readers_once, tmp_path), branch="exp/n1")) as project:
        yield project


@pytest.mark.parametrize("column", ["u", None], ids=["renamed", "removed"])
def test_a_column_is_not_taken_from_what_reads_it(readers: Project, column: str | None) -> None:
    cell = base(name=column, more="pl.col('amount')") if column else base(name="w")
    gates = {gate.name: gate for gate in dry(readers, cell).gates}
    assert not gates["downstream"].passed
    failures = gates["downstream"].failures
    assert [failure.partition(":")[0] for failure in failures] == ["both", "top"]
    assert "there is no column 'v'" in failures[1]
    impacts = {impact.name: impact for impact in dry(readers, cell).plan.impacts}
    assert set(impacts) == {"both", "top", "other"}
    assert not impacts["other"].affected


def test_a_column_is_renamed_together_with_what_reads_it(readers: Project) -> None:
    readers.branch("exp/rename", objective="Test")
    sets = readers.repository.read("main", "features/sets.py").replace('["base:v"]', '["base:u"]')
    readers.define(base(name="u", more="pl.col('amount')"), log=False)
    readers.define(top("u"), log=False)
    readers.repository.commit("exp/rename", {"features/sets.py": sets}, message="Follow")
    done = readers.promote(accept={"base": "meant"})
    assert done.versions == {"base": "2.0", "top": "1.1"}
    assert record_of(readers, "top").version().inputs[0].version == "2.0"


def test_what_is_left_behind_by_name_stays_readable_and_up_to_date(readers: Project) -> None:
    readers.branch("exp/rename", objective="Test")
    readers.define(base(name="u", more="pl.col('amount')"), log=False)
    readers.promote("base", accept={"base": "meant", "top": "retired next week", "both": "nobody trains on it"})
    more_events(readers.root, 30)
    assert readers.materialize().passed
    assert total(readers, "top") == SUM + MORE + 230


@pytest.mark.journey
def test_a_rollback_that_main_could_not_be_computed_after_is_refused(root: Path) -> None:
    project = wb.open(root)
    promote(project, base(), top())
    promote(project, base(name="u"), top("u"))
    before = project.repository.resolve("main")
    with pytest.raises(PromotionRefused, match=r"top, as main would define it.*no column 'u'") as refused:
        project.rollback("base", "1.0")
    assert "--with-downstream" in refused.value.remedy
    with pytest.raises(PromotionRefused, match=r"rollback base --to 1\.0 --with-downstream"):
        project.rollback("top", "1.0")
    assert project.repository.resolve("main") == before
    done = project.rollback("base", "1.0", with_downstream=True)
    assert done.what == "base is at 1.0 again (was 2.0); top is at 1.0 again (was 1.1)"
    assert (total(project, "top", branch="main"), record_of(project, "top").current) == (SUM + 200, "1.0")
    project.branch("exp/after", objective="Test")
    assert project.view("top").frame().collect().height == 200
    project.rollback("base", "2.0", accept={"top": "retired tomorrow"})
    assert "top: retired tomorrow" in project.repository.message("main")
    assert project.materialize().passed
    project.close()


@pytest.mark.journey
def test_a_rollback_within_a_major_version_is_refused_where_a_reader_uses_what_came_after(root: Path) -> None:
    project = wb.open(root)
    promote(project, base())
    promote(project, base(more="pl.col('amount') * 2"))
    promote(project, top("w"))
    with pytest.raises(PromotionRefused, match="no column 'w'"):
        project.rollback("base", "1.0")
    project.close()


@pytest.mark.journey
def test_a_rollback_downstream_needs_a_version_that_was_made_from_what_serves_then(root: Path) -> None:
    project = wb.open(root)
    promote(project, base())
    promote(project, base(3))
    promote(project, top())
    with pytest.raises(PromotionError, match=r"No version of top was computed from base 1\.0"):
        project.rollback("base", "1.0", with_downstream=True)
    note = project.rollback("base", "1.0").notes[0]
    assert note.startswith("top 1.0 was computed from base 2.0, and keeps reading base@2")
    project.close()


def test_a_rollback_within_a_major_version_says_that_its_data_is_older(root: Path) -> None:
    project = wb.open(root)
    promote(project, base())
    promote(project, base(owner="bo"))
    more_events(root, 30)
    project.materialize()
    done = project.rollback("base", "1.0")
    assert "30 rows fewer than 1.1 has. `materialize base` brings it up to date." in done.notes[0]
    project.materialize()
    assert project.rollback("base", "1.0").notes == ()
    assert total(project, "base") == SUM + MORE
    project.close()
