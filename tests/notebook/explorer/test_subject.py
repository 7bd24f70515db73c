from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tests.notebook.explorer.stage import periods, subject, visits
from workbench.notebook.explorer.explorer import Panel
from workbench.notebook.explorer.rows import RowFilter, count, page
from workbench.notebook.explorer.selection import Where
from workbench.notebook.explorer.subject import subject_of

if TYPE_CHECKING:
    from workbench.project import Project


def test_features_that_changed_most_come_first_or_by_name() -> None:
    left = visits(100, a=[1.0] * 100, b=[1.0] * 100, c=[1.0] * 100)
    right = visits(100, a=[1.0] * 99 + [2.0], b=[1.0] * 100, c=[2.0] * 100, d=[1] * 100)
    both = subject(left, right)
    assert [feature.name for feature in both.sorted_features("change")] == ["c", "a", "d", "b"]
    assert [feature.name for feature in both.sorted_features("name")] == ["a", "b", "c", "d"]
    assert {feature.name: feature.says for feature in both.features} == {
        "a": "1%",
        "b": "same",
        "c": "100%",
        "d": "added",
    }


def test_a_drift_orders_by_how_far_features_moved() -> None:
    numbers = [float(row % 50) for row in range(500)]
    both = periods(visits(500, still=numbers, moved=numbers), visits(500, still=numbers, moved=[99.0] * 500))
    assert [(feature.name, feature.says) for feature in both.sorted_features("change")] == [
        ("moved", "drifted"),
        ("still", "no drift"),
    ]


def test_what_cannot_be_judged_is_not_said_to_have_no_drift() -> None:
    both = periods(
        visits(500, ids=[f"a{row}" for row in range(500)]), visits(500, ids=[f"b{row}" for row in range(500)])
    )
    assert both.feature("ids").says == "cannot judge"


def test_two_sides_of_one_name_are_called_left_and_right() -> None:
    both = subject(visits(3), visits(3))
    assert both.labels == ("main", "exp/new")
    renamed = type(both)(both.view, both.refs, (both.sides[0], both.sides[0]), (), None, both.choices, both.other)
    assert renamed.labels == ("left, main", "right, main")


def test_a_project_s_difference_and_drift_are_subjects(project: Project, event_view: str) -> None:
    project.define(event_view, log=False)
    project.branch("exp/second", start="exp/first", objective="See it change")
    project.define(event_view.replace('pl.col("amount")', '(pl.col("amount") * 2)'), log=False)
    shown = subject_of(project.diff("spend", "exp/first", "exp/second"))
    assert shown.labels == ("exp/first", "exp/second")
    assert shown.entities == ("user",)
    assert shown.time == "at"
    assert shown.feature("total").kind == "number"
    assert shown.feature("total").unit == "count"
    assert "exp/first" in shown.choices()
    of_one = RowFilter(shown.feature("total"), "any", Where({"user": "u1"}))
    assert count(shown, of_one) == page(shown, of_one).rows.height == 29
    again = shown.other("exp/second", "exp/second")
    assert again.feature("total").says == "same"
    alone = subject_of(project.diff("spend", "main", "exp/second"))
    assert alone.sides[0] is None
    assert alone.diff is None

    moved = subject_of(project.drift("spend", reference="exp/first", current="exp/second"))
    assert moved.free
    assert moved.diff is None
    assert moved.other("exp/first", "exp/first").feature("total").says == "no drift"


def test_rows_that_were_handed_over_stay_where_only_the_other_side_is_named(project: Project, event_view: str) -> None:
    project.define(event_view, log=False)
    rows = pl.DataFrame({"total": [float(row) for row in range(50)]})
    given = subject_of(project.drift("spend", reference=rows, current="exp/first"))
    assert given.refs == ("", "exp/first")
    assert given.entities == ()
    panel = Panel(given)
    panel.draw()
    assert panel.controls.note.value == ""
    assert panel.controls.left.value == ""
    panel.controls.right.value = "exp/first, user=u1"
    assert panel.controls.note.value == ""
    assert "(50 rows)" in panel.controls.about.value
    assert "(29 rows)" in panel.controls.about.value
    panel.controls.right.value = "2024-13"
    assert "is not a period" in panel.controls.note.value
    assert panel.controls.right.value == "exp/first, user=u1"
